"""The layouts in which orders are held, and the ways between them.

Inside a transform real and imaginary part are held apart, m >= 0 comes first, and the two sides
are the orders m and -m: what symmetry makes of the one serves the other. A real field of spin 0 has
one side. The second copy of m = 0 is zero, or without effect.

- Coefficients: (m, ell, side, part, batch, *rest).
- Order sums that an analysis takes: (m, ring, side, part, batch, *rest).
- Order sums that a synthesis gives: (m, side, part, batch, *rest, ring). In either direction the
  matrix product has its columns as it likes them.
- Spectra, before and after an FFT: complex, one for each side, (batch, *rest, ring, m).

Whatever turns around is real: on CPU XLA's transposition of complex numbers takes five times the
time of that of their parts (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.transposition import transpose_apart


def orders_from_spectra(spectra: Sequence[jax.Array]) -> jax.Array:
    """Sums of each ring, one array for each side, to order sums.

    Args:
      spectra: one or two complex arrays (batch, *rest, ring, m), m >= 0, of the orders m and -m.

    Returns:
      Real (m, ring, side, part, batch, *rest).
    """
    rank = spectra[0].ndim
    parts = [part for spectrum in spectra for part in (spectrum.real, spectrum.imag)]
    stacked = jnp.stack(parts).reshape(len(spectra), 2, *parts[0].shape)
    return transpose_apart(stacked, (rank + 1, rank, *range(rank)))


def spectra_from_orders(orders: jax.Array) -> list[jax.Array]:
    """Order sums of a synthesis, real (m, side, part, batch, *rest, ring), to spectra."""
    stacked = transpose_apart(orders, (*range(1, orders.ndim), 0))
    return [jax.lax.complex(side[0], side[1]) for side in stacked]


def coefficients_from_orders(orders: jax.Array) -> jax.Array:
    """Real (m, ell, side, part, batch, *rest) to complex (batch, ell, m, *rest), both signs of m.

    With one side, of a real field of spin 0: a_{ell,-m} = (-1)^m conj(a_{ell m}).
    """
    sides, last = orders.shape[2], orders.ndim - 1
    parts = transpose_apart(orders, (2, 3, 4, 1, 0, *range(5, last + 1)))
    plus = jax.lax.complex(parts[0, 0], parts[0, 1])
    minus = jax.lax.complex(parts[1, 0], parts[1, 1]) if sides == 2 else _mirrored(plus)
    return jnp.concatenate([minus[:, :, 1:][:, :, ::-1], plus], 2)


def orders_from_coefficients(coefficients: jax.Array, *, real: bool) -> jax.Array:
    """Complex (batch, ell, m, *rest) to real (m, ell, side, part, batch, *rest).

    Real: one side, the coefficients (a_{ell m} + (-1)^m conj(a_{ell,-m})) / 2 of the real part of
    a field of spin 0.
    """
    middle = coefficients.shape[2] // 2
    plus, minus = coefficients[:, :, middle:], coefficients[:, :, : middle + 1][:, :, ::-1]
    if real:
        sides = [(plus + _mirrored(minus)) / 2]
    else:
        later = np.arange(middle + 1) > 0
        sides = [plus, minus * _along_orders(later, minus)]
    parts = jnp.stack([part for side in sides for part in (side.real, side.imag)])
    stacked = parts.reshape(len(sides), 2, *plus.shape)
    return transpose_apart(stacked, (4, 3, 0, 1, 2, *range(5, stacked.ndim)))


def _mirrored(coefficients: jax.Array) -> jax.Array:
    """(-1)^m conj(a), of (batch, ell, m, *rest) with m >= 0."""
    sign = (-1.0) ** np.arange(coefficients.shape[2])
    return jnp.conj(coefficients) * _along_orders(sign, coefficients)


def _along_orders(values: np.ndarray, like: jax.Array) -> jax.Array:
    """To multiply (batch, ell, m, *rest)."""
    return jnp.asarray(values, like.real.dtype).reshape(1, 1, -1, *[1] * (like.ndim - 3))
