"""Registers models, datasets and grids as plugins, and looks them up by name.

The package also defines the specifications that models and datasets share. Importing it, or listing
the registered names, imports neither JAX nor NumPy.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spin_registry.catalogue import BrokenPlugin as BrokenPlugin
    from spin_registry.entries import DatasetEntry as DatasetEntry
    from spin_registry.entries import GridEntry as GridEntry
    from spin_registry.entries import ModelEntry as ModelEntry
    from spin_registry.errors import EntryImportError as EntryImportError
    from spin_registry.errors import NameConflictError as NameConflictError
    from spin_registry.errors import OptionError as OptionError
    from spin_registry.errors import PluginExitError as PluginExitError
    from spin_registry.errors import RegistryError as RegistryError
    from spin_registry.errors import UnknownNameError as UnknownNameError
    from spin_registry.grid_description import describe_grid as describe_grid
    from spin_registry.grid_description import grid_from_description as grid_from_description
    from spin_registry.hooks import hookimpl as hookimpl
    from spin_registry.hooks import hookspec as hookspec
    from spin_registry.lookup import broken_plugins as broken_plugins
    from spin_registry.lookup import dataset_names as dataset_names
    from spin_registry.lookup import dataset_origin as dataset_origin
    from spin_registry.lookup import get_dataset as get_dataset
    from spin_registry.lookup import get_grid as get_grid
    from spin_registry.lookup import get_model as get_model
    from spin_registry.lookup import grid_names as grid_names
    from spin_registry.lookup import model_names as model_names
    from spin_registry.lookup import model_origin as model_origin
    from spin_registry.lookup import refresh as refresh
    from spin_registry.model_description import ModelDescription as ModelDescription
    from spin_registry.specs import ClassSpec as ClassSpec
    from spin_registry.specs import FieldSpec as FieldSpec

_HOMES = {
    "BrokenPlugin": "spin_registry.catalogue",
    "ClassSpec": "spin_registry.specs",
    "DatasetEntry": "spin_registry.entries",
    "EntryImportError": "spin_registry.errors",
    "FieldSpec": "spin_registry.specs",
    "GridEntry": "spin_registry.entries",
    "ModelDescription": "spin_registry.model_description",
    "ModelEntry": "spin_registry.entries",
    "NameConflictError": "spin_registry.errors",
    "OptionError": "spin_registry.errors",
    "PluginExitError": "spin_registry.errors",
    "RegistryError": "spin_registry.errors",
    "UnknownNameError": "spin_registry.errors",
    "broken_plugins": "spin_registry.lookup",
    "dataset_names": "spin_registry.lookup",
    "dataset_origin": "spin_registry.lookup",
    "describe_grid": "spin_registry.grid_description",
    "get_dataset": "spin_registry.lookup",
    "get_grid": "spin_registry.lookup",
    "get_model": "spin_registry.lookup",
    "grid_from_description": "spin_registry.grid_description",
    "grid_names": "spin_registry.lookup",
    "hookimpl": "spin_registry.hooks",
    "hookspec": "spin_registry.hooks",
    "model_names": "spin_registry.lookup",
    "model_origin": "spin_registry.lookup",
    "refresh": "spin_registry.lookup",
}

__all__ = [
    "BrokenPlugin",
    "ClassSpec",
    "DatasetEntry",
    "EntryImportError",
    "FieldSpec",
    "GridEntry",
    "ModelDescription",
    "ModelEntry",
    "NameConflictError",
    "OptionError",
    "PluginExitError",
    "RegistryError",
    "UnknownNameError",
    "broken_plugins",
    "dataset_names",
    "dataset_origin",
    "describe_grid",
    "get_dataset",
    "get_grid",
    "get_model",
    "grid_from_description",
    "grid_names",
    "hookimpl",
    "hookspec",
    "model_names",
    "model_origin",
    "refresh",
]

if not TYPE_CHECKING:  # a type checker is to find misspelled names

    def __getattr__(name: str) -> object:
        """Imports a public name's module on first use: commands answer signals before they load."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
