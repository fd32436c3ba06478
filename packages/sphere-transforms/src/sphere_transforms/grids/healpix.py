"""The HEALPix grid."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from sphere_transforms.grids.arguments import whole_number
from sphere_transforms.grids.colatitude_quadrature import ColatitudeQuadrature
from sphere_transforms.grids.constants import read_only, symmetric_colatitudes
from sphere_transforms.grids.healpix_faces import southern_corner

# As in healpy's map2alm.
DEFAULT_ITERATIONS = 3


@dataclasses.dataclass(frozen=True, init=False)
class HealpixGrid:
    """HEALPix: 12 nside^2 pixels of equal area, in ring order, on 4 nside - 1 rings.

    Rings have between 4 pixels (next to the poles) and 4 nside pixels (within |cos(theta)| <= 2/3).
    A field therefore has a single axis of pixels.

    The quadrature with equal weights is approximate. Iterative refinement reduces the error (see
    `SpinTransform.forward`). The following are relative rms errors of the coefficients of a random
    field with a flat spectrum, at band limit 2 nside. For spin 0 and three iterations they are
    those of healpy's map2alm.

      nside                    4       8       16      32      64
      spin 0, no iteration     1.8e-2  1.1e-2  7.1e-3  2.8e-3  2.8e-3
      spin 0, 3 iterations     8.4e-6  9.9e-6  9.2e-6  3.7e-6  4.7e-6
      spin 2, no iteration     2.4e-2  1.1e-2  7.4e-3  3.3e-3  1.4e-3
      spin 2, 3 iterations     2.9e-5  1.5e-5  1.0e-5  4.8e-6  1.7e-6

    For band limit 3 nside the error without iterations is 0.15 at any nside.

    Attributes:
      nside: resolution parameter, at least 1. It does not have to be a power of two; only the
        nested pixel order, which is not supported, requires that.
      band_limit: L, at most 3 nside.

    Reference: Gorski et al. (2005), arXiv astro-ph/0409513, equations 2 to 9.
    """

    nside: int
    band_limit: int

    def __init__(self, nside: int, band_limit: int | None = None):
        """Makes the grid.

        Args:
          nside: resolution parameter, at least 1.
          band_limit: L, from 1 to 3 nside. None means 2 nside.

        Raises:
          ValueError: an argument is out of range, or not a whole number.
        """
        nside = whole_number(
            nside,
            "HealpixGrid: nside",
            least=1,
            advice=", for example 32 (12288 pixels, degrees below 64).",
        )
        band_limit = whole_number(
            2 * nside if band_limit is None else band_limit,
            "HealpixGrid: band_limit",
            least=1,
            most=3 * nside,
            advice=f" where nside is {nside}; lower it or raise nside.",
        )
        object.__setattr__(self, "nside", nside)
        object.__setattr__(self, "band_limit", band_limit)

    @property
    def shape(self) -> tuple[int]:
        """(12 nside^2,): pixels."""
        return (12 * self.nside**2,)

    @functools.cached_property
    def colatitudes(self) -> np.ndarray:
        """Colatitude of each pixel in radians, shape (pixel,)."""
        return read_only(np.repeat(self.ring_colatitudes, self.ring_lengths))

    @functools.cached_property
    def longitudes(self) -> np.ndarray:
        """Longitude of each pixel in radians, shape (pixel,), increasing along each ring."""
        lengths = np.repeat(self.ring_lengths, self.ring_lengths)
        place = np.arange(self.shape[0]) - np.repeat(self.ring_starts, self.ring_lengths)
        offsets = np.repeat(self.ring_offsets, self.ring_lengths)
        return read_only(offsets + 2 * np.pi * place / lengths)

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Colatitude and longitude of every pixel in radians, each of shape (pixel,)."""
        return self.colatitudes, self.longitudes

    @functools.cached_property
    def quadrature_weights(self) -> np.ndarray:
        """4 pi / pixels, shape (pixel,). The quadrature is approximate: see the class."""
        return read_only(np.full(self.shape, 4 * np.pi / self.shape[0]))

    @property
    def cell_areas(self) -> np.ndarray:
        """4 pi / pixels, shape (pixel,). All pixels have the same area."""
        return self.quadrature_weights

    @functools.cached_property
    def analysis(self) -> ColatitudeQuadrature:
        """The rings, with weight 4 pi / pixels for each sample.

        Approximate, because HEALPix has no exact quadrature.
        """
        rings = 4 * self.nside - 1
        weights = np.full(rings, 4 * np.pi / self.shape[0])
        return ColatitudeQuadrature(self.ring_colatitudes, read_only(weights))

    @functools.cached_property
    def ring_colatitudes(self) -> np.ndarray:
        """Colatitude of each ring, shape (4 nside - 1,), radians, increasing from north."""
        ring = np.arange(1, 2 * self.nside)
        # cos(theta) is 1 - ring^2 / (3 nside^2), but the arccosine of a number near 1 loses digits.
        cap = 2 * np.arcsin(np.minimum(ring, self.nside) / (np.sqrt(6) * self.nside))
        belt = np.arccos((4 * self.nside - 2 * np.maximum(ring, self.nside)) / (3 * self.nside))
        north = np.where(ring < self.nside, cap, belt)
        return read_only(symmetric_colatitudes(north, 4 * self.nside - 1))

    @functools.cached_property
    def ring_lengths(self) -> np.ndarray:
        """Number of pixels of each ring, int64, shape (4 nside - 1,)."""
        ring = np.arange(1, 4 * self.nside)
        return read_only(4 * np.minimum(np.minimum(ring, 4 * self.nside - ring), self.nside))

    @functools.cached_property
    def ring_starts(self) -> np.ndarray:
        """Index of the first pixel of each ring, int64, shape (4 nside - 1,)."""
        return read_only(np.cumsum(self.ring_lengths) - self.ring_lengths)

    @functools.cached_property
    def ring_offsets(self) -> np.ndarray:
        """Longitude of the first pixel of each ring, radians, shape (4 nside - 1,).

        This is half a pixel, except for every other ring of the equatorial belt, which starts at
        longitude 0.
        """
        ring = np.arange(1, 4 * self.nside)
        aligned = (self.ring_lengths == 4 * self.nside) & ((ring - self.nside) % 2 == 1)
        return read_only(np.where(aligned, 0.0, np.pi / self.ring_lengths))

    def coarser(self) -> HealpixGrid:
        """The grid of half the nside and half the band limit (rounded down, at least 1).

        Raises:
          ValueError: nside is odd.
        """
        if self.nside % 2:
            raise ValueError(f"{self!r} has no coarser grid: its nside is odd.")
        return HealpixGrid(self.nside // 2, max(1, self.band_limit // 2))

    @functools.cached_property
    def coarser_cells(self) -> np.ndarray:
        """The four pixels of this grid that make up each pixel of `coarser()`.

        Indices in ring order, int64, shape (pixel of the coarser grid, 4).

        Raises:
          ValueError: nside is odd.
        """
        coarse = self.coarser()
        face, x, y = np.indices((12, self.nside, self.nside)).reshape(3, -1)
        fine_pixels = _ring_order(self, face, x, y)
        coarse_pixels = _ring_order(coarse, face, x // 2, y // 2)
        order = np.argsort(coarse_pixels, kind="stable")
        return read_only(fine_pixels[order].reshape(-1, 4))


def _ring_order(grid: HealpixGrid, face: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Index in ring order of the pixel (x, y) of a base pixel; x runs north-east, y north-west.

    Gorski et al. (2005), section 4: the ring is determined by x + y, the place on it by x - y.
    """
    nside = grid.nside
    row, column = southern_corner(face)
    ring = (row + 2) * nside - x - y - 2  # from 0
    length = grid.ring_lengths[ring] // 4
    # Pixels of every other ring of the belt begin at longitude 0, others half a pixel east of it.
    aligned = grid.ring_offsets[ring] == 0
    place = (column * length + x - y + aligned) // 2
    return grid.ring_starts[ring] + place % (4 * length)
