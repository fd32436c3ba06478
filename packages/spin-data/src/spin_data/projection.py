"""Images onto the sphere, by stereographic projection from the north pole.

A point (x, y, z) of the unit sphere has the image (X, Y) = 2 (x, y) / (1 - z) on the plane tangent
at the south pole. The picture covers the square [-1.5, 1.5]^2 of that plane, columns along +x and
rows along +y, and only the hemisphere z <= 0 is drawn on. (The picture of spherical MNIST: Cohen,
Geiger, Koehler, Welling, "Spherical CNNs", ICLR 2018.)
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sphere_transforms import Grid
from spin_data.turned_grid import (
    check_real_and_finite,
    directions_and_frames,
    rotation_matrices,
    turned_back,
)

__all__ = ["project_as_published", "project_gradients", "project_images"]

_HALF_SIDE = 1.5  # of the image's square, in units of the sphere's radius
_POINTS_AT_A_TIME = 2**16  # bounds the temporaries, which then stay in the processor's cache


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
    return _project(_checked(images), grid, angles, apart=1)


def project_as_published(
    images: np.ndarray, grid: Grid, angles: Sequence[ArrayLike] | None = None
) -> np.ndarray:
    """Projects square images as the script does that spherical MNIST is published with.

    The script (jonkhler/s2cnn, examples/mnist/gendata.py) interpolates between pixels two apart.
    Along each axis, at u = i + f pixels from the image's edge, i whole, the value is (1 - f)/2 of
    pixel i - 1 and (1 + f)/2 of pixel i + 1, with pixel j at u = j: a blur of two pixels, which
    jumps where u passes a whole number. Each picture is then stretched so that its largest value
    is 255, and fractions, but for the last thousandth, are dropped. Bilinear interpolation,
    `project_images`, is truer to the image; with this, figures may be compared with published ones.

    Of turned digits one byte in 200 differs from the script's, by 1, and one in 10,000 by more: it
    projects from 1e-3 above the pole. Of upright ones one in 40 differs, those next to the axes,
    where u is whole and the script leaves i to rounding; and the script shows the image's centre
    at the opposite pole, and corners beyond the equator.

    Args:
        images: (batch, N, N) or (batch, N, N, channel), real and not negative, of any dtype.
        grid: where to evaluate.
        angles: as `project_images` takes them.

    Returns:
        uint8 (batch, *grid.shape) or (batch, *grid.shape, channel), stretched over all channels of
        a picture alike; zero where nothing of the picture falls on the grid.

    Raises:
        ValueError: shapes do not fit, or values are negative, not real, or not finite.
    """
    images = _checked(images)
    if images.size and images.min() < 0:
        raise ValueError(f"images: the least value is {images.min()}, expected none below 0")
    # By powers of two to at most 1, which is exact: very small and large ones fit into float32.
    within = tuple(range(1, images.ndim))
    _, exponents = np.frexp(images.max(axis=within, keepdims=True, initial=0).astype(np.float64))
    projected = _project(np.ldexp(images.astype(np.float64), -exponents), grid, angles, apart=2)
    largest = projected.max(axis=within, keepdims=True, initial=0)
    stretch = np.divide(255, largest, out=np.zeros_like(largest), where=largest > 0)
    return np.minimum(projected * stretch + 1e-3, 255).astype(np.uint8)


def project_gradients(
    images: np.ndarray, grid: Grid, angles: Sequence[ArrayLike] | None = None
) -> np.ndarray:
    """The surface gradient of projected images, a tangent vector field, each turned by a rotation.

    The planar gradient (u_X, u_Y) is the central difference at a pixel, pixels beyond the image
    being zero, interpolated bilinearly as values are. The sphere's is grad f = u_X grad X + u_Y
    grad Y, of length |grad u| at the south pole, where the projection is true to scale, up to 2
    |grad u| at the equator. A rotation turns positions and components.

    Args:
        images: as `project_images` takes them.
        grid: where to evaluate.
        angles: as `project_images` takes them.

    Returns:
        The field of spin 1, f_theta + i f_phi / sin(theta): complex64 (batch, *grid.shape) or
        (batch, *grid.shape, channel), in the units of `images` per radian.

    Raises:
        ValueError: shapes do not fit, or values are not real and finite.
    """
    images = _checked(images)
    shape = (len(images), *grid.shape, *images.shape[3:])
    projected = np.zeros(shape, np.complex64)
    for chunk, stencil in _chunks(images, grid, angles, with_gradients=True):
        spheres = stencil.spread(projected[chunk].reshape(-1, stencil.size, *shape[3:]))
        planar = stencil.look_up(_planar_gradients(images[chunk]))
        assert stencil.gradients is not None
        along_x, along_y = stencil.gradients.reshape(2, -1, *[1] * (spheres.ndim - 2))
        spheres[:, stencil.points] = along_x * planar[..., 0] + along_y * planar[..., 1]
    return projected


def _project(
    images: np.ndarray, grid: Grid, angles: Sequence[ArrayLike] | None, *, apart: int
) -> np.ndarray:
    """float32 (batch, *grid.shape, ...), from checked images; `apart` as a stencil has it."""
    shape = (len(images), *grid.shape, *images.shape[3:])
    projected = np.zeros(shape, np.float32)
    for chunk, stencil in _chunks(images, grid, angles, apart=apart):
        spheres = stencil.spread(projected[chunk].reshape(-1, stencil.size, *shape[3:]))
        spheres[:, stencil.points] = stencil.look_up(_with_margin(images[chunk], apart))
    return projected


class _Stencil(NamedTuple):
    """Where points of the sphere take their values, from images laid flat with their margins.

    One stencil of one sphere serves all images where nothing turns. Turned, a chunk's spheres are
    laid end to end, and so are its images.
    """

    shared: bool  # by all images; else there is a sphere for each
    size: int  # points of one sphere
    points: np.ndarray  # (sample,) index of the point, of all rotations' spheres laid end to end
    corners: np.ndarray  # (sample,) index of the pixel before it in both directions
    columns: np.ndarray  # (sample,) float32 fraction of the way to the next corner, along +x
    rows: np.ndarray  # the same along +y
    stride: int  # from a pixel to the one below
    apart: int  # pixels between which values are interpolated: 1, or 2 as published
    gradients: np.ndarray | None  # complex64 (2, sample): grad X and grad Y as values of spin 1

    def spread(self, array: np.ndarray) -> np.ndarray:
        """(image, point or pixel, ...) as the stencil counts them, a view."""
        return array if self.shared else array.reshape(1, -1, *array.shape[2:])

    def look_up(self, canvases: np.ndarray) -> np.ndarray:
        """From (image, pixel, ...) to (image, sample, ...), or (1, sample, ...) of all images."""
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
    """The images, some at a time, and where the points of their spheres look."""
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
    looked_at = turned_back(directions, rotations)
    south = np.flatnonzero(looked_at[2] <= 0)
    x, y, z = looked_at[:, south]
    scale = 2 / (1 - z)  # (X, Y) = scale (x, y)
    # In pixels, the first one at 0; float64, for a float32 of 30 pixels is good to 2e-6 only. That
    # is the first pixel's centre, half a pixel from the image's edge, or as published the edge.
    pixels, origin = side / (2 * _HALF_SIDE), side / 2 - (0.5 if apart == 1 else 0)
    left, columns = _corner(x * scale * pixels + origin, side, apart)
    top, rows = _corner(y * scale * pixels + origin, side, apart)
    stride = side + _margin(apart)
    gradients = None
    if frames is not None:
        # grad X = scale (1, 0, x / (1 - z)) and a radial part, which the frames do not see.
        e_x, e_y, e_z = turned_back(frames, rotations)[:, south]
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
    """The pixel before a position, as the margin counts it, and the fraction of the way onward."""
    position = np.clip(position, -apart, side + apart - 1)
    # As published, values jump at whole numbers, where the axes lie: not to be rounding's choice.
    # Bilinear ones do not jump, and change by 1e-9.
    whole = np.floor(position + 1e-9)
    fraction = (position - whole + apart - 1) / apart
    return whole.astype(np.intp) - (apart - 1) + _before(apart), fraction.astype(np.float32)


def _before(apart: int) -> int:
    """Zero pixels before an image: no position outside of it looks further."""
    return 2 * apart - 1


def _margin(apart: int) -> int:
    """Zero pixels before and after an image, in all."""
    return 3 * apart


def _with_margin(images: np.ndarray, apart: int = 1) -> np.ndarray:
    """Float32 images laid flat (image, pixel, ...), with zero pixels before and after."""
    count, side = images.shape[:2]
    wide, inside = side + _margin(apart), slice(_before(apart), _before(apart) + side)
    canvases = np.zeros((count, wide, wide, *images.shape[3:]), np.float32)
    canvases[:, inside, inside] = images
    return canvases.reshape(count, -1, *images.shape[3:])


def _planar_gradients(images: np.ndarray) -> np.ndarray:
    """(u_X, u_Y) of images laid flat, on a last axis; none beyond the image."""
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
