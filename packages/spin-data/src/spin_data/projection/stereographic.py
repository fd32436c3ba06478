"""Projects images onto the sphere, by stereographic projection from the north pole.

The projection takes a point (x, y, z) of the unit sphere to (X, Y) = 2 (x, y) / (1 - z) on the
tangent plane at the south pole. The image covers the square [-1.5, 1.5]^2 of this plane, with
columns along +x and rows along +y. Before a rotation, the result is zero on the hemisphere z > 0.
Spherical MNIST uses this projection (Cohen, Geiger, Koehler, Welling, "Spherical CNNs", ICLR 2018).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sphere_transforms import Grid
from spin_data.projection.rotated_grid import (
    check_real_and_finite,
    directions_and_frames,
    rotated_back,
    rotation_matrices,
)

__all__ = ["project_as_published", "project_gradients", "project_images"]

_HALF_SIDE = 1.5  # of the image's square, in units of the sphere's radius
_POINTS_AT_A_TIME = 2**16  # bounds the temporary arrays, so that they fit into the cache


def project_images(
    images: np.ndarray, grid: Grid, angles: Sequence[ArrayLike] | None = None
) -> np.ndarray:
    """Projects square images onto the sphere, each with its own rotation.

    Values are interpolated bilinearly between pixel centres, which are at (j + 1/2) / N of the
    side. Pixels outside of the image are zero, so the values fade out over half a pixel around the
    square.

    Args:
      images: (batch, N, N) or (batch, N, N, channel), real, of any dtype.
      grid: the grid to sample on.
      angles: ZYZ Euler angles (alpha, beta, gamma) in radians, each (batch,). The image on the
        sphere is rotated actively, f'(x) = f(R^-1 x). None does not rotate: the image stays
        around the south pole.

    Returns:
      float32 (batch, *grid.shape) or (batch, *grid.shape, channel), in the units of `images`.

    Raises:
      ValueError: a shape is wrong, or values are not real and finite.
    """
    return _project(_checked(images), grid, angles, apart=1)


def project_as_published(
    images: np.ndarray, grid: Grid, angles: Sequence[ArrayLike] | None = None
) -> np.ndarray:
    """Projects square images in the same way as the published spherical MNIST.

    Use this function to compare results with published ones. Otherwise prefer `project_images`,
    whose bilinear interpolation is more faithful to the image.

    The published script (jonkhler/s2cnn, examples/mnist/gendata.py) interpolates between pixels
    that are two apart, separately along each axis. Let u = i + f be the distance from the image's
    edge in pixels, where i is an integer and pixel j is at u = j. The value at u is (1 - f)/2 of
    pixel i - 1 plus (1 + f)/2 of pixel i + 1. This blurs over two pixels, and is discontinuous
    where u is an integer. Each image is then scaled so that its largest value is 255. Fractions
    are dropped, except those of 0.999 and more, which are rounded up.

    The result is not identical to that of the script:

    - For rotated digits, one byte in 200 differs by 1, and one in 10,000 differs by more. The
      script projects from 1e-3 above the pole.
    - For digits that are not rotated, one byte in 40 differs. These are next to the axes, where u
      is an integer and rounding errors determine i in the script.
    - The script also draws the image's centre at the opposite pole, and corners of the image beyond
      the equator.

    Args:
      images: (batch, N, N) or (batch, N, N, channel), real and not negative, of any dtype.
      grid: the grid to sample on.
      angles: ZYZ Euler angles, as for `project_images`.

    Returns:
      uint8 (batch, *grid.shape) or (batch, *grid.shape, channel). All channels of an image are
      scaled by the same factor. The result is zero if the projected image is zero at every grid
      point.

    Raises:
      ValueError: a shape is wrong, or values are negative, not real, or not finite.
    """
    images = _checked(images)
    if images.size and images.min() < 0:
        raise ValueError(f"images: the least value is {images.min()}, expected none below 0")
    # Scale by a power of two to at most 1, which is exact. Very small and very large values then
    # fit into float32.
    within = tuple(range(1, images.ndim))
    _, exponents = np.frexp(images.max(axis=within, keepdims=True, initial=0).astype(np.float64))
    projected = _project(np.ldexp(images.astype(np.float64), -exponents), grid, angles, apart=2)
    largest = projected.max(axis=within, keepdims=True, initial=0)
    stretch = np.divide(255, largest, out=np.zeros_like(largest), where=largest > 0)
    return np.minimum(projected * stretch + 1e-3, 255).astype(np.uint8)


def project_gradients(
    images: np.ndarray, grid: Grid, angles: Sequence[ArrayLike] | None = None
) -> np.ndarray:
    """Computes the surface gradients of projected images, each image with its own rotation.

    The planar gradient (u_X, u_Y) at a pixel is the central difference; pixels outside of the image
    are zero. It is interpolated bilinearly, like the values in `project_images`. The gradient on
    the sphere is grad f = u_X grad X + u_Y grad Y. Its length is |grad u| at the south pole, where
    the projection preserves lengths, and up to 2 |grad u| at the equator. A rotation acts on
    positions and components.

    Args:
      images: (batch, N, N) or (batch, N, N, channel), real, of any dtype.
      grid: the grid to sample on.
      angles: ZYZ Euler angles, as for `project_images`.

    Returns:
      The tangent vector field as a field of spin 1, f_theta + i f_phi / sin(theta): complex64
      (batch, *grid.shape) or (batch, *grid.shape, channel), in the units of `images` per radian.

    Raises:
      ValueError: a shape is wrong, or values are not real and finite.
    """
    images = _checked(images)
    channels = images.shape[3:]
    projected = np.zeros((len(images), *grid.shape, *channels), np.complex64)
    for chunk, stencil in _chunks(images, grid, angles, with_gradients=True):
        spheres = stencil.spread(projected[chunk].reshape(-1, stencil.size, *channels))
        planar = stencil.look_up(_planar_gradients(images[chunk]))
        assert stencil.gradients is not None
        along_x, along_y = stencil.gradients.reshape(2, -1, *[1] * (spheres.ndim - 2))
        spheres[:, stencil.points] = along_x * planar[..., 0] + along_y * planar[..., 1]
    return projected


def _project(
    images: np.ndarray, grid: Grid, angles: Sequence[ArrayLike] | None, *, apart: int
) -> np.ndarray:
    """Projects checked images to float32 (batch, *grid.shape, ...); `apart` as in `_Stencil`."""
    channels = images.shape[3:]
    projected = np.zeros((len(images), *grid.shape, *channels), np.float32)
    for chunk, stencil in _chunks(images, grid, angles, apart=apart):
        spheres = stencil.spread(projected[chunk].reshape(-1, stencil.size, *channels))
        spheres[:, stencil.points] = stencil.look_up(_with_margin(images[chunk], apart))
    return projected


class _Stencil(NamedTuple):
    """The pixels that each point of the sphere is interpolated from.

    Indices of pixels refer to flattened images with margins of zero pixels. Without rotations, one
    stencil for one sphere is shared by all images. With rotations, the spheres of a chunk are
    concatenated along the point axis, and its images along the pixel axis.
    """

    shared: bool  # by all images; otherwise each image has its own sphere
    size: int  # points of one sphere
    points: np.ndarray  # (sample,) index of the point, in the concatenated spheres
    corners: np.ndarray  # (sample,) index of the pixel before the point, in both directions
    columns: np.ndarray  # (sample,) float32 fraction of the way to the next pixel, along +x
    rows: np.ndarray  # (sample,) the same along +y
    stride: int  # index difference between a pixel and the one below
    apart: int  # distance of the interpolated pixels: 1, or 2 as published
    gradients: np.ndarray | None  # complex64 (2, sample): grad X and grad Y as values of spin 1

    def spread(self, array: np.ndarray) -> np.ndarray:
        """Returns a view of an array (image, point or pixel, ...) that the stencil can index."""
        return array if self.shared else array.reshape(1, -1, *array.shape[2:])

    def look_up(self, canvases: np.ndarray) -> np.ndarray:
        """Interpolates images (image, pixel, ...).

        Returns:
          (image, sample, ...) if the stencil is shared, otherwise (1, sample, ...) with the
          samples of all images.
        """
        canvases = self.spread(canvases)

        def pixels(offset: int) -> np.ndarray:
            return np.take(canvases, self.corners + offset, axis=1)

        def between(first: np.ndarray, second: np.ndarray, fraction: np.ndarray) -> np.ndarray:
            return first + fraction.reshape(-1, *[1] * (first.ndim - 2)) * (second - first)

        below = self.apart * self.stride
        upper = between(pixels(0), pixels(self.apart), self.columns)
        lower = between(pixels(below), pixels(below + self.apart), self.columns)
        return between(upper, lower, self.rows)


def _chunks(
    images: np.ndarray,
    grid: Grid,
    angles: Sequence[ArrayLike] | None,
    *,
    with_gradients: bool = False,
    apart: int = 1,
) -> Iterator[tuple[slice, _Stencil]]:
    """Divides the images into chunks, and yields each chunk with its stencil."""
    rotations = rotation_matrices(angles, len(images))
    directions, all_frames = directions_and_frames(grid)
    frames = all_frames if with_gradients else None
    side, stencil = images.shape[1], None
    step = max(1, _POINTS_AT_A_TIME // directions.shape[1])
    for start in range(0, len(images), step):
        chunk = slice(start, start + step)
        if angles is not None:
            stencil = _stencil(directions, frames, rotations[chunk], side, apart, shared=False)
        elif stencil is None:
            stencil = _stencil(directions, frames, rotations, side, apart, shared=True)
        yield chunk, stencil


def _stencil(
    directions: np.ndarray,
    frames: np.ndarray | None,
    rotations: np.ndarray,
    side: int,
    apart: int,
    *,
    shared: bool,
) -> _Stencil:
    looked_at = rotated_back(directions, rotations)
    south = np.flatnonzero(looked_at[2] <= 0)
    x, y, z = looked_at[:, south]
    scale = 2 / (1 - z)  # (X, Y) = scale (x, y)
    # Positions in pixels, in float64: a float32 near 30 pixels is accurate to 2e-6 only. The origin
    # is the first pixel's centre, half a pixel from the image's edge, or the edge as published.
    pixels, origin = side / (2 * _HALF_SIDE), side / 2 - (0.5 if apart == 1 else 0)
    left, columns = _corner(x * scale * pixels + origin, side, apart)
    top, rows = _corner(y * scale * pixels + origin, side, apart)
    stride = side + _margin(apart)
    gradients = None
    if frames is not None:
        # grad X = scale (1, 0, x / (1 - z)) and a radial component, which is orthogonal to frames.
        e_x, e_y, e_z = rotated_back(frames, rotations)[:, south]
        both = np.stack([e_x + x * scale / 2 * e_z, e_y + y * scale / 2 * e_z])
        gradients = (scale * both).astype(np.complex64)
    return _Stencil(
        shared=shared,
        size=directions.shape[1],
        points=south,
        corners=south // directions.shape[1] * stride**2 + top * stride + left,
        columns=columns,
        rows=rows,
        stride=stride,
        apart=apart,
        gradients=gradients,
    )


def _corner(position: np.ndarray, side: int, apart: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pixel before a position, counted with the margin, and the fraction beyond it."""
    position = np.clip(position, -apart, side + apart - 1)
    # The published interpolation is discontinuous at integers, which includes the axes. The offset
    # makes the result there independent of rounding. It changes bilinear values by only 1e-9.
    whole = np.floor(position + 1e-9)
    fraction = (position - whole + apart - 1) / apart
    return whole.astype(np.intp) - (apart - 1) + _before(apart), fraction.astype(np.float32)


def _before(apart: int) -> int:
    """Returns the number of zero pixels before an image, enough for positions outside of it."""
    return 2 * apart - 1


def _margin(apart: int) -> int:
    """Returns the total number of zero pixels before and after an image."""
    return 3 * apart


def _with_margin(images: np.ndarray, apart: int = 1) -> np.ndarray:
    """Adds margins of zero pixels, and flattens images to float32 (image, pixel, ...)."""
    count, side = images.shape[:2]
    wide, inside = side + _margin(apart), slice(_before(apart), _before(apart) + side)
    canvases = np.zeros((count, wide, wide, *images.shape[3:]), np.float32)
    canvases[:, inside, inside] = images
    return canvases.reshape(count, -1, *images.shape[3:])


def _planar_gradients(images: np.ndarray) -> np.ndarray:
    """Computes (u_X, u_Y) on a last axis, (image, pixel, ..., 2); zero outside of the image."""
    count, side = images.shape[:2]
    wide = side + _margin(1)
    canvases = _with_margin(images).reshape(count, wide, wide, *images.shape[3:])
    gradients = np.zeros((*canvases.shape, 2), np.float32)
    inside, before, after = slice(1, side + 1), slice(0, side), slice(2, side + 2)
    per_pixel = side / (2 * _HALF_SIDE) / 2
    along_x = canvases[:, inside, after] - canvases[:, inside, before]
    along_y = canvases[:, after, inside] - canvases[:, before, inside]
    gradients[:, inside, inside] = per_pixel * np.stack([along_x, along_y], -1)
    return gradients.reshape(count, -1, *gradients.shape[3:])


def _checked(images: np.ndarray) -> np.ndarray:
    images = np.asarray(images)
    if images.ndim not in (3, 4) or images.shape[1] != images.shape[2] or not images.shape[1]:
        raise ValueError(
            f"images have shape {images.shape}, expected (batch, N, N) or (batch, N, N, channel)"
        )
    check_real_and_finite("images", images)
    return images
