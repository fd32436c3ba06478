"""Helper functions for the constant arrays of the grids."""

from __future__ import annotations

import numpy as np


def read_only(array: np.ndarray) -> np.ndarray:
    """Makes the array read-only, because it is cached and shared, and returns it."""
    array.flags.writeable = False
    return array


def symmetric_colatitudes(north: np.ndarray, rings: int) -> np.ndarray:
    """Mirrors the northern colatitudes about the equator, symmetric to the last bit.

    Args:
      north: theta_j < pi / 2 of the first rings // 2 rings, increasing.
      rings: the number of all rings. If it is odd, the middle ring is the equator.

    Returns:
      Shape (rings,). theta_j + theta_{rings-1-j} is exactly the float64 pi.
    """
    return np.concatenate([north, [np.pi / 2] * (rings % 2), np.pi - north[::-1]])
