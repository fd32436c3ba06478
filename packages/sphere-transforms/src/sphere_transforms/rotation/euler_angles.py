"""Rotations as ZYZ Euler angles: random ones, their matrices, and conversion from other forms."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

EulerAngles = tuple[Any, Any, Any]

# How far a matrix or a quaternion may be from a rotation, for one that was rounded to float32.
_TOLERANCE = 1e-4


def random_euler_angles(
    source: np.random.Generator | jax.Array, shape: tuple[int, ...] = ()
) -> EulerAngles:
    """Draws rotations uniformly from SO(3), as ZYZ Euler angles.

    Args:
      source: a NumPy generator or a JAX random key. With a generator the angles are float64 NumPy
        arrays; with a key they are JAX arrays of the default float type.
      shape: the shape of the array of each angle.

    Returns:
      (alpha, beta, gamma) in radians: alpha and gamma in [0, 2 pi), beta in [0, pi].
    """
    if isinstance(source, np.random.Generator):
        alpha, gamma = source.uniform(0, 2 * np.pi, (2, *shape))
        return alpha, np.arccos(source.uniform(-1, 1, shape)), gamma
    return _draw(source, tuple(shape))


@functools.partial(jax.jit, static_argnums=1, inline=True)
def _draw(key: jax.Array, shape: tuple[int, ...]) -> EulerAngles:
    key_azimuths, key_height = jax.random.split(key)
    alpha, gamma = jax.random.uniform(key_azimuths, (2, *shape), maxval=2 * np.pi)
    return alpha, jnp.arccos(jax.random.uniform(key_height, shape, minval=-1.0)), gamma


def rotation_matrix(angles: EulerAngles) -> Any:
    """The matrix R = Rz(alpha) Ry(beta) Rz(gamma) of the active rotation x' = R x.

    Args:
      angles: (alpha, beta, gamma) in radians, numbers or arrays of the same shape. They may be
        traced values.

    Returns:
      float64 NumPy, shape (..., 3, 3). For traced angles a JAX array, differentiable in the angles.

    Raises:
      ValueError: there are not three angles.
    """
    three = three_angles(angles, "rotation_matrix")
    if any(isinstance(angle, jax.core.Tracer) for angle in three):
        return _matrix([jnp.asarray(angle) for angle in three], jnp)
    return _matrix([np.asarray(angle, np.float64) for angle in three], np)


def euler_angles(rotation: Any) -> EulerAngles:
    """The ZYZ Euler angles of a rotation that is given in another form.

    Args:
      rotation: one of

        - a rotation matrix R of x' = R x, shape (..., 3, 3),
        - a unit quaternion, shape (..., 4), with the scalar last, as in scipy,
        - an object with the method `as_matrix`, such as `scipy.spatial.transform.Rotation`.

        Arrays may be traced values.

    Returns:
      (alpha, beta, gamma) in radians, each of shape (...): alpha and gamma in (-pi, pi], beta in
      [0, pi]. If beta is 0 or pi, only a sum or difference of the other two is determined, and
      gamma is 0. NumPy float64; JAX arrays if the rotation is one.

    Raises:
      ValueError: the argument has another shape, or is no rotation (not checked for traced values).
    """
    if hasattr(rotation, "as_matrix"):
        rotation = rotation.as_matrix()
    is_jax = isinstance(rotation, jax.Array)
    xnp: Any = jnp if is_jax else np
    array = rotation if is_jax else np.asarray(rotation, np.float64)
    if array.ndim >= 1 and array.shape[-1] == 4 and array.shape[-2:] != (3, 3):
        _check_quaternion(array)
        array = _matrix_of_quaternion(array, xnp)
    elif array.shape[-2:] == (3, 3):
        _check_matrix(array)
    else:
        raise ValueError(
            f"euler_angles: the rotation has shape {array.shape}; give a matrix (..., 3, 3), a "
            "quaternion (..., 4) with the scalar last, or a scipy Rotation."
        )
    return _compiled_angles(array) if is_jax else _angles_of_matrix(array, np)


def three_angles(angles: EulerAngles, where: str) -> EulerAngles:
    """Returns the three angles, or raises ValueError if there are not three."""
    try:
        alpha, beta, gamma = angles
    except (TypeError, ValueError):
        advice = "give three, (alpha, beta, gamma) in radians"
        if hasattr(angles, "as_matrix") or getattr(angles, "shape", None) == (4,):
            advice = "convert a rotation of another form by euler_angles(rotation)"
        raise ValueError(f"{where}: angles is {angles!r}; {advice}.") from None
    return alpha, beta, gamma


def _matrix(angles: list[Any], xnp: Any) -> Any:
    (ca, cb, cg), (sa, sb, sg) = (
        [function(angle) for angle in angles] for function in (xnp.cos, xnp.sin)
    )
    rows = [
        [ca * cb * cg - sa * sg, -ca * cb * sg - sa * cg, ca * sb],
        [sa * cb * cg + ca * sg, -sa * cb * sg + ca * cg, sa * sb],
        [-sb * cg, sb * sg, cb + xnp.zeros_like(ca * cg)],
    ]
    return xnp.stack([xnp.stack(row, -1) for row in rows], -2)


def _matrix_of_quaternion(quaternion: Any, xnp: Any) -> Any:
    x, y, z, w = (quaternion[..., index] for index in range(4))
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return xnp.stack([xnp.stack(row, -1) for row in rows], -2)


def _angles_of_matrix(matrix: Any, xnp: Any) -> EulerAngles:
    # The third column is (cos(alpha), sin(alpha)) sin(beta), cos(beta); the third row likewise in
    # gamma. At the poles, the second column is (-sin(alpha), cos(alpha), 0) for gamma = 0.
    sine_squared = matrix[..., 0, 2] ** 2 + matrix[..., 1, 2] ** 2
    general = sine_squared > (4 * float(xnp.finfo(matrix.dtype).eps)) ** 2
    # Selected before the functions, whose derivatives at zero are not finite.
    beta = xnp.arctan2(
        xnp.where(general, xnp.sqrt(xnp.where(general, sine_squared, 1)), 0), matrix[..., 2, 2]
    )
    alpha = xnp.arctan2(
        xnp.where(general, matrix[..., 1, 2], -matrix[..., 0, 1]),
        xnp.where(general, matrix[..., 0, 2], matrix[..., 1, 1]),
    )
    gamma = xnp.where(
        general,
        xnp.arctan2(
            xnp.where(general, matrix[..., 2, 1], 0), xnp.where(general, -matrix[..., 2, 0], 1)
        ),
        0,
    )
    return alpha, beta, gamma


@functools.partial(jax.jit, inline=True)
def _compiled_angles(matrix: jax.Array) -> EulerAngles:
    return _angles_of_matrix(matrix, jnp)


def _check_quaternion(array: Any) -> None:
    if isinstance(array, jax.core.Tracer):
        return
    values = np.asarray(array)
    _refuse_unless_one((values**2).sum(-1), values, "quaternion", "its length is not 1")


def _check_matrix(array: Any) -> None:
    if isinstance(array, jax.core.Tracer):
        return
    values = np.asarray(array)
    product = np.einsum("...ij,...kj->...ik", values, values)
    distance = np.abs(product - np.eye(3, dtype=values.dtype)).max((-1, -2))
    cross = np.cross(values[..., 1], values[..., 2])
    handed = np.einsum("...i,...i->...", values[..., 0], cross)
    fault = "R R^T is not the identity, or det R is not 1"
    _refuse_unless_one(1 + distance + np.abs(handed - 1), values, "matrix", fault)


def _refuse_unless_one(one: Any, values: Any, what: str, fault: str) -> None:
    """Raises ValueError unless `one`, which is 1 for a rotation, is close to 1."""
    if not np.all(np.abs(one - 1) < _TOLERANCE):
        raise ValueError(
            f"euler_angles: the {what} is no rotation ({fault}): {values.tolist()!r:.200}."
        )
