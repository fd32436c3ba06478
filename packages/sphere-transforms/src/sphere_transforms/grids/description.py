"""Grids in words: what a file needs to say of a grid for it to be made again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sphere_transforms.grids.driscoll_healy import DriscollHealyGrid
from sphere_transforms.grids.equiangular import EquiangularGrid
from sphere_transforms.grids.fejer import FejerGrid
from sphere_transforms.grids.gauss_legendre import GaussLegendreGrid
from sphere_transforms.grids.healpix import HealpixGrid
from sphere_transforms.grids.mcewen_wiaux import McEwenWiauxGrid
from sphere_transforms.grids.protocol import Grid

_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        DriscollHealyGrid,
        EquiangularGrid,
        FejerGrid,
        GaussLegendreGrid,
        HealpixGrid,
        McEwenWiauxGrid,
    )
}


def describe_grid(grid: Grid) -> dict[str, Any]:
    """Returns what `grid_from_description` makes the same grid from.

    Args:
      grid: one of this package's.

    Returns:
      {"kind": "EquiangularGrid", "resolution": 64}, say, as JSON can hold it.

    Raises:
      ValueError: it is of another kind.
    """
    name = type(grid).__name__
    if _KINDS.get(name) is not type(grid):
        raise ValueError(
            f"a {name} cannot be described in a file; that is for {', '.join(sorted(_KINDS))}."
        )
    return {"kind": name, **dataclasses.asdict(grid)}  # type: ignore[call-overload]


def grid_from_description(description: Mapping[str, Any]) -> Grid:
    """Makes the grid that `describe_grid` described.

    Args:
      description: as `describe_grid` returns it.

    Raises:
      ValueError: no grid has that description.
    """
    arguments = dict(description)
    kind = arguments.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(f"no grid is a {kind!r}; known are {', '.join(sorted(_KINDS))}.")
    try:
        return _KINDS[kind](**arguments)
    except TypeError as error:
        raise ValueError(f"no {kind} is described by {arguments}: {error}.") from error
