"""Checks of what a grid is made from, and of what is asked of it."""

from __future__ import annotations

import numpy as np

from sphere_transforms.grids.protocol import Grid


def whole_number(
    value: object,
    name: str,
    *,
    least: int,
    most: int | None = None,
    even: bool = False,
    advice: str,
) -> int:
    """The value as an int.

    Args:
      value: what the caller gave.
      name: what to call it in the error, for example "FejerGrid: resolution".
      least: the smallest allowed.
      most: the largest allowed, if there is one.
      even: whether it must be even.
      advice: the end of the error: the next step.

    Raises:
      ValueError: it is no whole number, or not allowed.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | np.integer)
        or value < least
        or (most is not None and value > most)
        or (even and value % 2)
    ):
        kind = "an even whole number" if even else "a whole number"
        bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} is {value!r}; it must be {kind} {bounds}{advice}")
    return int(value)


def checked_band_limit(grid: Grid, band_limit: int | None) -> int:
    """Returns the band limit, by default the grid's; ValueError if the grid carries less."""
    if band_limit is None:
        return grid.band_limit
    if isinstance(band_limit, bool) or not isinstance(band_limit, int | np.integer):
        raise ValueError(f"band_limit is {band_limit!r}; it must be a whole number.")
    if not 1 <= band_limit <= grid.band_limit:
        raise ValueError(
            f"band_limit is {band_limit}; {grid!r} carries degrees below {grid.band_limit}, so it "
            f"must be from 1 to {grid.band_limit}: lower it or take a finer grid."
        )
    return int(band_limit)
