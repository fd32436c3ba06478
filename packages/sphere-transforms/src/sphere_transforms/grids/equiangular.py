"""The equiangular grid with both poles."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from sphere_transforms.grids.arguments import whole_number
from sphere_transforms.grids.constants import read_only
from sphere_transforms.grids.equiangular_rules import clenshaw_curtis_weights, rings_with_poles
from sphere_transforms.grids.ring_grid import RingGrid


@dataclasses.dataclass(frozen=True)
class EquiangularGrid(RingGrid):
    """The n x n equiangular grid with both poles: theta_j = pi j / (n - 1), phi_k = 2 pi k / n.

    The grid represents degrees ell < n / 2 exactly. Clenshaw-Curtis quadrature in the colatitude
    integrates polynomials in cos(theta) up to degree n - 1, and the product of two harmonics below
    the band limit has degree n - 2 at most.

    Attributes:
      resolution: n, the number of colatitudes and of longitudes; even, at least 4.

    Raises:
      ValueError: the resolution is odd, too small, or not a whole number.
    """

    resolution: int

    def __post_init__(self) -> None:
        resolution = whole_number(
            self.resolution,
            "EquiangularGrid: resolution",
            least=4,
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
        """theta_j = pi j / (n - 1), shape (n,)."""
        return read_only(rings_with_poles(self.resolution))

    @functools.cached_property
    def quadrature_weights(self) -> np.ndarray:
        """Clenshaw-Curtis weight in colatitude times the longitude step, shape (n,)."""
        weights = clenshaw_curtis_weights(self.resolution)
        return read_only(weights * 2 * np.pi / self.resolution)

    @functools.cached_property
    def cell_areas(self) -> np.ndarray:
        """The spherical half of Huffenberger and Wandelt's torus weights, shape (n,).

        They are proportional to pi sin(theta) + sum over even |p| < n of 2 / (1 - p^2)
        cos(p theta), scaled so that all cells sum to 4 pi. Near the poles they differ from the
        quadrature weights by up to 1.2 percent. The published networks pool with these weights.

        Reference: Huffenberger and Wandelt (2010), arXiv 1007.3514, section 4.
        """
        theta = self.colatitudes
        order = np.arange(2, self.resolution, 2)
        series = 2 + 2 * np.cos(np.outer(theta, order)) @ (2 / (1.0 - order**2))
        areas = np.pi * np.sin(theta) + series
        return read_only(areas * 4 * np.pi / (self.resolution * areas.sum()))

    def coarser(self) -> EquiangularGrid:
        """The grid of half the resolution.

        Raises:
          ValueError: the resolution is not a multiple of 4, or below 8.
        """
        if self.resolution % 4 or self.resolution < 8:
            raise ValueError(
                f"{self!r} has no coarser grid: halving its resolution must leave an even number "
                "of at least 4, so it must be a multiple of 4 from 8."
            )
        return EquiangularGrid(self.resolution // 2)
