"""The interface of a grid."""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

import numpy as np

from sphere_transforms.grids.colatitude_quadrature import ColatitudeQuadrature


@runtime_checkable
class Grid(Protocol):
    """The interface of a grid. Angles are in radians, and arrays are float64 NumPy arrays.

    The samples lie on rings of constant colatitude, ordered from north to south, and are equally
    spaced along each ring. If all rings have the same longitudes, `shape` is (lat, long), and
    arrays have one entry per colatitude, shape (lat,), or per longitude, shape (long,). Otherwise
    `shape` is (pixel,), ring after ring, and arrays have one entry per pixel.

    A grid of your own needs these members, equality and a hash. `RingGrid` is a base class for
    grids of equal rings; it implements most of the members. It may also define a method
    `analysis_below(band_limit)`, if a cheaper quadrature serves lower band limits than its own.
    """

    def __hash__(self) -> int:
        """Must agree with equality: equal grids share their cached tables."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the samples of a field: (lat, long), or (pixel,)."""

    @property
    def band_limit(self) -> int:
        """L: the grid represents fields of degrees ell < L (on HEALPix approximately)."""

    @property
    def colatitudes(self) -> np.ndarray:
        """Colatitudes, shape (lat,) or (pixel,), in [0, pi], from north to south."""

    @property
    def longitudes(self) -> np.ndarray:
        """Longitudes, shape (long,) or (pixel,), in [0, 2 pi)."""

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Colatitude and longitude of every sample, two arrays of the shape of the grid."""

    @property
    def ring_colatitudes(self) -> np.ndarray:
        """Colatitude of each ring, shape (ring,), increasing from the north pole."""

    @property
    def ring_lengths(self) -> np.ndarray:
        """Number of samples of each ring, shape (ring,), int64."""

    @property
    def ring_offsets(self) -> np.ndarray:
        """Longitude of the first sample of each ring, shape (ring,)."""

    @property
    def quadrature_weights(self) -> np.ndarray:
        """Weight of a sample in an integral, shape (lat,) or (pixel,); summed over samples, 4 pi.

        The weights integrate a field of degrees ell < L exactly (on HEALPix approximately).
        """

    @property
    def cell_areas(self) -> np.ndarray:
        """Area of the cell of a sample, shape (lat,) or (pixel,); summed over samples, 4 pi."""

    @property
    def analysis(self) -> ColatitudeQuadrature:
        """The quadrature in colatitude for the forward transform."""

    def coarser(self) -> Self:
        """Returns the grid of the same class and half the resolution, for pooling.

        Raises:
          ValueError: there is no such grid.
        """
