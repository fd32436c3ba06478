"""The array layouts inside a transform, and the conversions between them.

Inside a transform, arrays are real. The *component* axis holds the real and the imaginary
component. The first axis holds the orders m >= 0, and the *side* axis holds m and -m, because a
symmetry relates their Legendre functions. A real field of spin 0 has one side. On the -m side, the
entry of m = 0 is zero or has no effect.

- Coefficients by order: (m, ell, side, component, batch, *rest).
- Order sums that an analysis takes: (m, ring, side, component, batch, *rest).
- Order sums that a synthesis returns: (m, side, component, batch, *rest, ring).
- Spectra, the input or output of an FFT: one complex array per side, (batch, *rest, ring, m).

Both layouts of order sums put the contracted axis where the matrix product is fastest. Only real
arrays are transposed, because on CPU XLA takes five times as long to transpose complex arrays
(docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields import without_empty_entries
from sphere_transforms.jax_extensions import transpose_apart


def order_sums_from_spectra(spectra: Sequence[jax.Array]) -> jax.Array:
    """Converts spectra to the order sums of an analysis.

    Args:
      spectra: one or two complex arrays (batch, *rest, ring, m), m >= 0, for the orders m and -m.

    Returns:
      Real (m, ring, side, component, batch, *rest).
    """
    rank = spectra[0].ndim
    components = [array for spectrum in spectra for array in (spectrum.real, spectrum.imag)]
    stacked = jnp.stack(components).reshape(len(spectra), 2, *components[0].shape)
    return transpose_apart(stacked, (rank + 1, rank, *range(rank)))


def spectra_from_order_sums(sums: jax.Array) -> list[jax.Array]:
    """Converts order sums of a synthesis, (m, side, component, batch, *rest, ring), to spectra."""
    stacked = transpose_apart(sums, (*range(1, sums.ndim), 0))
    return [jax.lax.complex(side[0], side[1]) for side in stacked]


def from_order_layout(by_order: jax.Array) -> jax.Array:
    """Real (m, ell, side, component, batch, *rest) to complex (batch, ell, m, *rest), all m.

    Data with one side belongs to a real field of spin 0, for which a_{ell,-m} =
    (-1)^m conj(a_{ell m}).
    """
    sides, last = by_order.shape[2], by_order.ndim - 1
    apart = transpose_apart(by_order, (2, 3, 4, 1, 0, *range(5, last + 1)))
    plus = jax.lax.complex(apart[0, 0], apart[0, 1])
    minus = jax.lax.complex(apart[1, 0], apart[1, 1]) if sides == 2 else _conjugate_orders(plus)
    return jnp.concatenate([minus[:, :, 1:][:, :, ::-1], plus], 2)


def to_order_layout(coefficients: jax.Array, spin: int, *, real: bool) -> jax.Array:
    """Complex (batch, ell, m, *rest) to real (m, ell, side, component, batch, *rest).

    Entries without a harmonic become zero, also if they are NaN or infinite.
    With `real=True` the result has one side, which holds the coefficients of the real component of
    a field of spin 0, (a_{ell m} + (-1)^m conj(a_{ell,-m})) / 2.
    """
    coefficients = without_empty_entries(coefficients, spin)
    middle = coefficients.shape[2] // 2
    plus, minus = coefficients[:, :, middle:], coefficients[:, :, : middle + 1][:, :, ::-1]
    if real:
        sides = [(plus + _conjugate_orders(minus)) / 2]
    else:
        later = np.arange(middle + 1) > 0
        sides = [plus, minus * _along_orders(later, minus)]
    components = jnp.stack([array for side in sides for array in (side.real, side.imag)])
    stacked = components.reshape(len(sides), 2, *plus.shape)
    return transpose_apart(stacked, (4, 3, 0, 1, 2, *range(5, stacked.ndim)))


def _conjugate_orders(coefficients: jax.Array) -> jax.Array:
    """(-1)^m conj(a): the orders -m of a real field from a = (batch, ell, m, *rest), m >= 0."""
    sign = (-1.0) ** np.arange(coefficients.shape[2])
    return jnp.conj(coefficients) * _along_orders(sign, coefficients)


def _along_orders(values: np.ndarray, like: jax.Array) -> jax.Array:
    """The values (one per order), in a shape to multiply (batch, ell, m, *rest)."""
    return jnp.asarray(values, like.dtype).reshape(1, 1, -1, *[1] * (like.ndim - 3))
