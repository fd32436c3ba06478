"""Projections of the sphere onto the plane, and their inverses, in NumPy.

In the plane, x points to the right and y up. The sphere is seen from outside, so north is up and
east is to the right. (Astronomical maps show the sphere from inside, with east to the left.)
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

import numpy as np

from sphere_transforms.grids import unit_vectors


class Projection(Protocol):
    """The geometry of a drawing."""

    @property
    def extent(self) -> tuple[float, float]:
        """Half the width and half the height; the drawing is centred on the origin."""

    def to_sphere(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns theta and phi at points of the plane, and whether they are in the drawing."""

    def to_plane(
        self, theta: np.ndarray, phi: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns x and y of points of the sphere, and whether the points are visible."""


@dataclasses.dataclass(frozen=True)
class Orthographic:
    """A globe seen from far away: half of the sphere, in the unit disc.

    Attributes:
      center: (theta, phi) of the point at the centre, in radians.
      extent: half the width and half the height.
    """

    center: tuple[float, float]
    extent: tuple[float, float] = (1.0, 1.0)

    def to_sphere(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `Projection.to_sphere`; points of the unit disc are in the drawing."""
        height = 1 - x**2 - y**2
        toward, southward, eastward = self._axes()
        depth = np.sqrt(np.maximum(height, 0))
        point = x[..., None] * eastward - y[..., None] * southward + depth[..., None] * toward
        theta = np.arctan2(np.hypot(point[..., 0], point[..., 1]), point[..., 2])
        return theta, np.arctan2(point[..., 1], point[..., 0]) % (2 * np.pi), height >= 0

    def to_plane(
        self, theta: np.ndarray, phi: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `Projection.to_plane`; the half that faces the viewer is visible."""
        point = unit_vectors(theta, phi)[0]
        toward, southward, eastward = self._axes()
        return point @ eastward, -(point @ southward), point @ toward > 0

    def _axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return unit_vectors(np.asarray(self.center[0]), np.asarray(self.center[1]))


@dataclasses.dataclass(frozen=True)
class Mollweide:
    """The whole sphere in an ellipse, with equal areas.

    Attributes:
      center_phi: longitude at the centre, in radians.
      extent: half the width and half the height.

    Reference: Snyder (1987), Map Projections: A Working Manual, chapter 31.
    """

    center_phi: float
    extent: tuple[float, float] = (2.0, 1.0)

    def to_sphere(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `Projection.to_sphere`; points of the ellipse are in the drawing."""
        inside = (x / 2) ** 2 + y**2 <= 1
        auxiliary = np.arcsin(np.clip(y, -1, 1))
        latitude = np.arcsin(np.clip((2 * auxiliary + np.sin(2 * auxiliary)) / np.pi, -1, 1))
        width = np.maximum(2 * np.cos(auxiliary), 1e-12)
        longitude = self.center_phi + np.pi * np.clip(x / width, -1, 1)
        return np.pi / 2 - latitude, longitude % (2 * np.pi), inside

    def to_plane(
        self, theta: np.ndarray, phi: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `Projection.to_plane`; every point is visible."""
        theta, phi = np.broadcast_arrays(theta, phi)
        # Solve 2 a + sin(2 a) = pi cos(theta). The left side is flat at the poles, so bisection is
        # safer than Newton's method.
        low, high = np.full(theta.shape, -np.pi / 2), np.full(theta.shape, np.pi / 2)
        for _ in range(50):
            middle = (low + high) / 2
            above = 2 * middle + np.sin(2 * middle) > np.pi * np.cos(theta)
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        x = 2 / np.pi * _wrapped(phi - self.center_phi) * np.cos(low)
        return x, np.sin(low), np.ones(theta.shape, bool)


@dataclasses.dataclass(frozen=True)
class Equirectangular:
    """The whole sphere in a rectangle: longitude across, colatitude down.

    Attributes:
      center_phi: longitude at the centre, in radians.
      extent: half the width and half the height.
    """

    center_phi: float
    extent: tuple[float, float] = (2.0, 1.0)

    def to_sphere(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `Projection.to_sphere`; points of the rectangle are in the drawing."""
        inside = (np.abs(x) <= 2) & (np.abs(y) <= 1)
        longitude = (self.center_phi + np.pi / 2 * x) % (2 * np.pi)
        return np.pi / 2 * (1 - np.clip(y, -1, 1)), longitude, inside

    def to_plane(
        self, theta: np.ndarray, phi: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `Projection.to_plane`; every point is visible."""
        theta, phi = np.broadcast_arrays(theta, phi)
        x = 2 / np.pi * _wrapped(phi - self.center_phi)
        return x, 1 - 2 / np.pi * theta, np.ones(theta.shape, bool)


def _wrapped(angle: np.ndarray) -> np.ndarray:
    """The angle modulo 2 pi, in [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
