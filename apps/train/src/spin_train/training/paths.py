"""The paths in a configuration, which a run records so that they lead to the same files later."""

import os
from typing import Any

import ml_collections

import spin_registry

_PATH_OPTIONS = ("path",)
_PATH_ENDINGS = ("_path", "_dir")


def with_absolute_paths(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """Returns a copy in which paths do not depend on the current directory.

    These are the paths in the names of datasets ("images:photos"), the file of initial weights, and
    the options of the dataset that are called `path` or end in `_path` or `_dir`.
    """
    config = config.copy_and_resolve_references()
    for key in ("dataset", "eval_dataset"):
        name, colon, argument = config[key].partition(":")
        if colon and argument and _takes_a_path(name):
            config[key] = f"{name}:{_absolute(argument)}"
    if config.initial_weights:
        config.initial_weights = _absolute(config.initial_weights)
    for option, value in config.dataset_options.items():
        if option in _PATH_OPTIONS or option.endswith(_PATH_ENDINGS):
            config.dataset_options[option] = _absolute(value)
    return config


def without_folders(name: str) -> str:
    """Returns a dataset's name with the last part of its path only, as others may see it."""
    plain, colon, argument = name.partition(":")
    if colon and _takes_a_path(plain):
        argument = os.path.basename(os.path.normpath(argument))
    return f"{plain}{colon}{argument}"


def _takes_a_path(name: str) -> bool:
    try:
        return spin_registry.get_dataset(name).argument == "path"
    except spin_registry.RegistryError:
        return False  # loading the dataset says why


def _absolute(path: Any) -> Any:
    if not path or not isinstance(path, str) or "://" in path:  # a plugin's, of another place
        return path
    return os.path.abspath(os.path.expanduser(path))
