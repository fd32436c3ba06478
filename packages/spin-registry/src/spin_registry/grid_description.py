"""Converts grids to JSON descriptions and back, for use in files."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from spin_registry.errors import RegistryError
from spin_registry.lookup import get_grid, registry


def describe_grid(grid: Any) -> dict[str, Any]:
    """Returns a description of a grid, from which `grid_from_description` makes the same grid.

    Args:
      grid: a grid of a registered kind.

    Returns:
      The name of the grid's kind and the grid's arguments, JSON-serializable:
      {"kind": "EquiangularGrid", "resolution": 64}.

    Raises:
      ValueError: if the grid's kind is not registered, the grid is not a dataclass, or the
        description does not make an equal grid again, as when a field is no JSON value.
      NameConflictError: if the name of the grid's kind is registered more than once.
    """
    grids = registry().grids
    for registration in grids.registrations:
        entry = registration.entry
        if entry.describes(grid) and dataclasses.is_dataclass(grid):
            grids.get(entry.name)  # raises if the name is registered more than once
            return _checked_description(entry.name, grid)
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
    arguments = dict(description) if isinstance(description, Mapping) else {}
    kind = arguments.pop("kind", None)
    if not isinstance(kind, str):
        raise ValueError(f"{description!r} describes no grid: it lacks 'kind'")
    return get_grid(kind).create(**{str(key): _with_tuples(v) for key, v in arguments.items()})


def _checked_description(kind: str, grid: Any) -> dict[str, Any]:
    arguments = {
        field.name: getattr(grid, field.name) for field in dataclasses.fields(grid) if field.init
    }
    try:
        if "kind" in arguments:
            raise ValueError("the name 'kind' of a field is reserved in descriptions")
        description = json.loads(json.dumps({"kind": kind, **arguments}))
        if grid_from_description(description) != grid:
            raise ValueError(f"{description} makes another grid")
    except (RegistryError, TypeError, ValueError) as error:
        raise ValueError(
            f"{grid!r} cannot be described in a file: {error}; the arguments of a registered grid "
            "must be numbers, strings, booleans, None or tuples of these, and make an equal grid "
            "again"
        ) from error
    return description


def _with_tuples(value: Any) -> Any:
    """Converts lists, which JSON has in the place of tuples, so that grids can be hashed."""
    return tuple(_with_tuples(item) for item in value) if isinstance(value, list) else value
