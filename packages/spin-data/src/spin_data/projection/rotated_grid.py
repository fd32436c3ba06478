"""Samples rotated functions on a grid, by evaluating them at the rotated-back grid points.

This also works for functions that are not band-limited. A function f on the sphere, rotated
actively by R, is f'(x) = f(R^-1 x). A rotated tangent vector field is V'(x) = R V(R^-1 x). The
value at a grid point x is therefore that at R^T x. The components of a vector there are those along
R^T e_theta and R^T e_phi: V'(x) . e = V(R^T x) . (R^T e).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from sphere_transforms import Grid, rotation_matrix, unit_vectors

__all__ = [
    "directions_and_frames",
    "rotated_back",
    "rotation_matrices",
    "sample_scalar",
    "sample_vector",
]

EulerAngles = Sequence[ArrayLike]


def sample_scalar(
    function: Callable[[np.ndarray], np.ndarray], grid: Grid, angles: EulerAngles | None = None
) -> np.ndarray:
    """Samples a rotated function on the sphere.

    Args:
      function: maps unit vectors (3, n), float64, to values (n,).
      grid: the grid to sample on.
      angles: ZYZ Euler angles (alpha, beta, gamma) in radians, each (rotation,). None samples the
        function once, without a rotation.

    Returns:
      (rotation, *grid.shape), of the function's dtype.

    Raises:
      ValueError: `angles` is not three finite arrays of equal length.
    """
    rotations = rotation_matrices(angles)
    directions, _ = directions_and_frames(grid)
    return function(rotated_back(directions, rotations)).reshape(len(rotations), *grid.shape)


def sample_vector(
    function: Callable[[np.ndarray], np.ndarray], grid: Grid, angles: EulerAngles | None = None
) -> np.ndarray:
    """Samples a rotated tangent vector field; the rotation acts on positions and components.

    Args:
      function: maps unit vectors (3, n), float64, to real vectors in space (3, n). Their radial
        component is ignored.
      grid: the grid to sample on.
      angles: ZYZ Euler angles, as for `sample_scalar`.

    Returns:
      The field of spin 1, v_theta + i v_phi (southward and eastward component): complex,
      (rotation, *grid.shape).

    Raises:
      ValueError: `angles` is not three finite arrays of equal length.
    """
    rotations = rotation_matrices(angles)
    directions, frames = (rotated_back(each, rotations) for each in directions_and_frames(grid))
    return np.sum(function(directions) * frames, axis=0).reshape(len(rotations), *grid.shape)


def directions_and_frames(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Returns a grid's points as unit vectors, and e_theta + i e_phi at these points.

    Returns:
      float64 (3, point) and complex128 (3, point). At a pole, the frame of each sample is the
      limit along its meridian, as in the transforms.
    """
    vectors = unit_vectors(*grid.points)
    points, southward, eastward = (each.reshape(-1, 3).T for each in vectors)
    return points, southward + 1j * eastward


def rotated_back(vectors: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """Computes R^T v for every rotation R and every vector v.

    Args:
      vectors: (3, point).
      rotations: matrices (rotation, 3, 3).

    Returns:
      (3, rotation * point); all points of the first rotation come first.
    """
    rotated = np.moveaxis(rotations, 2, 0).reshape(-1, 3) @ vectors
    return rotated.reshape(3, -1)


def rotation_matrices(angles: EulerAngles | None, count: int | None = None) -> np.ndarray:
    """Checks Euler angles, and returns their rotation matrices.

    Args:
      angles: (alpha, beta, gamma), each (count,); None for the identity.
      count: the required number of rotations; None accepts any number.

    Returns:
      Matrices (count, 3, 3), or (1, 3, 3) for None.

    Raises:
      ValueError: `angles` is not three arrays of `count` real and finite numbers.
    """
    if angles is None:
        return np.eye(3)[None]
    arrays = [np.asarray(angle) for angle in angles]
    shapes = [array.shape for array in arrays]
    if count is None and len(arrays) == 3 and arrays[0].ndim == 1:
        count = len(arrays[0])
    if shapes != [(count,)] * 3:
        raise ValueError(
            f"angles have shapes {shapes}, expected three of ({'n' if count is None else count},): "
            "one ZYZ triple per image"
        )
    for name, array in zip(("alpha", "beta", "gamma"), arrays, strict=True):
        check_real_and_finite(name, array)
    alpha, beta, gamma = arrays
    return rotation_matrix((alpha, beta, gamma))


def check_real_and_finite(name: str, array: np.ndarray) -> None:
    """Raises ValueError if an array is complex, not numeric, or has values that are not finite."""
    if array.dtype.kind not in "buif" or not np.isfinite(array).all():
        raise ValueError(f"{name}, of dtype {array.dtype}, must be real and finite")
