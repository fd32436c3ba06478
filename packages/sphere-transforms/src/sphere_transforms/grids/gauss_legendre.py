"""The Gauss-Legendre grid."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from sphere_transforms.grids.arguments import whole_number
from sphere_transforms.grids.constants import read_only
from sphere_transforms.grids.gauss_legendre_rule import gauss_legendre_rule
from sphere_transforms.grids.ring_grid import RingGrid


@dataclasses.dataclass(frozen=True, init=False)
class GaussLegendreGrid(RingGrid):
    """L rings at the zeros of the Legendre polynomial P_L(cos(theta)), phi_k = 2 pi k / long.

    No quadrature with fewer rings is exact for products of two harmonics of degrees ell < L. No
    ring is at a pole; for odd L, one ring is the equator. ducc0 calls the grid "GL".

    Attributes:
      band_limit: L, the number of rings, at least 1.
      longitude_count: number of longitudes, at least 2 L - 1.

    Reference: Doroshkevich et al. (2005), Int. J. Mod. Phys. D 14, 275, arXiv astro-ph/0305537.
    """

    band_limit: int
    longitude_count: int

    def __init__(self, band_limit: int, longitude_count: int | None = None):
        """Makes the grid.

        Args:
          band_limit: L, the number of rings, at least 1.
          longitude_count: number of longitudes, at least 2 L - 1. None means 2 L.

        Raises:
          ValueError: an argument is too small, or not a whole number.
        """
        band_limit = whole_number(
            band_limit,
            "GaussLegendreGrid: band_limit",
            least=1,
            advice=", for example 32 (a grid of 32 x 64).",
        )
        longitude_count = whole_number(
            2 * band_limit if longitude_count is None else longitude_count,
            "GaussLegendreGrid: longitude_count",
            least=2 * band_limit - 1,
            advice=f" to carry degrees below {band_limit}; leave it out for {2 * band_limit}.",
        )
        object.__setattr__(self, "band_limit", band_limit)
        object.__setattr__(self, "longitude_count", longitude_count)

    @property
    def shape(self) -> tuple[int, int]:
        """(L, longitude_count): colatitudes, longitudes."""
        return self.band_limit, self.longitude_count

    @functools.cached_property
    def colatitudes(self) -> np.ndarray:
        """Zeros of P_L(cos(theta)), shape (L,)."""
        return read_only(self._rule[0])

    @functools.cached_property
    def quadrature_weights(self) -> np.ndarray:
        """Gauss-Legendre weight times the longitude step, shape (L,)."""
        return read_only(self._rule[1] * 2 * np.pi / self.longitude_count)

    @functools.cached_property
    def _rule(self) -> tuple[np.ndarray, np.ndarray]:
        return gauss_legendre_rule(self.band_limit)

    def coarser(self) -> GaussLegendreGrid:
        """The grid of half the band limit and half the longitudes, rounded up.

        Raises:
          ValueError: the band limit is odd.
        """
        if self.band_limit % 2:
            raise ValueError(
                f"{self!r} has no coarser grid: its band limit is odd, and cannot be halved."
            )
        return GaussLegendreGrid(self.band_limit // 2, (self.longitude_count + 1) // 2)
