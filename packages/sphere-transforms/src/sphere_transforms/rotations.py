"""Rotations: Euler angles, matrices, and how coefficients of any spin turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.double_precision import check_x64
from sphere_transforms.wigner import wigner_d_half_pi

EulerAngles = tuple[Any, Any, Any]


def random_euler_angles(
    source: np.random.Generator | jax.Array, shape: tuple[int, ...] = ()
) -> EulerAngles:
    """Rotations drawn uniformly from SO(3), as ZYZ angles.

    Args:
      source: a NumPy generator (the angles are float64 NumPy arrays), or a JAX random key (they
        are JAX arrays of the default float type).
      shape: shape of each angle's array.

    Returns:
      (alpha, beta, gamma) in radians: alpha and gamma in [0, 2 pi), beta in [0, pi].
    """
    if isinstance(source, np.random.Generator):
        alpha, gamma = source.uniform(0, 2 * np.pi, (2, *shape))
        return alpha, np.arccos(source.uniform(-1, 1, shape)), gamma
    key_azimuths, key_height = jax.random.split(source)
    alpha, gamma = jax.random.uniform(key_azimuths, (2, *shape), maxval=2 * np.pi)
    return alpha, jnp.arccos(jax.random.uniform(key_height, shape, minval=-1.0)), gamma


def rotation_matrix(angles: EulerAngles) -> np.ndarray:
    """R = Rz(alpha) Ry(beta) Rz(gamma), which turns points actively: x' = R x.

    Args:
      angles: (alpha, beta, gamma) in radians, each a number or an array of one common shape.

    Returns:
      float64 NumPy, shape (..., 3, 3).
    """
    alpha, beta, gamma = (np.asarray(angle, np.float64) for angle in angles)
    return _about_z(alpha) @ _about_y(beta) @ _about_z(gamma)


def rotate_coefficients(
    coefficients: Mapping[int, jax.Array], angles: EulerAngles
) -> dict[int, jax.Array]:
    """Coefficients of the field turned actively by R(alpha, beta, gamma).

    Coefficients of every spin turn alike: f'_{ell m} = sum over n of D^ell_{mn} f_{ell n} with
    D^ell_{mn} = exp(-i m alpha) d^ell_{mn}(beta) exp(-i n gamma) (Varshalovich et al., section 4.3;
    Boyle, arXiv 1604.08140, for spin). The middle turn is taken as d(beta) = exp(-i beta J_y), a
    turn about z between two fixed quarter turns, so that one constant table serves every angle
    and float32 loses nothing to a recursion.

    Args:
      coefficients: mapping from spin to complex arrays (batch, ell, m, channel).
      angles: (alpha, beta, gamma) in radians, each a number or an array of shape (batch,) with one
        rotation for each example. They may be traced.

    Returns:
      The same mapping, turned.

    Raises:
      ValueError: an array has not the shape of coefficients, or an angle neither one value nor one
        for each example.
    """
    return {spin: _rotate(values, angles) for spin, values in coefficients.items()}


def _rotate(values: jax.Array, angles: EulerAngles) -> jax.Array:
    if values.ndim != 4 or values.shape[2] != 2 * values.shape[1] - 1:
        raise ValueError(
            f"rotate_coefficients: an array has shape {values.shape}; coefficients have shape "
            "(batch, L, 2 L - 1, channel), as SpinTransform.forward returns them."
        )
    check_x64(values.dtype, "rotate_coefficients: an array")
    for angle in angles:
        if jnp.shape(angle) not in ((), (1,), values.shape[:1]):
            raise ValueError(
                f"rotate_coefficients: an angle has shape {jnp.shape(angle)}; with a batch of "
                f"{values.shape[0]} it must be a number, or an array of shape ({values.shape[0]},)."
            )
    band_limit = values.shape[1]
    real = values.real.dtype
    quarter_turn = jnp.asarray(wigner_d_half_pi(band_limit), real)
    m = jnp.arange(1 - band_limit, band_limit, dtype=real)

    def about_z(values: jax.Array, angle: Any) -> jax.Array:
        angle = jnp.asarray(angle, real).reshape(-1, 1)
        phase = angle * m[None, :]
        return values * jax.lax.complex(jnp.cos(phase), -jnp.sin(phase))[:, None, :, None]

    # d(beta) = Z(-pi/2) d(pi/2)^T Z(beta) d(pi/2) Z(pi/2), with Z a turn about z: it carries the
    # y axis to the z axis and back.
    alpha, beta, gamma = angles
    values = about_z(values, jnp.asarray(gamma, real) + np.pi / 2)
    values = _multiply_real("lmn,blnc->blmc", quarter_turn, values)
    values = about_z(values, beta)
    values = _multiply_real("lnm,blnc->blmc", quarter_turn, values)
    return about_z(values, jnp.asarray(alpha, real) - np.pi / 2)


def _multiply_real(subscripts: str, table: jax.Array, values: jax.Array) -> jax.Array:
    def product(part: jax.Array) -> jax.Array:
        return jnp.einsum(subscripts, table, part, precision=jax.lax.Precision.HIGHEST)

    return jax.lax.complex(product(values.real), product(values.imag))


def _about_z(angle: np.ndarray) -> np.ndarray:
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([c, -s, zero, s, c, zero, zero, zero, one], -1).reshape(*angle.shape, 3, 3)


def _about_y(angle: np.ndarray) -> np.ndarray:
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([c, zero, s, zero, one, zero, -s, zero, c], -1).reshape(*angle.shape, 3, 3)
