"""Covariant derivatives of fields of any spin and of tangent vectors, computed from coefficients.

All functions are linear, exact for band-limited fields, and keep the band limit. The sphere has
radius one. For another radius, divide first derivatives by the radius and second derivatives by its
square.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields import (
    Array,
    Coefficients,
    check_coefficients,
    conjugate_coefficients,
)
from sphere_transforms.jax_extensions import check_array, complex_dtype


def raise_spin(coefficients: Coefficients) -> dict[int, jax.Array]:
    """Applies eth: spin s becomes s + 1, f_{ell m} times sqrt((ell - s)(ell + s + 1)).

    eth f = -sin^s (d/dtheta + i / sin d/dphi) sin^{-s} f (Goldberg et al. 1967, equations 2.5 and
    2.7a). For spin 0, eth f = -(f_theta + i f_phi / sin(theta)).

    Args:
      coefficients: mapping from spin to (batch, ell, m, channel).

    Returns:
      Mapping from spin + 1 to arrays of the same shape.

    Raises:
      ValueError: an array does not have the shape of coefficients.
    """
    check_coefficients(coefficients, "raise_spin")
    return {s + 1: _scale(values, s, s + 1) for s, values in coefficients.items()}


def lower_spin(coefficients: Coefficients) -> dict[int, jax.Array]:
    """Applies eth-bar: spin s becomes s - 1, f_{ell m} times -sqrt((ell + s)(ell - s + 1)).

    For spin 0, eth-bar f = -(f_theta - i f_phi / sin(theta)) (Goldberg et al. 1967, equation 2.7b).

    Args:
      coefficients: mapping from spin to (batch, ell, m, channel).

    Returns:
      Mapping from spin - 1 to arrays of the same shape.

    Raises:
      ValueError: an array does not have the shape of coefficients.
    """
    check_coefficients(coefficients, "lower_spin")
    return {s - 1: _scale(values, -s, 1 - s, -1) for s, values in coefficients.items()}


def gradient(coefficients: Array) -> dict[int, jax.Array]:
    """The surface gradient of a scalar field, as coefficients of spin 1 and spin -1.

    Args:
      coefficients: spin 0, shape (batch, ell, m, channel).

    Returns:
      {1: a, -1: b}, the coefficients of the fields f_theta + i f_phi / sin(theta) and f_theta -
      i f_phi / sin(theta). The two fields are conjugates of each other if f is real.
      `spin_to_vector` returns the tangent components f_theta and f_phi / sin(theta) from the
      synthesised fields.

    Raises:
      ValueError: the argument is not an array, or does not have the shape of coefficients.
    """
    _check_scalar(coefficients, "gradient")
    return {1: _scale(coefficients, 0, 1, -1), -1: _scale(coefficients, 0, 1)}


def rotated_gradient(coefficients: Array) -> dict[int, jax.Array]:
    """The gradient rotated by 90 degrees in the tangent plane: r x grad f.

    r is the outward unit vector, so the rotation is counterclockwise as seen from outside. The
    result is the flow with stream function f. Its divergence is zero and its curl is the Laplacian
    of f. It also equals minus the curl of f r.

    Args:
      coefficients: spin 0, shape (batch, ell, m, channel).

    Returns:
      {1: i a, -1: -i b}, where {1: a, -1: b} is the result of `gradient`.

    Raises:
      ValueError: as for `gradient`.
    """
    _check_scalar(coefficients, "rotated_gradient")
    # Two arrays, because one buffer could not be donated twice.
    return {spin: _scale(coefficients, 0, 1, -1j) for spin in (1, -1)}


def divergence(coefficients: Coefficients) -> jax.Array:
    """The surface divergence of a tangent vector field.

    div v = (d(sin(theta) v_theta)/dtheta + d v_phi/dphi) / sin(theta). The field of spin 1 is
    v_theta + i v_phi, and its eth-bar is -(div v + i curl v).

    Args:
      coefficients: spins 1 and -1, each of shape (batch, ell, m, channel). For a real vector field,
        spin -1 may be omitted, because it is the conjugate of spin 1. Other spins are ignored.

    Returns:
      Coefficients of spin 0, shape (batch, ell, m, channel).

    Raises:
      ValueError: there is no spin 1, or an array does not have the shape of coefficients.
    """
    return _divergence(*_vector(coefficients, "divergence"))


def curl(coefficients: Coefficients) -> jax.Array:
    """The radial component of the curl of a tangent vector field (the vorticity of a flow).

    curl v = (d(sin(theta) v_phi)/dtheta - d v_theta/dphi) / sin(theta). It is positive where the
    vectors circulate counterclockwise as seen from outside.

    Args:
      coefficients: spins 1 and -1, each of shape (batch, ell, m, channel), as for `divergence`.

    Returns:
      Coefficients of spin 0, shape (batch, ell, m, channel).

    Raises:
      ValueError: there is no spin 1, or an array does not have the shape of coefficients.
    """
    return _curl(*_vector(coefficients, "curl"))


def laplacian(coefficients: Coefficients) -> dict[int, jax.Array]:
    """The Laplacian, which keeps the spin: f_{ell m} times -(ell (ell + 1) - s^2).

    For spin 0 this is the Laplace-Beltrami operator div grad. For every spin it is the trace of the
    second covariant derivative, (eth eth-bar + eth-bar eth) / 2.

    Args:
      coefficients: mapping from spin to (batch, ell, m, channel).

    Returns:
      Mapping from the same spins to arrays of the same shape.

    Raises:
      ValueError: an array does not have the shape of coefficients.
    """
    check_coefficients(coefficients, "laplacian")
    return {spin: _laplacian(values, spin) for spin, values in coefficients.items()}


# Each function compiles to one program, also where it is called outside jit: without it, every
# operation is a program of its own, and the first call takes half a second.
_one_program = functools.partial(jax.jit, inline=True)


@functools.partial(_one_program, static_argnums=(1, 2, 3))
def _scale(array: Array, spin: int, target: int, sign: complex = 1) -> jax.Array:
    """Sign times sqrt((ell - spin)(ell + spin + 1)) times the coefficients, of one spin higher."""
    values = jnp.asarray(array)
    ell = np.arange(values.shape[1])
    present = ell >= max(abs(spin), abs(target))
    factor = sign * np.sqrt(np.where(present, (ell - spin) * (ell + spin + 1.0), 0.0))
    if np.iscomplexobj(factor):
        values = values.astype(complex_dtype(values.dtype))
    scaled = values * jnp.asarray(factor, values.dtype)[None, :, None, None]
    # A selection, because an entry without a harmonic may be NaN.
    return jnp.where(present[None, :, None, None], scaled, 0)


@_one_program
def _divergence(plus: jax.Array, minus: jax.Array) -> jax.Array:
    return (_scale(plus, -1, 0) - _scale(minus, -1, 0)) / 2


@_one_program
def _curl(plus: jax.Array, minus: jax.Array) -> jax.Array:
    return (_scale(plus, -1, 0) + _scale(minus, -1, 0)) / 2j


@functools.partial(_one_program, static_argnums=1)
def _laplacian(array: Array, spin: int) -> jax.Array:
    values = jnp.asarray(array)
    ell = np.arange(values.shape[1])
    factor = jnp.asarray(spin**2 - ell * (ell + 1.0), values.dtype)
    return values * factor[None, :, None, None]


def _check_scalar(coefficients: Array, what: str) -> None:
    check_array(coefficients, f"{what}: the argument")
    check_coefficients({0: coefficients}, what)


def _vector(coefficients: Coefficients, what: str) -> tuple[Array, Array]:
    check_coefficients(coefficients, what)
    if 1 not in coefficients:
        raise ValueError(
            f"{what}: coefficients have spins {sorted(coefficients)}; a tangent vector field has "
            "spin 1, and also spin -1 unless it is real: see vector_to_spin."
        )
    plus = coefficients[1]
    minus = coefficients[-1] if -1 in coefficients else conjugate_coefficients({1: plus})[-1]
    return plus, minus
