"""The lookup by name, among the plugins that are installed."""

import functools
import importlib
from importlib import metadata

from spin_registry.catalogue import BrokenPlugin, Registry
from spin_registry.discovery import discover
from spin_registry.entries import DatasetEntry, ModelEntry
from spin_registry.hooks import PROJECT


def model_names() -> tuple[str, ...]:
    """Returns the names of the registered models, sorted; those registered twice included."""
    return registry().models.names()


def get_model(name: str) -> ModelEntry:
    """Looks a model up by its name.

    Raises:
        UnknownNameError: if no plugin registers the name.
        NameConflictError: if it is registered more than once.
    """
    return registry().models.get(name)


def dataset_names() -> tuple[str, ...]:
    """Returns the names of the registered datasets, sorted; those registered twice included."""
    return registry().datasets.names()


def get_dataset(name: str) -> DatasetEntry:
    """Looks a dataset up by its name, or by a name that carries an argument, "name:argument".

    Raises:
        UnknownNameError: if no plugin registers the name, or the entry takes no argument.
        NameConflictError: if it is registered more than once.
    """
    datasets = registry().datasets
    plain, colon, argument = str(name).partition(":")
    if colon and name not in datasets.names() and plain in datasets.names():
        return datasets.get(plain).with_argument(argument)
    return datasets.get(name)


def broken_plugins() -> tuple[BrokenPlugin, ...]:
    """Returns the plugins that failed to load: their distributions, versions and errors."""
    return registry().broken


def refresh() -> None:
    """Forgets what was discovered, so that a plugin installed since is found.

    A plugin's module that was imported already stays as it was, as all modules do in Python.
    """
    importlib.invalidate_caches()
    registry.cache_clear()


@functools.cache
def registry() -> Registry:
    """The registry of the installed plugins, discovered at the first call."""
    return discover(metadata.entry_points(group=PROJECT))
