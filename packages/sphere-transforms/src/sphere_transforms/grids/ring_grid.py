"""What grids of rings with common longitudes share."""

from __future__ import annotations

import abc
import functools

import numpy as np

from sphere_transforms.grids.colatitude_quadrature import ColatitudeQuadrature
from sphere_transforms.grids.constants import read_only


class RingGrid(abc.ABC):
    """Base of grids that are a product of colatitudes and longitudes phi_k = 2 pi k / long."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, int]:
        """Numbers of colatitudes and of longitudes."""

    @property
    @abc.abstractmethod
    def colatitudes(self) -> np.ndarray:
        """Shape (lat,), radians, increasing from the north pole."""

    @property
    @abc.abstractmethod
    def quadrature_weights(self) -> np.ndarray:
        """Shape (lat,): weight of one sample of each ring; all samples' weights sum to 4 pi."""

    @property
    def symmetric(self) -> bool:
        """True: theta_j + theta_{lat-1-j} = pi."""
        return True

    @functools.cached_property
    def longitudes(self) -> np.ndarray:
        """phi_k = 2 pi k / long, shape (long,), radians."""
        count = self.shape[1]
        return read_only(2 * np.pi * np.arange(count) / count)

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Colatitude and longitude of every sample in radians, each of shape (lat, long)."""
        theta = np.broadcast_to(self.colatitudes[:, None], self.shape)
        phi = np.broadcast_to(self.longitudes, self.shape)
        return theta, phi

    @functools.cached_property
    def cell_areas(self) -> np.ndarray:
        """Area of the band, or cap, around each ring, divided among its samples, shape (lat,).

        Bands meet half way between the rings' colatitudes; all samples' areas sum to 4 pi.
        """
        theta = self.colatitudes
        bounds = np.concatenate([[0.0], (theta[1:] + theta[:-1]) / 2, [np.pi]])
        # The difference of two cosines, without the loss of digits at the poles.
        heights = 2 * np.sin((bounds[1:] + bounds[:-1]) / 2) * np.sin(np.diff(bounds) / 2)
        return read_only(heights * 2 * np.pi / self.shape[1])

    @functools.cached_property
    def analysis(self) -> ColatitudeQuadrature:
        """The rings themselves, with their quadrature weights."""
        return ColatitudeQuadrature(self.colatitudes, self.quadrature_weights)
