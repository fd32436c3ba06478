"""Raising and lowering of spin: the covariant derivatives of a field, taken on its coefficients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields import Coefficients


def raise_spin(coefficients: Coefficients) -> dict[int, jax.Array]:
    """Applies eth: spin s becomes s + 1, f_{ell m} times sqrt((ell - s)(ell + s + 1)).

    With eth f = -sin^s (d/dtheta + i / sin d/dphi) sin^{-s} f, so for spin 0
    eth f = -(f_theta + i f_phi / sin(theta)). (Goldberg et al. 1967, equations 2.5 and 2.7a.)

    Args:
      coefficients: mapping from spin to (batch, ell, m, channel).

    Returns:
      Mapping from spin + 1 to arrays of the same shape.
    """
    return {s + 1: _scale(values, s, s + 1) for s, values in coefficients.items()}


def lower_spin(coefficients: Coefficients) -> dict[int, jax.Array]:
    """Applies eth-bar: spin s becomes s - 1, f_{ell m} times -sqrt((ell + s)(ell - s + 1)).

    For spin 0, ethbar f = -(f_theta - i f_phi / sin(theta)). (Goldberg et al. 1967, 2.7b.)

    Args:
      coefficients: mapping from spin to (batch, ell, m, channel).

    Returns:
      Mapping from spin - 1 to arrays of the same shape.
    """
    return {s - 1: -_scale(values, -s, 1 - s) for s, values in coefficients.items()}


def gradient(coefficients: jax.Array) -> dict[int, jax.Array]:
    """The surface gradient of a scalar field, as coefficients of spin 1 and spin -1.

    Args:
      coefficients: spin 0, shape (batch, ell, m, channel).

    Returns:
      {1: a, -1: b}: synthesised, a = f_theta + i f_phi / sin(theta) and b its conjugate where f is
      real. The tangent components are f_theta = (a + b) / 2 and f_phi / sin = (a - b) / (2 i).
    """
    return {1: -raise_spin({0: coefficients})[1], -1: -lower_spin({0: coefficients})[-1]}


def _scale(values: jax.Array, spin: int, target: int) -> jax.Array:
    ell = np.arange(values.shape[1])
    squared = np.where(ell >= max(abs(spin), abs(target)), (ell - spin) * (ell + spin + 1.0), 0.0)
    return values * jnp.asarray(np.sqrt(squared), values.real.dtype)[None, :, None, None]
