"""The equiangular grid without the poles."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from sphere_transforms.grids.arguments import whole_number
from sphere_transforms.grids.constants import read_only
from sphere_transforms.grids.equiangular_rules import fejer_weights, rings_at_centres
from sphere_transforms.grids.ring_grid import RingGrid


@dataclasses.dataclass(frozen=True)
class FejerGrid(RingGrid):
    """The n x n equiangular grid without poles: theta_j = pi (j + 1/2) / n, phi_k = 2 pi k / n.

    The grid represents degrees ell < n / 2 exactly. Fejer's first rule integrates polynomials in
    cos(theta) up to degree n - 1, and the product of two harmonics below the band limit has degree
    n - 2 at most. ducc0 calls the grid "F1".

    Attributes:
      resolution: n, the number of colatitudes and of longitudes; even, at least 2.

    Raises:
      ValueError: the resolution is odd, too small, or not a whole number.
    """

    resolution: int

    def __post_init__(self) -> None:
        resolution = whole_number(
            self.resolution,
            "FejerGrid: resolution",
            least=2,
            even=True,
            advice=", for example 64 (which carries degrees below 32).",
        )
        object.__setattr__(self, "resolution", resolution)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n): colatitudes, longitudes."""
        return self.resolution, self.resolution

    @property
    def band_limit(self) -> int:
        """L = n / 2."""
        return self.resolution // 2

    @functools.cached_property
    def colatitudes(self) -> np.ndarray:
        """theta_j = pi (j + 1/2) / n, shape (n,)."""
        return read_only(rings_at_centres(self.resolution))

    @functools.cached_property
    def quadrature_weights(self) -> np.ndarray:
        """Weight of Fejer's first rule times the longitude step, shape (n,)."""
        weights = fejer_weights(self.resolution)
        return read_only(weights * 2 * np.pi / self.resolution)

    def coarser(self) -> FejerGrid:
        """The grid of half the resolution.

        Raises:
          ValueError: the resolution is not a multiple of 4, or below 4.
        """
        if self.resolution % 4 or self.resolution < 4:
            raise ValueError(
                f"{self!r} has no coarser grid: halving its resolution must leave an even number "
                "of at least 2, so it must be a multiple of 4 from 4."
            )
        return FejerGrid(self.resolution // 2)
