"""What the grids' constant arrays have in common."""

from __future__ import annotations

import numpy as np


def read_only(array: np.ndarray) -> np.ndarray:
    """The same array, which nobody can write to any more: it is cached and shared."""
    array.flags.writeable = False
    return array


def mirrored_colatitudes(north: np.ndarray, rings: int) -> np.ndarray:
    """All colatitudes, from those north of the equator, symmetric to the last bit.

    Args:
      north: theta_j < pi / 2 of the first rings // 2 rings, increasing.
      rings: their number; if odd, the middle one is the equator.

    Returns:
      Shape (rings,), where theta_j + theta_{rings-1-j} is exactly the float64 pi.
    """
    return np.concatenate([north, [np.pi / 2] * (rings % 2), np.pi - north[::-1]])
