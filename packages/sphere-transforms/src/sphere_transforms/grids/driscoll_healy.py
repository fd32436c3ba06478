"""The grid of Driscoll and Healy."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from sphere_transforms.grids.arguments import whole_number
from sphere_transforms.grids.constants import read_only
from sphere_transforms.grids.ring_grid import RingGrid


@dataclasses.dataclass(frozen=True)
class DriscollHealyGrid(RingGrid):
    """The 2L x 2L grid of Driscoll and Healy: theta_j = pi j / (2 L), phi_k = pi k / L.

    The grid includes the north pole, with weight zero, but not the south pole. ducc0 calls it "DH".
    The grid that s2fft calls "dh" is different: it has the colatitudes of FejerGrid(2 L) and
    2 L - 1 longitudes.

    Attributes:
      band_limit: L, at least 1. The grid represents degrees ell < L exactly.

    Raises:
      ValueError: the band limit is too small, or not a whole number.

    Reference: Driscoll and Healy (1994), Adv. Appl. Math. 15, 202, theorem 3.
    """

    band_limit: int

    def __post_init__(self) -> None:
        band_limit = whole_number(
            self.band_limit,
            "DriscollHealyGrid: band_limit",
            least=1,
            advice=", for example 32 (a grid of 64 x 64).",
        )
        object.__setattr__(self, "band_limit", band_limit)

    @property
    def shape(self) -> tuple[int, int]:
        """(2 L, 2 L): colatitudes, longitudes."""
        return 2 * self.band_limit, 2 * self.band_limit

    @functools.cached_property
    def colatitudes(self) -> np.ndarray:
        """theta_j = pi j / (2 L), shape (2 L,)."""
        return read_only(np.pi * np.arange(2 * self.band_limit) / (2 * self.band_limit))

    @functools.cached_property
    def quadrature_weights(self) -> np.ndarray:
        """Weight in colatitude times the longitude step, shape (2 L,); zero at the pole.

        Reference: Driscoll and Healy (1994), equation 9. Here they are scaled to sum to 4 pi.
        """
        theta = self.colatitudes
        order = 2 * np.arange(self.band_limit) + 1
        series = np.sin(np.outer(theta, order)) @ (1 / order)
        return read_only(2 / self.band_limit * np.sin(theta) * series * np.pi / self.band_limit)

    def coarser(self) -> DriscollHealyGrid:
        """The grid of half the band limit.

        Raises:
          ValueError: the band limit is odd.
        """
        if self.band_limit % 2:
            raise ValueError(
                f"{self!r} has no coarser grid: its band limit is odd, and cannot be halved."
            )
        return DriscollHealyGrid(self.band_limit // 2)
