"""The HEALPix grid."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from sphere_transforms.grids.arguments import whole_number
from sphere_transforms.grids.colatitude_quadrature import ColatitudeQuadrature
from sphere_transforms.grids.constants import mirrored_colatitudes, read_only


@dataclasses.dataclass(frozen=True, init=False)
class HealpixGrid:
    """HEALPix: 12 nside^2 pixels of equal area, in ring order, on 4 nside - 1 rings.

    Rings have from 4 (next to the poles) to 4 nside pixels (within |cos(theta)| <= 2/3), so a field
    is one axis of pixels. The quadrature with equal weights is approximate: for random fields with
    a flat spectrum, the coefficients that come back from one forward transform have a relative rms
    error of 1.4e-2, 4.7e-3, 1.8e-3 and 9e-4 at nside = 8, 16, 64 and 128, if the band limit is 2
    nside, and of 0.15 at any nside if it is 3 nside. Iteration reduces it: three steps of healpy's
    to 1e-5 or less at 2 nside.

    Attributes:
      nside: resolution parameter, at least 1. It need not be a power of two: only the nested order,
        which is not offered, asks for that.
      band_limit: L, at most 3 nside.

    Reference: Gorski et al. (2005), arXiv astro-ph/0409513, equations 2 to 9.
    """

    nside: int
    band_limit: int

    def __init__(self, nside: int, band_limit: int | None = None):
        """Makes the grid.

        Args:
          nside: resolution parameter, at least 1.
          band_limit: L, from 1 to 3 nside. None: 2 nside.

        Raises:
          ValueError: one of them is out of range, or not a whole number.
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

    @property
    def symmetric(self) -> bool:
        """True: ring_colatitudes[j] + ring_colatitudes[rings-1-j] = pi."""
        return True

    @functools.cached_property
    def colatitudes(self) -> np.ndarray:
        """Of each pixel, shape (pixel,), radians."""
        return read_only(np.repeat(self.ring_colatitudes, self.ring_lengths))

    @functools.cached_property
    def longitudes(self) -> np.ndarray:
        """Of each pixel, shape (pixel,), radians; they increase along each ring."""
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
        """4 pi / pixels, shape (pixel,): approximate, see the class."""
        return read_only(np.full(self.shape, 4 * np.pi / self.shape[0]))

    @property
    def cell_areas(self) -> np.ndarray:
        """4 pi / pixels, shape (pixel,): all pixels have the same area."""
        return self.quadrature_weights

    @functools.cached_property
    def analysis(self) -> ColatitudeQuadrature:
        """The rings, each sample with the weight 4 pi / pixels: approximate, see the class."""
        rings = 4 * self.nside - 1
        weights = np.full(rings, 4 * np.pi / self.shape[0])
        return ColatitudeQuadrature(self.ring_colatitudes, read_only(weights))

    @functools.cached_property
    def ring_colatitudes(self) -> np.ndarray:
        """Shape (4 nside - 1,), radians, increasing from the north pole."""
        ring = np.arange(1, 2 * self.nside)
        # cos(theta) is 1 - ring^2 / (3 nside^2), but a cosine near 1 has lost the angle's digits.
        cap = 2 * np.arcsin(np.minimum(ring, self.nside) / (np.sqrt(6) * self.nside))
        belt = np.arccos((4 * self.nside - 2 * np.maximum(ring, self.nside)) / (3 * self.nside))
        north = np.where(ring < self.nside, cap, belt)
        return read_only(mirrored_colatitudes(north, 4 * self.nside - 1))

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

        Half a pixel, but for every other ring of the belt, which starts at longitude 0.
        """
        ring = np.arange(1, 4 * self.nside)
        aligned = (self.ring_lengths == 4 * self.nside) & ((ring - self.nside) % 2 == 1)
        return read_only(np.where(aligned, 0.0, np.pi / self.ring_lengths))
