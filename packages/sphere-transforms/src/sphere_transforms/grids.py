"""Grids on the sphere: where a field is sampled, and what a sample counts for in an integral."""

from __future__ import annotations

import dataclasses
import functools
from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Grid(Protocol):
    """What a transform asks of a ring grid. Angles are in radians, arrays are float64 NumPy."""

    def __hash__(self) -> int:
        """Equal grids share their tables in the cache."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of colatitudes and of longitudes."""

    @property
    def band_limit(self) -> int:
        """L: fields of degrees ell < L survive a round trip exactly."""

    @property
    def colatitudes(self) -> np.ndarray:
        """Shape (lat,), in [0, pi], increasing from the north pole."""

    @property
    def longitudes(self) -> np.ndarray:
        """Shape (long,), in [0, 2 pi)."""

    @property
    def quadrature_weights(self) -> np.ndarray:
        """Shape (lat,): weight of one sample of each ring; all samples' weights sum to 4 pi."""

    @property
    def cell_areas(self) -> np.ndarray:
        """Shape (lat,): area that one sample of each ring stands for; all sum to 4 pi."""


@dataclasses.dataclass(frozen=True)
class EquiangularGrid:
    """The n x n equiangular grid with both poles: theta_j = pi j / (n - 1), phi_k = 2 pi k / n.

    It carries degrees ell < n / 2 exactly: Clenshaw-Curtis quadrature in the colatitude integrates
    polynomials in cos(theta) up to degree n - 1, and the product of two harmonics below the band
    limit has degree n - 2 at most.

    Attributes:
      resolution: n, the number of colatitudes and of longitudes; even, at least 4.

    Raises:
      ValueError: the resolution is odd, too small, or not a whole number.
    """

    resolution: int

    def __post_init__(self) -> None:
        n = self.resolution
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 4 or n % 2:
            raise ValueError(
                f"EquiangularGrid: resolution is {n!r}; it must be an even whole number of at "
                "least 4, for example 64 (which carries degrees below 32)."
            )
        object.__setattr__(self, "resolution", int(n))

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
        return _constant(np.pi * np.arange(self.resolution) / (self.resolution - 1))

    @functools.cached_property
    def longitudes(self) -> np.ndarray:
        """phi_k = 2 pi k / n, shape (n,)."""
        return _constant(2 * np.pi * np.arange(self.resolution) / self.resolution)

    @functools.cached_property
    def quadrature_weights(self) -> np.ndarray:
        """Clenshaw-Curtis weight in colatitude times the longitude step, shape (n,)."""
        intervals = self.resolution - 1
        order = np.arange(1, intervals // 2 + 1)
        series = 2 * np.cos(2 * np.outer(self.colatitudes, order)) @ (1 / (4.0 * order**2 - 1))
        weights = 2 / intervals * (1 - series)
        weights[[0, -1]] /= 2
        return _constant(weights * 2 * np.pi / self.resolution)

    @functools.cached_property
    def cell_areas(self) -> np.ndarray:
        """The spherical half of Huffenberger and Wandelt's torus weights, shape (n,).

        Proportional to pi sin(theta) + sum over even |p| < n of 2 / (1 - p^2) cos(p theta), scaled
        so that all cells sum to 4 pi. They differ from the quadrature weights by up to 1.2 percent
        near the poles, and are what the published networks pool with.

        Reference: Huffenberger and Wandelt (2010), arXiv 1007.3514, section 4.
        """
        theta = self.colatitudes
        order = np.arange(2, self.resolution, 2)
        series = 2 + 2 * np.cos(np.outer(theta, order)) @ (2 / (1.0 - order**2))
        areas = np.pi * np.sin(theta) + series
        return _constant(areas * 4 * np.pi / (self.resolution * areas.sum()))


def _constant(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
