"""Models and datasets on the sphere as plugins: what they agree on, and the lookup by name.

Importing this package, and listing what is registered, imports neither JAX nor NumPy.
"""

from spin_registry.catalogue import BrokenPlugin
from spin_registry.entries import DatasetEntry, ModelEntry
from spin_registry.errors import (
    EntryImportError,
    NameConflictError,
    OptionError,
    RegistryError,
    UnknownNameError,
)
from spin_registry.hooks import hookimpl, hookspec
from spin_registry.lookup import (
    broken_plugins,
    dataset_names,
    get_dataset,
    get_model,
    model_names,
    refresh,
)
from spin_registry.specs import ClassSpec, FieldSpec

__all__ = [
    "BrokenPlugin",
    "ClassSpec",
    "DatasetEntry",
    "EntryImportError",
    "FieldSpec",
    "ModelEntry",
    "NameConflictError",
    "OptionError",
    "RegistryError",
    "UnknownNameError",
    "broken_plugins",
    "dataset_names",
    "get_dataset",
    "get_model",
    "hookimpl",
    "hookspec",
    "model_names",
    "refresh",
]
