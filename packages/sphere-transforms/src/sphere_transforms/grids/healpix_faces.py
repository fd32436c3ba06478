"""The twelve base pixels of HEALPix, and coordinates on them.

Base pixel f is a square of coordinates x, to the north-east, and y, to the north-west, each from 0
to 1. The map to the sphere keeps areas. Reference: Gorski et al. (2005), arXiv astro-ph/0409513,
section 4 and equations 2 to 9.
"""

from __future__ import annotations

import numpy as np


def southern_corner(face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The row of a base pixel (0 to 2 from north), and its longitude in units of 45 degrees."""
    row = face // 4
    return row, 2 * (face % 4) + (row != 1)


def on_the_sphere(face: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colatitude and longitude of points on base pixels.

    Args:
      face: base pixel, from 0 to 11.
      x: coordinate to the north-east, from 0 to 1, of a shape that broadcasts with the others.
      y: coordinate to the north-west.

    Returns:
      Colatitudes and longitudes in radians, float64. The longitude of a pole is arbitrary.
    """
    face, x, y = np.broadcast_arrays(face, x, y)
    row, column = southern_corner(face)
    ring = (row + 2) - x - y  # distance from the north pole; 1 to 3 in the equatorial belt
    cap = np.minimum(np.minimum(ring, 4 - ring), 1)  # shrinks to 0 at the poles
    # cos(theta) is 1 - ring^2 / 3 in the cap, but the arccosine near 1 loses digits.
    polar = 2 * np.arcsin(np.minimum(cap, 1) / np.sqrt(6))
    theta = np.where(ring < 1, polar, np.pi - polar)
    belt = (ring >= 1) & (ring <= 3)
    theta = np.where(belt, np.arccos(np.clip(2 * (2 - ring) / 3, -1, 1)), theta)
    east = np.divide(x - y, cap, out=np.zeros_like(cap), where=cap > 0)
    return theta, np.mod(np.pi / 4 * (column + east), 2 * np.pi)
