"""The base class of grids whose rings share their longitudes."""

from __future__ import annotations

import abc
import functools
from typing import Self

import numpy as np

from sphere_transforms.grids.colatitude_quadrature import ColatitudeQuadrature
from sphere_transforms.grids.constants import read_only


class RingGrid(abc.ABC):
    """Base class of grids that are a product of colatitudes and equally spaced longitudes.

    A subclass defines `shape`, `band_limit`, `colatitudes` and `quadrature_weights`. It needs
    equality and a hash, which a frozen dataclass provides. Longitudes are phi_k = 2 pi k / long;
    override `longitude_offset` to shift them. Override `analysis` if the forward transform is not
    exact with the quadrature weights. Override `coarser` if the grid can be pooled.
    """

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, int]:
        """Numbers of colatitudes and of longitudes."""

    @property
    @abc.abstractmethod
    def colatitudes(self) -> np.ndarray:
        """Colatitude of each ring, shape (lat,), radians, increasing from the north pole."""

    @property
    @abc.abstractmethod
    def quadrature_weights(self) -> np.ndarray:
        """Weight of a sample of each ring, shape (lat,); summed over samples, 4 pi."""

    @property
    def longitude_offset(self) -> float:
        """Longitude of the first sample of every ring, in radians."""
        return 0.0

    @functools.cached_property
    def longitudes(self) -> np.ndarray:
        """phi_k = longitude_offset + 2 pi k / long, shape (long,), radians."""
        count = self.shape[1]
        return read_only(self.longitude_offset + 2 * np.pi * np.arange(count) / count)

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Colatitude and longitude of every sample in radians, each of shape (lat, long)."""
        theta = np.broadcast_to(self.colatitudes[:, None], self.shape)
        phi = np.broadcast_to(self.longitudes, self.shape)
        return theta, phi

    @property
    def ring_colatitudes(self) -> np.ndarray:
        """The colatitudes, shape (lat,)."""
        return self.colatitudes

    @functools.cached_property
    def ring_lengths(self) -> np.ndarray:
        """Number of samples of each ring, shape (lat,), int64."""
        return read_only(np.full(self.shape[0], self.shape[1], np.int64))

    @functools.cached_property
    def ring_offsets(self) -> np.ndarray:
        """Longitude of the first sample of each ring, shape (lat,), radians."""
        return read_only(np.full(self.shape[0], float(self.longitude_offset)))

    @functools.cached_property
    def cell_areas(self) -> np.ndarray:
        """Area of the cell of a sample of each ring, shape (lat,); summed over samples, 4 pi.

        The band (or polar cap) around a ring is divided equally among its samples. Bands meet half
        way between the colatitudes of the rings.
        """
        theta = self.colatitudes
        bounds = np.concatenate([[0.0], (theta[1:] + theta[:-1]) / 2, [np.pi]])
        # The difference of the cosines of the bounds, in a form that keeps digits at the poles.
        heights = 2 * np.sin((bounds[1:] + bounds[:-1]) / 2) * np.sin(np.diff(bounds) / 2)
        return read_only(heights * 2 * np.pi / self.shape[1])

    @functools.cached_property
    def analysis(self) -> ColatitudeQuadrature:
        """The rings themselves, with their quadrature weights."""
        return ColatitudeQuadrature(self.colatitudes, self.quadrature_weights)

    def coarser(self) -> Self:
        """Returns the grid of the same class and half the resolution, for pooling.

        Raises:
          ValueError: always, unless a subclass overrides the method.
        """
        raise ValueError(
            f"{self!r} has no coarser grid, so it cannot be pooled. Define "
            f"{type(self).__name__}.coarser, or do not pool."
        )
