"""Samples equirectangular panoramas on a grid of the sphere."""

import numpy as np

from sphere_transforms import Grid

__all__ = ["sample_panorama"]


def sample_panorama(image: np.ndarray, grid: Grid) -> np.ndarray:
    """Samples a panorama at a grid's points, bilinearly.

    The centres of row i of H are at colatitude pi (i + 1/2) / H, from the north pole (zenith) down.
    The centres of column j of W are at longitude 2 pi (j + 1/2) / W, so the left edge is at
    longitude zero. Interpolation is periodic in longitude. Across a pole, it continues on the
    opposite meridian.

    Args:
      image: (H, W, channel), real; H and W are at least 1. If its pixels are finer than the grid,
        average them first, because they alias.
      grid: the grid to sample on.

    Returns:
      float32 (*grid.shape, channel), in the units of `image`.

    Raises:
      ValueError: the image does not have three axes, or has no pixels.
    """
    image = np.asarray(image)
    if image.ndim != 3 or not image.size:
        raise ValueError(f"the panorama has shape {image.shape}, expected (H, W, channel)")
    height, width = image.shape[:2]
    # Add one row at the top and the bottom: the row on the other side of the pole.
    across = np.roll(image, width // 2, axis=1)
    padded = np.concatenate([across[:1], image, across[-1:]]).astype(np.float32)
    colatitudes, longitudes = grid.points
    row = colatitudes / np.pi * height + 0.5  # row of `padded`; pixel centres are integers
    column = np.mod(longitudes / (2 * np.pi) * width - 0.5, width)
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    down = (row - top).astype(np.float32)[..., None]
    right = (column - left).astype(np.float32)[..., None]

    def between_rows(column: np.ndarray) -> np.ndarray:
        upper = padded[top, column % width]
        return upper + down * (padded[np.minimum(top + 1, height + 1), column % width] - upper)

    first = between_rows(left)
    return first + right * (between_rows(left + 1) - first)
