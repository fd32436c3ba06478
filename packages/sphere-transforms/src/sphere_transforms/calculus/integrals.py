"""Integrals over the sphere: of fields by quadrature, of coefficients by Parseval's theorem."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields import (
    Array,
    Coefficients,
    check_coefficients,
    without_empty_entries,
)
from sphere_transforms.grids import Grid
from sphere_transforms.jax_extensions import complex_dtype, real_dtype


def power_spectrum(
    coefficients: Coefficients, other: Coefficients | None = None
) -> dict[int, jax.Array]:
    """Power per degree, C_ell = sum over m of |a_{ell m}|^2 / (2 ell + 1), or the cross spectrum.

    Rotating the field does not change its power spectrum. The sum over ell of (2 ell + 1) C_ell is
    the integral of |f|^2 over the sphere.

    Args:
      coefficients: mapping from spin to (batch, ell, m, channel).
      other: a second mapping b with the same spins and shapes. If it is given, the function returns
        the cross spectrum, the sum over m of a_{ell m} conj(b_{ell m}) / (2 ell + 1).

    Returns:
      Mapping from spin to (batch, ell, channel), zero where ell < |spin|. The power spectrum is
      real. The cross spectrum is complex; its imaginary component is zero if both fields are real
      and of spin 0.

    Raises:
      ValueError: an array does not have the shape of coefficients, or the two do not match.
    """
    _check_pair(coefficients, other, "power_spectrum")
    return {
        spin: _power_spectrum(values, None if other is None else other[spin], spin)
        for spin, values in coefficients.items()
    }


def inner_product(first: Coefficients, second: Coefficients) -> dict[int, jax.Array]:
    """The integral over the sphere of f conj(g), from the coefficients of f and g.

    Args:
      first: mapping from spin to (batch, ell, m, channel).
      second: mapping with the same spins and shapes.

    Returns:
      Mapping from spin to complex arrays (batch, channel): the sum over ell and m of
      a_{ell m} conj(b_{ell m}). For two tangent vector fields u and v, the integral of
      u_theta conj(v_theta) + u_phi conj(v_phi) is half the sum of the values for spins 1 and -1.

    Raises:
      ValueError: an array does not have the shape of coefficients, or the two do not match.
    """
    _check_pair(first, second, "inner_product")
    return {spin: _inner_product(values, second[spin], spin) for spin, values in first.items()}


def integrate(values: Array, grid: Grid) -> jax.Array:
    """The integral of a scalar over the sphere, by the grid's quadrature.

    Args:
      values: shape (batch, *grid.shape, channel), real or complex. They must be a scalar: a field
        of spin 0, or the squared modulus of a field of another spin. (The integral of a field of
        nonzero spin depends on the coordinates.)
      grid: the grid of the values.

    Returns:
      Shape (batch, channel). The accuracy is that of `grid.quadrature_weights`, which integrate
      band-limited fields. The square of a field has twice the degree, and the weights of some grids
      do not integrate it exactly; use `inner_product` of the coefficients for squares.

    Raises:
      ValueError: the values are not on the grid.
    """
    return _weighted_sum(values, _weights(values, grid, "integrate"))


def mean(values: Array, grid: Grid) -> jax.Array:
    """The mean of a scalar over the sphere: `integrate` divided by 4 pi.

    Args:
      values: a scalar, as for `integrate`: shape (batch, *grid.shape, channel), real or complex.
      grid: the grid of the values.

    Returns:
      Shape (batch, channel).

    Raises:
      ValueError: the values are not on the grid.
    """
    return _weighted_sum(values, _weights(values, grid, "mean") / (4 * np.pi))


# Each function compiles to one program, also where it is called outside jit.
@functools.partial(jax.jit, static_argnums=2, inline=True)
def _power_spectrum(first: Array, second: Array | None, spin: int) -> jax.Array:
    product = _product(first, second, spin)
    counts = jnp.asarray(2 * np.arange(product.shape[1]) + 1, product.dtype)
    return jnp.sum(product, axis=2) / counts[None, :, None]


@functools.partial(jax.jit, static_argnums=2, inline=True)
def _inner_product(first: Array, second: Array, spin: int) -> jax.Array:
    return jnp.sum(_product(first, second, spin), axis=(1, 2))


@functools.partial(jax.jit, inline=True)
def _weighted_sum(values: jax.Array, weights: jax.Array) -> jax.Array:
    return jnp.sum(values * weights, axis=tuple(range(1, values.ndim - 1)))


def _product(first: Array, second: Array | None, spin: int) -> jax.Array:
    """The product a conj(b), or |a|^2; zero where there is no harmonic."""
    a = without_empty_entries(jnp.asarray(first), spin)
    if second is None:
        return a.real**2 + a.imag**2
    return a * jnp.conj(without_empty_entries(jnp.asarray(second), spin))


def _check_pair(first: Coefficients, second: Coefficients | None, what: str) -> None:
    check_coefficients(first, what)
    if second is None:
        return
    check_coefficients(second, what)
    shapes = [{spin: values.shape for spin, values in pair.items()} for pair in (first, second)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"{what}: the arguments have shapes {shapes[0]} and {shapes[1]}; they need the same "
            "spins and shapes: see change_band_limit."
        )


def _weights(values: Array, grid: Grid, what: str) -> np.ndarray[Any, Any]:
    """The quadrature weights (one per ring or per pixel), in a shape to multiply `values`."""
    shape = np.shape(values)
    if len(shape) != len(grid.shape) + 2 or shape[1:-1] != tuple(grid.shape):
        raise ValueError(
            f"{what}: values have shape {shape}; on {grid!r} they must have (batch, "
            f"{', '.join(map(str, grid.shape))}, channel). Give one array, such as field[0]."
        )
    dtype = (complex_dtype if jnp.iscomplexobj(values) else real_dtype)(values.dtype)
    weights = np.asarray(grid.quadrature_weights, dtype)
    return weights.reshape(1, -1, *(len(shape) - 2) * (1,))
