"""Checks of the arguments of grids and of transforms on them, and the quadrature for them."""

from __future__ import annotations

import numpy as np

from sphere_transforms.grids.colatitude_quadrature import ColatitudeQuadrature
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
    """Returns the value as an int if it is a whole number in the allowed range.

    Args:
      value: the argument to check.
      name: its name for the error message, for example "FejerGrid: resolution".
      least: the smallest allowed value.
      most: the largest allowed value, if there is one.
      even: whether the value must be even.
      advice: the end of the error message, which tells the user what to do.

    Raises:
      ValueError: the value is not a whole number, or not in the allowed range.
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
    """Returns the band limit (None: the grid's); ValueError if it is above the grid's."""
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


def analysis_below(grid: Grid, band_limit: int) -> ColatitudeQuadrature:
    """The quadrature of a grid for a forward transform below a band limit.

    A grid may define a method `analysis_below(band_limit)`, if there is a cheaper quadrature below
    its own band limit. Otherwise the result is its `analysis`.
    """
    of_grid = getattr(grid, "analysis_below", None)
    return grid.analysis if of_grid is None else of_grid(band_limit)
