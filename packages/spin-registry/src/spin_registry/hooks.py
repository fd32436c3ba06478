"""The hooks that a plugin may implement, and the markers that tell pluggy which they are.

An implementation is marked with `hookimpl` and stands in the module that the plugin's entry point
of the group "spin_registry" names. That module should import nothing heavy: it is imported
whenever names are listed.
"""

import pluggy

from spin_registry.entries import DatasetEntry, ModelEntry

PROJECT = "spin_registry"
"""The name of the pluggy project, and of the group of entry points."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_models() -> list[ModelEntry]:  # type: ignore[empty-body]
    """Returns the models that the plugin adds, a list of `ModelEntry`."""


@hookspec
def register_datasets() -> list[DatasetEntry]:  # type: ignore[empty-body]
    """Returns the datasets that the plugin adds, a list of `DatasetEntry`."""
