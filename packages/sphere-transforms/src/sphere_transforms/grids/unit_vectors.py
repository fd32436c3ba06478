"""Points on the sphere as unit vectors, and the directions of the coordinates there."""

from __future__ import annotations

import numpy as np


def unit_vectors(
    theta: np.ndarray | float, phi: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The position vector of each point, and the unit vectors along theta and phi there.

    At a pole the directions depend on the longitude: they are the limits along the meridian. The
    transforms use the same convention.

    Args:
      theta: colatitudes in radians.
      phi: longitudes in radians, of a shape that broadcasts with theta's. `grid.points` is a pair
        of both.

    Returns:
      (x, e_theta, e_phi), float64 NumPy, each (..., 3): e_theta points south, e_phi east.
    """
    theta, phi = np.broadcast_arrays(np.asarray(theta, np.float64), np.asarray(phi, np.float64))
    (s, c), (sp, cp) = ((np.sin(angle), np.cos(angle)) for angle in (theta, phi))
    return (
        np.stack([s * cp, s * sp, c], axis=-1),
        np.stack([c * cp, c * sp, -s], axis=-1),
        np.stack([-sp, cp, np.zeros_like(sp)], axis=-1),
    )
