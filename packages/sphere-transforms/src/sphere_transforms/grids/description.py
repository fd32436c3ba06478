"""Descriptions of grids that can be stored in files, and grids made from descriptions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sphere_transforms.grids.driscoll_healy import DriscollHealyGrid
from sphere_transforms.grids.equiangular import EquiangularGrid
from sphere_transforms.grids.fejer import FejerGrid
from sphere_transforms.grids.gauss_legendre import GaussLegendreGrid
from sphere_transforms.grids.healpix import HealpixGrid
from sphere_transforms.grids.lat_lon import LatLonGrid
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
        LatLonGrid,
        McEwenWiauxGrid,
    )
}


def describe_grid(grid: Grid) -> dict[str, Any]:
    """Describes a grid in a form that JSON can hold; `grid_from_description` makes it again.

    `spin_registry.describe_grid` has the same format, and also describes grids of plugins.

    Args:
      grid: a grid of this package.

    Returns:
      A mapping such as {"kind": "EquiangularGrid", "resolution": 64}.

    Raises:
      ValueError: the grid is of another class.
    """
    name = type(grid).__name__
    if _KINDS.get(name) is not type(grid):
        raise ValueError(
            f"a {name} is none of the grids {', '.join(sorted(_KINDS))}; "
            "describe a registered grid with spin_registry.describe_grid."
        )
    return {"kind": name, **dataclasses.asdict(grid)}  # type: ignore[call-overload]


def grid_from_description(description: Mapping[str, Any]) -> Grid:
    """Makes a grid from its description: the inverse of `describe_grid`.

    Args:
      description: a mapping as returned by `describe_grid`.

    Raises:
      ValueError: the kind is unknown, or the arguments are wrong for the kind.
    """
    arguments = dict(description)
    kind = arguments.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(f"no grid is a {kind!r}; known are {', '.join(sorted(_KINDS))}.")
    try:
        return _KINDS[kind](**arguments)
    except TypeError as error:
        raise ValueError(f"no {kind} is described by {arguments}: {error}.") from error
