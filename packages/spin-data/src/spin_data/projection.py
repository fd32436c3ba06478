"""Images onto the sphere, by stereographic projection from the north pole.

A point (x, y, z) of the unit sphere has the image (X, Y) = 2 (x, y) / (1 - z) on the plane tangent
at the south pole. The picture covers the square [-1.5, 1.5]^2 of that plane, columns along +x and
rows along +y, and only the hemisphere z <= 0 is drawn on. (The picture of spherical MNIST: Cohen,
Geiger, Koehler, Welling, "Spherical CNNs", ICLR 2018.)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sphere_transforms import Grid, rotation_matrix

__all__ = ["project_images"]

_HALF_SIDE = 1.5  # of the image's square, in units of the sphere's radius
_POINTS_AT_A_TIME = 2**16  # bounds the temporaries, which then stay in the processor's cache
_MARGIN = 3  # zero pixels around an image: one before, one after, one more for the last corner


def project_images(
    images: np.ndarray, grid: Grid, angles: Sequence[ArrayLike] | None = None
) -> np.ndarray:
    """Projects square images onto the sphere, each turned by a rotation of its own.

    Values are interpolated bilinearly between pixel centres, at (j + 1/2) / N of the side. Pixels
    beyond the image count as zero, so the value fades out over half a pixel around the square.

    Args:
        images: (batch, N, N) or (batch, N, N, channel), real, of any dtype.
        grid: where to evaluate.
        angles: ZYZ Euler angles (alpha, beta, gamma) in radians, each of shape (batch,). The
            image on the sphere is rotated actively, f'(x) = f(R^-1 x). None leaves it around the
            south pole.

    Returns:
        float32 (batch, *grid.shape) or (batch, *grid.shape, channel), in the units of `images`.

    Raises:
        ValueError: shapes do not fit, or values are not real and finite.
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4) or images.shape[1] != images.shape[2] or not images.shape[1]:
        raise ValueError(
            f"images have shape {images.shape}, expected (batch, N, N) or (batch, N, N, channel)"
        )
    _check_real_and_finite("images", images)
    rotations = None if angles is None else _rotations(angles, len(images))
    points = _unit_vectors(grid)
    count, side, channels = len(images), images.shape[1], images.shape[3:]
    projected = np.zeros((count, points.shape[1], *channels), np.float32)
    stencil = _stencil(points, np.eye(3)[None], side)

    step = max(1, _POINTS_AT_A_TIME // points.shape[1])
    for start in range(0, count, step):
        chunk = slice(start, start + step)
        canvases, spheres = _with_margin(images[chunk]), projected[chunk]
        if rotations is None:  # one stencil serves all images
            _draw(spheres, canvases, stencil)
        else:  # the chunk's spheres laid end to end, and its images
            stencil = _stencil(points, rotations[chunk], side)
            _draw(spheres.reshape(1, -1, *channels), canvases.reshape(1, -1, *channels), stencil)
    return projected.reshape(count, *grid.shape, *channels)


class _Stencil(NamedTuple):
    """Where points of the sphere take their values, from images laid flat with their margins."""

    points: np.ndarray  # (sample,) index of the point, of all rotations' spheres laid end to end
    corners: np.ndarray  # (sample,) index of the pixel before it in both directions
    columns: np.ndarray  # (sample,) float32 fraction of a pixel beyond that corner, along +x
    rows: np.ndarray  # the same along +y
    stride: int  # from a pixel to the one below


def _stencil(points: np.ndarray, rotations: np.ndarray, side: int) -> _Stencil:
    # R^-1 x = R^T x, for all rotations in one product: (3, rotation * point).
    turned = np.moveaxis(rotations, 2, 0).reshape(-1, 3) @ points
    x, y, z = turned.reshape(3, -1)
    south = np.flatnonzero(z <= 0)
    scale = 2 / (1 - z[south]) * side / (2 * _HALF_SIDE)
    # Pixels from the margin's centre; float64, for a float32 of 30 pixels is good to 2e-6 only.
    column = np.clip(x[south] * scale + (side + 1) / 2, 0, side + 1)
    row = np.clip(y[south] * scale + (side + 1) / 2, 0, side + 1)
    left, top = column.astype(np.intp), row.astype(np.intp)
    stride = side + _MARGIN
    return _Stencil(
        points=south,
        corners=south // points.shape[1] * stride**2 + top * stride + left,
        columns=(column - left).astype(np.float32),
        rows=(row - top).astype(np.float32),
        stride=stride,
    )


def _draw(spheres: np.ndarray, canvases: np.ndarray, stencil: _Stencil) -> None:
    """Fills (image, point, ...) from (image, pixel, ...) at the stencil's points, in place."""

    def pixels(offset: int) -> np.ndarray:
        return np.take(canvases, stencil.corners + offset, axis=1)

    def between(first: np.ndarray, second: np.ndarray, fraction: np.ndarray) -> np.ndarray:
        return first + fraction.reshape(-1, *[1] * (first.ndim - 2)) * (second - first)

    upper = between(pixels(0), pixels(1), stencil.columns)
    lower = between(pixels(stencil.stride), pixels(stencil.stride + 1), stencil.columns)
    spheres[:, stencil.points] = between(upper, lower, stencil.rows)


def _with_margin(images: np.ndarray) -> np.ndarray:
    """Float32 images laid flat (image, pixel, ...), with a zero pixel before and two after."""
    count, side = images.shape[:2]
    canvases = np.zeros((count, side + _MARGIN, side + _MARGIN, *images.shape[3:]), np.float32)
    canvases[:, 1 : side + 1, 1 : side + 1] = images
    return canvases.reshape(count, -1, *images.shape[3:])


def _unit_vectors(grid: Grid) -> np.ndarray:
    """The grid's points, float64 (3, point)."""
    theta, phi = np.meshgrid(grid.colatitudes, grid.longitudes, indexing="ij")
    vectors = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
    return np.stack([vector.ravel() for vector in vectors])


def _rotations(angles: Sequence[ArrayLike], count: int) -> np.ndarray:
    arrays = [np.asarray(angle) for angle in angles]
    shapes = [array.shape for array in arrays]
    if shapes != [(count,)] * 3:
        raise ValueError(
            f"angles have shapes {shapes}, expected three of ({count},): one ZYZ triple per image"
        )
    for name, array in zip(("alpha", "beta", "gamma"), arrays, strict=True):
        _check_real_and_finite(name, array)
    alpha, beta, gamma = arrays
    return rotation_matrix((alpha, beta, gamma))


def _check_real_and_finite(name: str, array: np.ndarray) -> None:
    if array.dtype.kind not in "buif" or not np.isfinite(array).all():
        raise ValueError(f"{name}, of dtype {array.dtype}, must be real and finite")
