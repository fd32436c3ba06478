"""Where a turned sphere takes its values from: the geometry of rotating what is not band-limited.

A function f on the sphere, turned actively by R, is f'(x) = f(R^-1 x); a tangent vector field,
turned, is V'(x) = R V(R^-1 x). So every point x of a grid looks up the direction R^T x, and a
vector found there is measured along the directions R^T e_theta and R^T e_phi, which are the frame
of x turned
back: V'(x) . e = V(R^T x) . (R^T e).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from sphere_transforms import Grid, rotation_matrix

__all__ = [
    "directions_and_frames",
    "rotation_matrices",
    "sample_scalar",
    "sample_vector",
    "turned_back",
]

EulerAngles = Sequence[ArrayLike]


def sample_scalar(
    function: Callable[[np.ndarray], np.ndarray], grid: Grid, angles: EulerAngles | None = None
) -> np.ndarray:
    """Samples a function on the sphere, turned by rotations.

    Args:
        function: from unit vectors (3, n), float64, to values (n,).
        grid: where to sample.
        angles: ZYZ Euler angles (alpha, beta, gamma) in radians, each (rotation,); None turns once,
            by the identity.

    Returns:
        (rotation, *grid.shape), of the function's dtype.

    Raises:
        ValueError: angles are not three finite arrays of one length.
    """
    rotations = rotation_matrices(angles)
    directions, _ = directions_and_frames(grid)
    return function(turned_back(directions, rotations)).reshape(len(rotations), *grid.shape)


def sample_vector(
    function: Callable[[np.ndarray], np.ndarray], grid: Grid, angles: EulerAngles | None = None
) -> np.ndarray:
    """Samples a tangent vector field, turned by rotations: positions and components turn.

    Args:
        function: from unit vectors (3, n), float64, to vectors in space (3, n), real. What is not
            tangent to the sphere in them is ignored.
        grid: where to sample.
        angles: as `sample_scalar` takes them.

    Returns:
        The field of spin 1, v_theta + i v_phi (southward and eastward component): complex,
        (rotation, *grid.shape).

    Raises:
        ValueError: angles are not three finite arrays of one length.
    """
    rotations = rotation_matrices(angles)
    directions, frames = (turned_back(each, rotations) for each in directions_and_frames(grid))
    return np.sum(function(directions) * frames, axis=0).reshape(len(rotations), *grid.shape)


def directions_and_frames(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """A ring grid's points as unit vectors, and e_theta + i e_phi there.

    Returns:
        float64 (3, point) and complex128 (3, point). At a pole each longitude has a frame of its
        own, the limit along its meridian, as the transforms have it.
    """
    theta, phi = np.meshgrid(grid.colatitudes, grid.longitudes, indexing="ij")
    theta, phi = theta.ravel(), phi.ravel()
    directions = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
    southward = np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), -np.sin(theta)
    eastward = -np.sin(phi), np.cos(phi), np.zeros_like(phi)
    return np.stack(directions), np.stack(southward) + 1j * np.stack(eastward)


def turned_back(vectors: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """R^T v for every rotation R of (rotation, 3, 3) and vector v of (3, point).

    Returns:
        (3, rotation * point), the rotations one after another.
    """
    turned = np.moveaxis(rotations, 2, 0).reshape(-1, 3) @ vectors
    return turned.reshape(3, -1)


def rotation_matrices(angles: EulerAngles | None, count: int | None = None) -> np.ndarray:
    """The matrices (rotation, 3, 3) of Euler angles, checked; the identity for None.

    Args:
        angles: (alpha, beta, gamma), each (count,).
        count: how many there must be; None takes any number.

    Raises:
        ValueError: they are not three arrays of `count` real and finite numbers.
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
    """Raises ValueError for an array that is complex, no numbers, or not finite."""
    if array.dtype.kind not in "buif" or not np.isfinite(array).all():
        raise ValueError(f"{name}, of dtype {array.dtype}, must be real and finite")
