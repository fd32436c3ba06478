"""Looks up models, datasets and grids by name, among the installed plugins."""

import functools
import importlib

from spin_registry.catalogue import BrokenPlugin, Registry
from spin_registry.discovery import discover_installed
from spin_registry.entries import DatasetEntry, GridEntry, ModelEntry


def model_names() -> tuple[str, ...]:
    """Returns the names of the registered models, sorted, including names in conflict."""
    return registry().models.names()


def get_model(name: str) -> ModelEntry:
    """Looks up a model by its name.

    Raises:
      UnknownNameError: if no plugin registers the name.
      NameConflictError: if the name is registered more than once.
    """
    return registry().models.get(name)


def model_origin(name: str) -> str:
    """Returns a model's name and its plugin, for messages: "model 'a' (plugin 'b' of c 1.0)"."""
    return registry().models.origin(name)


def dataset_origin(name: str) -> str:
    """Returns a dataset's name and its plugin, for messages: "dataset 'a' (plugin ...)"."""
    return registry().datasets.origin(name)


def dataset_names() -> tuple[str, ...]:
    """Returns the names of the registered datasets, sorted, including names in conflict."""
    return registry().datasets.names()


def get_dataset(name: str) -> DatasetEntry:
    """Looks up a dataset by its name, or by "name:argument" if the dataset takes an argument.

    Raises:
      UnknownNameError: if no plugin registers the name, the dataset takes no argument, or the
        argument is empty.
      NameConflictError: if the name is registered more than once.
    """
    datasets = registry().datasets
    plain, colon, argument = str(name).partition(":")
    if colon and name not in datasets.names() and plain in datasets.names():
        return datasets.get(plain).with_argument(argument)
    return datasets.get(name)


def grid_names() -> tuple[str, ...]:
    """Returns the names of the registered kinds of grid, sorted, including names in conflict."""
    return registry().grids.names()


def get_grid(name: str) -> GridEntry:
    """Looks up a kind of grid by its name.

    Raises:
      UnknownNameError: if no plugin registers the name.
      NameConflictError: if the name is registered more than once.
    """
    return registry().grids.get(name)


def broken_plugins() -> tuple[BrokenPlugin, ...]:
    """Returns the plugins that failed to load, with their distributions, versions and errors."""
    return registry().broken


def refresh() -> None:
    """Clears the cached registry, so that newly installed plugins are found.

    A plugin's module that is already imported is not imported again.
    """
    importlib.invalidate_caches()
    registry.cache_clear()


@functools.cache
def registry() -> Registry:
    """Returns the registry of the installed plugins; the first call loads them."""
    return discover_installed()
