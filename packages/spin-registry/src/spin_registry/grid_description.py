"""Converts grids to JSON descriptions and back, for use in files."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from spin_registry.lookup import get_grid, registry


def describe_grid(grid: Any) -> dict[str, Any]:
    """Returns a description of a grid, from which `grid_from_description` makes the same grid.

    Args:
      grid: a grid of a registered kind.

    Returns:
      The name of the grid's kind and the grid's arguments, JSON-serializable:
      {"kind": "EquiangularGrid", "resolution": 64}.

    Raises:
      ValueError: if the grid's kind is not registered, or the grid is not a dataclass.
      NameConflictError: if the name of the grid's kind is registered more than once.
    """
    grids = registry().grids
    for registration in grids.registrations:
        entry = registration.entry
        if entry.describes(grid) and dataclasses.is_dataclass(grid):
            grids.get(entry.name)  # raises if the name is registered more than once
            return {"kind": entry.name, **dataclasses.asdict(grid)}  # type: ignore[arg-type]
    raise ValueError(
        f"a {type(grid).__name__} cannot be described in a file; it must be a dataclass that a "
        f"plugin registers by register_grids: {', '.join(grids.names()) or 'none is registered'}"
    )


def grid_from_description(description: Mapping[str, Any]) -> Any:
    """Makes a grid from its description.

    Args:
      description: a description that `describe_grid` returned.

    Raises:
      ValueError: if `description` has no "kind", or the grid rejects the value of an argument.
      UnknownNameError: if no plugin registers the kind.
      NameConflictError: if the kind is registered more than once.
      OptionError: if the kind does not accept the arguments.
    """
    arguments = dict(description)
    kind = arguments.pop("kind", None)
    if not isinstance(kind, str):
        raise ValueError(f"{dict(description)!r} describes no grid: it lacks 'kind'")
    return get_grid(kind).create(**arguments)
