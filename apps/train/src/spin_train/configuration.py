"""Loads configurations from presets and files, fills in the defaults, and checks the values."""

import contextlib
import importlib
import math
import pkgutil
import runpy
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np

from spin_train import configs
from spin_train.configs import default
from spin_train.configuration_keys import KEYS, OPEN_KEYS, Key
from spin_train.errors import ConfigurationError, UserError, nearest

# Larger ones are neither exact in float64 nor of use.
_LARGEST_WHOLE_NUMBER = 2**53


def preset_names() -> tuple[str, ...]:
    """Returns the names of the presets, which are the modules of `spin_train.configs`."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(configs.__path__)))


def load_config(name_or_path: str | Path) -> ml_collections.ConfigDict:
    """Loads a configuration.

    Args:
      name_or_path: a preset's name, or the path of a Python file that defines `get_config()`.

    Returns:
      A complete configuration. Keys that the file leaves out have their default values.

    Raises:
      ConfigurationError: if there is no such preset or file, the file cannot be run or has no
        `get_config`, or the configuration that it returns is not valid.
    """
    name = str(name_or_path)
    if name in preset_names():
        return complete_config(importlib.import_module(f"spin_train.configs.{name}").get_config())
    path = Path(name_or_path).expanduser()
    if not path.is_file():
        raise ConfigurationError(
            f"configuration {name!r} is neither a preset ({', '.join(preset_names())}) nor a "
            f"Python file{nearest(name, preset_names())}"
        )
    with _users_code(path):
        namespace = runpy.run_path(str(path))
    if not callable(namespace.get("get_config")):
        raise ConfigurationError(f"configuration {name!r} defines no get_config()")
    with _users_code(path):
        config = namespace["get_config"]()
    return complete_config(config)


def complete_config(
    config: ml_collections.ConfigDict | Mapping[str, Any],
) -> ml_collections.ConfigDict:
    """Returns a copy with the defaults filled in, checked key by key.

    Raises:
      ConfigurationError: if a key is unknown, or a value has the wrong type or is out of range.
    """
    if not isinstance(config, ml_collections.ConfigDict | Mapping):
        raise ConfigurationError(
            f"a configuration is a ConfigDict or a mapping, not {type(config).__name__}"
        )
    completed = default.get_config()
    for key, value in config.items():
        set_value(completed, key, value)
    _check_ranges(completed)
    return completed


def set_value(config: ml_collections.ConfigDict, key: str, value: Any) -> None:
    """Sets one key, in place.

    Args:
      config: a complete configuration.
      key: the key's name; "model_options.depth" is the option `depth` in `model_options`.
      value: the new value, which must have the key's type.

    Raises:
      ConfigurationError: if there is no such key, or the value has another type.
    """
    outer, _, inner = key.partition(".")
    if outer not in config or (inner and outer not in OPEN_KEYS):
        raise unknown_key(config, key)
    if "." in inner:
        raise ConfigurationError(f"{key}: an option's name cannot contain a dot; set {outer}.NAME")
    if inner:
        with config[outer].ignore_type():
            config[outer][inner] = _option(key, value)
    elif outer in OPEN_KEYS:
        if not isinstance(value, ml_collections.ConfigDict | Mapping):
            raise ConfigurationError(f"{key} expects options by name, got {value!r}")
        options = {name: _option(f"{key}.{name}", option) for name, option in value.items()}
        config[outer] = ml_collections.ConfigDict(options)
    else:
        config[outer] = _checked(key, value, type(config[outer]))


def unknown_key(config: ml_collections.ConfigDict, key: str) -> ConfigurationError:
    """Returns the error for a key that `config` does not have."""
    return ConfigurationError(
        f"no configuration key {key!r}{nearest(key, config)}; "
        f"the keys are {', '.join(sorted(config))}"
    )


def profiled_steps(config: ml_collections.ConfigDict) -> range:
    """Returns the numbers of the steps to profile, which count from 1.

    Raises:
      ConfigurationError: if `profile_steps` is neither '' nor FIRST:LAST.
    """
    if not config.profile_steps:
        return range(0)
    first, _, last = config.profile_steps.partition(":")
    if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last)):
        raise ConfigurationError(
            f"profile_steps is '' or FIRST:LAST, such as 10:12, not {config.profile_steps!r}"
        )
    return range(int(first), int(last) + 1)


def as_plain_dict(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns the configuration as nested dicts of values that JSON can represent."""
    return config.to_dict()


@contextlib.contextmanager
def _users_code(path: Path) -> Iterator[None]:
    """Converts exceptions of a configuration's file to an error that names the file's line.

    The user wrote the file, so every exception in it is the user's error.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, SyntaxError) and error.filename == str(path):
            line = error.lineno
        else:
            frames = traceback.extract_tb(error.__traceback__)
            line = next((f.lineno for f in reversed(frames) if f.filename == str(path)), None)
        where = f"{str(path)!r}" + (f", line {line}" if line else "")
        why = " ".join(str(error).split())
        raise ConfigurationError(
            f"configuration {where} cannot be run: {type(error).__name__}: {why}"
        ) from error


def _option(key: str, value: Any) -> Any:
    """Returns an option of a plugin; NumPy scalars in it become Python's.

    Raises:
      ConfigurationError: if JSON, as which a run records its options, cannot represent the value.
    """
    if isinstance(value, ml_collections.ConfigDict):
        value = value.to_dict()
    if isinstance(value, Mapping):
        return {name: _option(f"{key}.{name}", option) for name, option in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_option(key, option) for option in value)
    value = _plain(value)
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ConfigurationError(
            f"{key} cannot be of type {type(value).__name__}: give a number, a string, a boolean, "
            "None, or a list, tuple or dict of these"
        )
    return value


def _plain(value: Any) -> Any:
    """Returns a NumPy scalar as a Python scalar, and any other value unchanged."""
    return value.item() if isinstance(value, np.generic) else value


def _checked(key: str, value: Any, expected: type) -> Any:
    value = _plain(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if expected is float and whole:
        _check_size(key, value)
        return float(value)
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        raise ConfigurationError(f"{key} expects {expected.__name__}, got {value!r}")
    return value


def _check_size(key: str, value: Any) -> None:
    """Refuses whole numbers that neither float64 nor an array can hold."""
    if isinstance(value, int) and abs(value) > _LARGEST_WHOLE_NUMBER:
        bits = value.bit_length()
        raise ConfigurationError(f"{key} must be at most 2**53, got a number of {bits} bits")


def _check_ranges(config: ml_collections.ConfigDict) -> None:
    if config.seed >= 2**32:
        bits = config.seed.bit_length()
        raise ConfigurationError(f"seed must be below 2**32, got a number of {bits} bits")
    for key in KEYS:
        _check_range(key, config[key.name])
    if config.data_workers and config.data_placement == "memory":
        raise ConfigurationError(
            "data_workers are processes that read records from disk; with data_placement 'memory' "
            "each would hold them all: choose 'auto' or 'disk', or set data_workers to 0"
        )
    if config.per_device_batch_size % config.gradient_accumulation_steps:
        raise ConfigurationError(
            f"gradient_accumulation_steps is {config.gradient_accumulation_steps}, which does not "
            f"divide per_device_batch_size, {config.per_device_batch_size}: all microbatches "
            "must have the same size"
        )
    profiled_steps(config)
    for name in ("model_name", "dataset"):
        if not config[name]:
            raise ConfigurationError(f"{name} must not be empty; `spin-list` shows the known names")


def _check_range(key: Key, value: Any) -> None:
    if key.choices and value not in key.choices:
        raise ConfigurationError(
            f"{key.name} is one of {', '.join(key.choices)}, not {value!r}"
            f"{nearest(value, key.choices)}"
        )
    _check_size(key.name, value)
    if key.least is None or (key.or_minus_one and value == -1):
        return
    if not value >= key.least:  # not `value < key.least`, so that nan is refused as well
        allowed = f"{key.least} or more" if key.least == 0 else f"at least {key.least}"
        alternative = "-1 or " if key.or_minus_one else ""
        raise ConfigurationError(f"{key.name} must be {alternative}{allowed}, got {value}")
    if not math.isfinite(value):
        raise ConfigurationError(f"{key.name} must be a finite number, got {value}")
