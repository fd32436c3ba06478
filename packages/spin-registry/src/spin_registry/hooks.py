"""The hooks that a plugin may implement, and the pluggy markers for them.

A plugin declares an entry point of the group "spin_registry" that names a module. This module
implements one or more hooks, each marked with `hookimpl`. It should import nothing heavy, because
it is imported whenever names are listed.
"""

import pluggy

from spin_registry.entries import DatasetEntry, GridEntry, ModelEntry

PROJECT = "spin_registry"
"""The name of the pluggy project, and of the group of entry points."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_models() -> list[ModelEntry]:  # type: ignore[empty-body]
    """Returns the plugin's models, a list of `ModelEntry`."""


@hookspec
def register_datasets() -> list[DatasetEntry]:  # type: ignore[empty-body]
    """Returns the plugin's datasets, a list of `DatasetEntry`."""


@hookspec
def register_grids() -> list[GridEntry]:  # type: ignore[empty-body]
    """Returns the plugin's kinds of grid, a list of `GridEntry`."""


KINDS = {"model": ModelEntry, "dataset": DatasetEntry, "grid": GridEntry}
"""The entry class of each kind. The hook of a kind is `register_KINDs`."""
