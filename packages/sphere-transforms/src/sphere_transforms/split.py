"""The transforms on real and imaginary parts held longitude-major: what the compiled step runs.

A field is a pair of real arrays (long, lat, batch, channel), coefficients a pair of real arrays
(m, ell, batch, channel) with m from -(L-1) to L-1. So held, the product along the longitude is one
matrix product, the product along the colatitude is one batched over a leading m, and nothing is
transposed in between, in either direction or derivative. The batch keeps an axis of its own, so
that a sharded batch stays sharded.

A real field of spin 0 has a_{ell,-m} = (-1)^m conj(a_{ell m}): its coefficients are held for m >= 0
alone, (L, ell, batch, channel), "half" below, at half the cost.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.colatitude import ColatitudeProduct
from sphere_transforms.contraction import contract
from sphere_transforms.linear_operator import apply_linear

Parts = tuple[jax.Array, jax.Array]

# Within a compiled step these are inlined; called one by one, each compiles once for its shapes.
_compiled = functools.partial(jax.jit, static_argnames="product")


@_compiled
def analyze(parts: Parts, fourier: jax.Array, tables: Any, product: ColatitudeProduct) -> Parts:
    """Field to coefficients.

    Args:
      parts: real and imaginary part, each (long, lat, batch, channel).
      fourier: (2, L, long), cosines and sines of m phi_k.
      tables: of the product.
      product: along the colatitude, to degrees.

    Returns:
      Real and imaginary part, each (2 L - 1, ell, batch, channel).
    """
    # Per order F_m = (C_re + S_im) + i (C_im - S_re), and with S negated for -m, where C and S are
    # the sums over longitude with cos(m phi) and sin(m phi).
    (cos_re, sin_re), (cos_im, sin_im) = (
        contract("pmk,kjbc->pmjbc", fourier, part, product.precision) for part in parts
    )
    plus = jnp.stack([cos_re + sin_im, cos_im - sin_re], 2)
    minus = jnp.stack([cos_re - sin_im, cos_im + sin_re], 2)
    found = apply_linear(product, tables, jnp.stack([plus, minus], 2))
    real, imag = (_join_orders(found[:, :, 1, part], found[:, :, 0, part]) for part in (0, 1))
    return real, imag


@_compiled
def analyze_real(
    field: jax.Array, fourier: jax.Array, tables: Any, product: ColatitudeProduct
) -> Parts:
    """Real field of spin 0, (long, lat, batch, channel), to half coefficients."""
    cosine, sine = contract("pmk,kjbc->pmjbc", fourier, field, product.precision)
    found = apply_linear(product, tables, jnp.stack([cosine, -sine], 2)[:, :, None])
    return found[:, :, 0, 0], found[:, :, 0, 1]


@_compiled
def synthesize(parts: Parts, fourier: jax.Array, tables: Any, product: ColatitudeProduct) -> Parts:
    """Coefficients to field: the shapes of `analyze`, the other way."""
    sides = [_split_orders(part, fourier.shape[1]) for part in parts]
    stacked = jnp.stack([jnp.stack([part[side] for part in sides], 2) for side in (1, 0)], 2)
    sums = apply_linear(product, tables, stacked)
    # With G_m the sum over ell: f = sum over m >= 0 of cos(m phi) (G_m + G_{-m})
    # + i sin(m phi) (G_m - G_{-m}), the term m = 0 counted once.
    (real_plus, imag_plus), (real_minus, imag_minus) = (
        (sums[:, :, side, 0], sums[:, :, side, 1]) for side in (0, 1)
    )
    for_real = jnp.stack([real_plus + real_minus, imag_minus - imag_plus])
    for_imag = jnp.stack([imag_plus + imag_minus, real_plus - real_minus])
    return (
        contract("pmk,pmjbc->kjbc", fourier, for_real, product.precision),
        contract("pmk,pmjbc->kjbc", fourier, for_imag, product.precision),
    )


@_compiled
def synthesize_real(
    half: Parts, fourier: jax.Array, tables: Any, product: ColatitudeProduct
) -> jax.Array:
    """Half coefficients of spin 0 to the real field, (long, lat, batch, channel)."""
    sums = apply_linear(product, tables, jnp.stack(half, 2)[:, :, None])
    real, imag = sums[:, :, 0, 0], sums[:, :, 0, 1]
    # Orders m and -m contribute alike, so all but m = 0 count twice.
    twice = np.full((fourier.shape[1], 1, 1, 1), 2.0)
    twice[0] = 1
    weights = jnp.asarray(twice, real.dtype)
    stacked = jnp.stack([weights * real, -weights * imag])
    return contract("pmk,pmjbc->kjbc", fourier, stacked, product.precision)


@jax.jit
def expand_half(half: Parts) -> Parts:
    """Half coefficients to all orders: a_{ell,-m} = (-1)^m conj(a_{ell m})."""
    real, imag = half
    sign = _signs(real.shape[0], real.dtype)[1:]
    return (
        jnp.concatenate([(sign * real[1:])[::-1], real]),
        jnp.concatenate([-(sign * imag[1:])[::-1], imag]),
    )


@jax.jit
def real_part(parts: Parts) -> Parts:
    """Half coefficients of the real part of a field of spin 0, from all of its coefficients.

    Re f has coefficients (a_{ell m} + (-1)^m conj(a_{ell,-m})) / 2.
    """
    real, imag = parts
    band_limit = (real.shape[0] + 1) // 2
    sign = _signs(band_limit, real.dtype)
    mirrored_real, mirrored_imag = (part[:band_limit][::-1] for part in parts)
    return (
        (real[band_limit - 1 :] + sign * mirrored_real) / 2,
        (imag[band_limit - 1 :] - sign * mirrored_imag) / 2,
    )


def _signs(band_limit: int, dtype: jnp.dtype) -> jax.Array:
    return jnp.asarray((-1.0) ** np.arange(band_limit), dtype)[:, None, None, None]


def _join_orders(minus: jax.Array, plus: jax.Array) -> jax.Array:
    """Values at -m and at m, each for m = 0, 1, ..., as one array over m from -(L-1) to L-1."""
    return jnp.concatenate([minus[1:][::-1], plus])


def _split_orders(values: jax.Array, band_limit: int) -> Parts:
    """The inverse of `_join_orders`, with a zero for the second copy of m = 0."""
    plus = values[band_limit - 1 :]
    minus = jnp.concatenate([jnp.zeros_like(plus[:1]), values[: band_limit - 1][::-1]])
    return minus, plus
