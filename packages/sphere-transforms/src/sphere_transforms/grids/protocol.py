"""What a transform asks of a grid."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from sphere_transforms.grids.colatitude_quadrature import ColatitudeQuadrature


@runtime_checkable
class Grid(Protocol):
    """What a transform asks of a grid. Angles are in radians, arrays are float64 NumPy.

    Samples lie on rings of constant colatitude. Where every ring has the same longitudes, arrays
    have one entry per colatitude or per longitude, below (lat,) and (long,); on HEALPix, where each
    ring has its own, one per pixel, (pixel,).
    """

    def __hash__(self) -> int:
        """Equal grids share their tables in the cache."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a field's samples: (lat, long), or (pixel,)."""

    @property
    def band_limit(self) -> int:
        """L: fields of degrees ell < L survive a round trip (on HEALPix, nearly)."""

    @property
    def symmetric(self) -> bool:
        """Whether theta_j + theta_{lat-1-j} = pi for all rings, so that parity halves the work."""

    @property
    def colatitudes(self) -> np.ndarray:
        """Shape (lat,) or (pixel,), in [0, pi], from north to south."""

    @property
    def longitudes(self) -> np.ndarray:
        """Shape (long,) or (pixel,), in [0, 2 pi)."""

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Colatitude and longitude of every sample, each of the grid's shape."""

    @property
    def quadrature_weights(self) -> np.ndarray:
        """Shape (lat,) or (pixel,): the weight of one sample; all samples' weights sum to 4 pi.

        They integrate a field of degree ell < L exactly (on HEALPix, nearly).
        """

    @property
    def cell_areas(self) -> np.ndarray:
        """Shape (lat,) or (pixel,): area that one sample stands for; all samples' sum to 4 pi."""

    @property
    def analysis(self) -> ColatitudeQuadrature:
        """The quadrature in colatitude with which the forward transform is exact."""
