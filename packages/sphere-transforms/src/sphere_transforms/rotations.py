"""Rotations: Euler angles, matrices, and how coefficients of any spin turn."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.double_precision import check_x64
from sphere_transforms.quarter_turn import quarter_turn

if TYPE_CHECKING:
    from sphere_transforms.transform import SpinTransform

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

    Raises:
      ValueError: angles are not three.
    """
    three = _three(angles, "rotation_matrix")
    alpha, beta, gamma = (np.asarray(angle, np.float64) for angle in three)
    return _about_z(alpha) @ _about_y(beta) @ _about_z(gamma)


def rotate_coefficients(
    coefficients: Mapping[int, jax.Array], angles: EulerAngles
) -> dict[int, jax.Array]:
    """Coefficients of the field turned actively by R(alpha, beta, gamma).

    Coefficients of every spin turn alike: f'_{ell m} = sum over n of D^ell_{mn} f_{ell n} with
    D^ell_{mn} = exp(-i m alpha) d^ell_{mn}(beta) exp(-i n gamma) (Varshalovich et al., section 4.3;
    Boyle, arXiv 1604.08140, for spin). The middle turn is taken as d(beta) = exp(-i beta J_y), a
    turn about z between two fixed quarter turns about y (Risbo 1996), so that the same constants
    serve every angle and float32 loses nothing to a recursion: see `quarter_turn`.

    Differentiable by the coefficients and by the angles, in forward and reverse mode and to any
    order. Memory grows as L^2, also that of derivatives, work as L^3.

    Args:
      coefficients: mapping from spin to complex arrays (batch, ell, m, channel), complex64 or
        complex128.
      angles: (alpha, beta, gamma) in radians, each a number or an array of shape (batch,) with one
        rotation for each example. They may be traced. Numbers and NumPy arrays are used in float64,
        JAX arrays as they are.

    Returns:
      The same mapping, turned.

    Raises:
      ValueError: an array has not the shape of coefficients, angles are not three, or an angle is
        neither one value nor one for each example; the band limit is above 2600.
    """
    angles = _three(angles, "rotate_coefficients")
    return {spin: _rotate(values, angles) for spin, values in coefficients.items()}


def rotate_field(
    transform: SpinTransform, field: Mapping[int, jax.Array], angles: EulerAngles
) -> dict[int, jax.Array]:
    """The field turned actively by R(alpha, beta, gamma), sampled on the same grid.

    Exact for what the transform represents, fields below its band limit; the rest of a field is
    lost, as in `transform.inverse(transform.forward(field))`.

    Args:
      transform: a SpinTransform, or whatever has its `forward` and `inverse`.
      field: mapping from spin to arrays (batch, *grid.shape, channel), as `transform.forward` takes
        them.
      angles: as `rotate_coefficients` takes them.

    Returns:
      Mapping from the same spins to arrays of the same shape: real where spin 0 is real, complex
      otherwise.

    Raises:
      ValueError: what `transform.forward` or `rotate_coefficients` refuse.
    """
    turned = transform.inverse(rotate_coefficients(transform.forward(field), angles))
    real = [spin for spin, values in field.items() if spin == 0 and not jnp.iscomplexobj(values)]
    return turned | {spin: turned[spin].real for spin in real}


def _three(angles: EulerAngles, where: str) -> EulerAngles:
    try:
        alpha, beta, gamma = angles
    except (TypeError, ValueError):
        raise ValueError(
            f"{where}: angles is {angles!r}; give three, (alpha, beta, gamma) in radians."
        ) from None
    return alpha, beta, gamma


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
    values = jnp.asarray(values).astype(jnp.result_type(values, jnp.complex64))
    about_z = (_turn_about_z(angle, values.shape[1], values.real.dtype) for angle in angles)
    return _turn(values, *about_z)


@jax.jit
def _turn(values: jax.Array, alpha: jax.Array, beta: jax.Array, gamma: jax.Array) -> jax.Array:
    """The rotation, its turns about z given as factors exp(-i m angle) of shape (batch or 1, m).

    With Z(angle) a turn about z and Delta the quarter turn about y,

      d(beta) = Z(-pi/2) Delta^T Z(beta) Delta Z(pi/2):

    the first two, from the right, carry the y axis to the z axis, the last two carry it back.
    Delta^T is Delta with the sign of odd orders changed before and after.
    """
    band_limit = values.shape[1]
    m = np.arange(1 - band_limit, band_limit)
    quarter_about_z = jnp.asarray(np.array([1, -1j, -1, 1j])[m % 4], gamma.dtype)[None]
    alternating = jnp.asarray((-1.0) ** m, gamma.dtype)[None]
    before = jnp.broadcast_arrays(quarter_about_z * gamma, alternating * beta)

    def step(values: jax.Array, factor: jax.Array) -> tuple[jax.Array, None]:
        values = values * factor.T[None, :, :, None]
        parts = quarter_turn(jnp.stack([values.real, values.imag], -1))
        return jax.lax.complex(parts[..., 0], parts[..., 1]), None

    # (ell, m, batch, channel). One loop for both quarter turns: they are compiled once.
    turned = jax.lax.scan(step, jnp.transpose(values, (1, 2, 0, 3)), jnp.stack(before))[0]
    turned = jnp.transpose(turned, (2, 0, 1, 3))
    return turned * (quarter_about_z * alpha)[:, None, :, None]


def _turn_about_z(angle: Any, band_limit: int, dtype: Any) -> jax.Array:
    """exp(-i m angle), complex, shape (1 or batch, 2 L - 1).

    The product with m multiplies an angle's rounding error by up to L: so it is taken in float64.
    """
    if not isinstance(angle, jax.Array):
        m = np.arange(1 - band_limit, band_limit)
        phase = np.asarray(angle, np.float64).reshape(-1, 1) * m
        return jnp.asarray(np.exp(-1j * phase), jnp.result_type(dtype, jnp.complex64))
    if not jnp.issubdtype(angle.dtype, jnp.floating):
        angle = angle.astype(dtype)
    return _turn_about_z_of_array(angle.reshape(-1, 1), band_limit, np.dtype(dtype))


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _turn_about_z_of_array(angle: jax.Array, band_limit: int, dtype: Any) -> jax.Array:
    with jax.enable_x64(True):
        m = jnp.arange(1 - band_limit, band_limit, dtype=jnp.float64)
        phase = jax.lax.convert_element_type(angle, jnp.float64) * m[None]
        return jax.lax.complex(jnp.cos(phase).astype(dtype), -jnp.sin(phase).astype(dtype))


@_turn_about_z_of_array.defjvp
def _turn_about_z_jvp(band_limit: int, dtype: Any, primals: Any, tangents: Any) -> Any:
    # Written out, so that derivatives never pass through the float64 inside.
    result = _turn_about_z_of_array(*primals, band_limit, dtype)
    m = np.arange(1 - band_limit, band_limit)
    return result, result * jnp.asarray(-1j * m, result.dtype)[None] * tangents[0].astype(dtype)


def _about_z(angle: np.ndarray) -> np.ndarray:
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([c, -s, zero, s, c, zero, zero, zero, one], -1).reshape(*angle.shape, 3, 3)


def _about_y(angle: np.ndarray) -> np.ndarray:
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([c, zero, s, zero, one, zero, -s, zero, c], -1).reshape(*angle.shape, 3, 3)
