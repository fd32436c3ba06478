"""Latitude-longitude grids of any size."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from sphere_transforms.grids.arguments import whole_number
from sphere_transforms.grids.colatitude_quadrature import ColatitudeQuadrature
from sphere_transforms.grids.constants import read_only
from sphere_transforms.grids.equiangular_rules import (
    clenshaw_curtis_weights,
    fejer_weights,
    rings_at_centres,
    rings_with_poles,
)
from sphere_transforms.grids.extended_rings import extended_quadrature
from sphere_transforms.grids.ring_grid import RingGrid


@dataclasses.dataclass(frozen=True, init=False)
class LatLonGrid(RingGrid):
    """Equally spaced latitudes and longitudes, as in most files of weather and climate data.

    With poles, theta_j = pi j / (n - 1), as in 73 x 144, 181 x 360 or 721 x 1440 samples. Without,
    the rings are at the centres of cells, theta_j = pi (j + 1/2) / n, as in 180 x 360 or 720 x 1440
    samples. Rings are listed from north to south: flip the data of a file whose latitudes increase.

    The grid represents degrees below n - 1 with poles, and below n without, if there are at least
    2 L - 1 longitudes: 73 x 144 carries degrees below 72. Up to half of that, the forward transform
    is plain quadrature (Clenshaw-Curtis or Fejer's first rule). Above, it extends the rings over
    the poles (see `extended_rings`), which costs a product with an n x n matrix for each order. A
    transform at a lower band limit uses the cheaper quadrature.

    `EquiangularGrid(n)` and `FejerGrid(n)` are the n x n grids at band limit n / 2. ducc0 calls
    the grids "CC" and "F1".

    Attributes:
      latitude_count: n, at least 2 with poles, at least 1 without.
      longitude_count: number of longitudes, at least 1.
      poles: whether the first and the last ring are the poles.
      band_limit: L.
      longitude_offset: longitude of the first sample of each ring, in radians.
    """

    latitude_count: int
    longitude_count: int
    poles: bool
    band_limit: int
    longitude_offset: float = 0.0

    def __init__(
        self,
        latitude_count: int,
        longitude_count: int,
        poles: bool = True,
        *,
        band_limit: int | None = None,
        longitude_offset: float = 0.0,
    ):
        """Makes the grid.

        Args:
          latitude_count: n, at least 2 with poles, at least 1 without.
          longitude_count: number of longitudes, at least 1.
          poles: whether the first and the last ring are the poles.
          band_limit: L. None means as high as the samples allow.
          longitude_offset: longitude of the first sample of each ring in radians, in [0, 2 pi).

        Raises:
          ValueError: an argument is out of range or of another type.
        """
        if not isinstance(poles, bool | np.bool_):
            raise ValueError(
                f"LatLonGrid: poles is {poles!r}; it must be True (the first and the last ring are "
                "the poles) or False (rings at the centres of cells)."
            )
        latitude_count = whole_number(
            latitude_count,
            "LatLonGrid: latitude_count",
            least=2 if poles else 1,
            advice=", for example 73 (with poles, degrees below 72).",
        )
        longitude_count = whole_number(
            longitude_count,
            "LatLonGrid: longitude_count",
            least=1,
            advice=", for example 144 (degrees below 72).",
        )
        largest = min(latitude_count - bool(poles), (longitude_count + 1) // 2)
        band_limit = whole_number(
            largest if band_limit is None else band_limit,
            "LatLonGrid: band_limit",
            least=1,
            most=largest,
            advice=f", which {latitude_count} x {longitude_count} samples carry.",
        )
        offset = longitude_offset
        is_number = isinstance(offset, int | float | np.floating | np.integer)
        if isinstance(offset, bool) or not is_number or not math.isfinite(offset):
            raise ValueError(
                f"LatLonGrid: longitude_offset is {offset!r}; it must be a number of radians in "
                "[0, 2 pi), the longitude of the first sample of each ring."
            )
        if not 0 <= offset < 2 * math.pi:
            raise ValueError(
                f"LatLonGrid: longitude_offset is {offset!r}; it must be in [0, 2 pi) radians. "
                "Convert degrees by numpy.radians, and add 2 pi to negative longitudes."
            )
        object.__setattr__(self, "latitude_count", latitude_count)
        object.__setattr__(self, "longitude_count", longitude_count)
        object.__setattr__(self, "poles", bool(poles))
        object.__setattr__(self, "band_limit", band_limit)
        object.__setattr__(self, "longitude_offset", float(offset))

    @property
    def shape(self) -> tuple[int, int]:
        """(latitude_count, longitude_count)."""
        return self.latitude_count, self.longitude_count

    @functools.cached_property
    def colatitudes(self) -> np.ndarray:
        """theta_j, shape (lat,)."""
        make = rings_with_poles if self.poles else rings_at_centres
        return read_only(make(self.latitude_count))

    @functools.cached_property
    def quadrature_weights(self) -> np.ndarray:
        """Clenshaw-Curtis or Fejer weight times the longitude step, shape (lat,).

        They integrate a field exactly, but the product of two fields only if the sum of their
        highest degrees is below the number of rings. Coefficients are integrals of products, and
        use `analysis` instead.
        """
        make = clenshaw_curtis_weights if self.poles else fejer_weights
        return read_only(make(self.latitude_count) * 2 * np.pi / self.longitude_count)

    @functools.cached_property
    def analysis(self) -> ColatitudeQuadrature:
        """The quadrature in colatitude that is exact up to the band limit of the grid."""
        return self.analysis_below(self.band_limit)

    def analysis_below(self, band_limit: int) -> ColatitudeQuadrature:
        """The cheapest quadrature in colatitude that is exact for degrees below a band limit."""
        # The rules are exact for even degrees up to this number; odd ones vanish by symmetry.
        exact = self.latitude_count - 1 + self.latitude_count % 2
        if 2 * band_limit - 2 <= exact:
            return ColatitudeQuadrature(self.colatitudes, self.quadrature_weights)
        return self._extended

    @functools.cached_property
    def _extended(self) -> ColatitudeQuadrature:
        return extended_quadrature(self.colatitudes, self.longitude_count, poles=self.poles)

    def coarser(self) -> LatLonGrid:
        """The grid of half the latitudes, longitudes and band limit, each rounded up.

        Raises:
          ValueError: there are too few latitudes or longitudes.
        """
        latitudes, longitudes = (self.latitude_count + 1) // 2, (self.longitude_count + 1) // 2
        largest = min(latitudes - self.poles, (longitudes + 1) // 2)
        if self.latitude_count < 3 or self.longitude_count < 2 or largest < 1:
            raise ValueError(f"{self!r} has no coarser grid: it has too few samples.")
        return LatLonGrid(
            latitudes,
            longitudes,
            self.poles,
            band_limit=min(largest, (self.band_limit + 1) // 2),
            longitude_offset=self.longitude_offset,
        )
