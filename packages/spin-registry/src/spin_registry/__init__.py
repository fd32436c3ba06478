"""Registers models, datasets and grids as plugins, and looks them up by name.

The package also defines the specifications that models and datasets share. Importing it, or listing
the registered names, imports neither JAX nor NumPy.
"""

from spin_registry.catalogue import BrokenPlugin
from spin_registry.entries import DatasetEntry, GridEntry, ModelEntry
from spin_registry.errors import (
    EntryImportError,
    NameConflictError,
    OptionError,
    PluginExitError,
    RegistryError,
    UnknownNameError,
)
from spin_registry.grid_description import describe_grid, grid_from_description
from spin_registry.hooks import hookimpl, hookspec
from spin_registry.lookup import (
    broken_plugins,
    dataset_names,
    dataset_origin,
    get_dataset,
    get_grid,
    get_model,
    grid_names,
    model_names,
    model_origin,
    refresh,
)
from spin_registry.model_description import ModelDescription
from spin_registry.specs import ClassSpec, FieldSpec

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
