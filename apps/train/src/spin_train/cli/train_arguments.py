"""Parses the command line of `spin-train`.

The flags of ml_collections read `--config.x False` as True and leave the word `False` over. The
forms `--config.key value`, `--config.key=value` and `--config.flag` are therefore parsed here.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_collections

import spin_data
from spin_train.cli.arguments import Parser, user_path
from spin_train.configuration import (
    complete_config,
    load_config,
    preset_names,
    set_value,
    unknown_key,
)
from spin_train.configuration_keys import KEYS, OPEN_KEYS, Key
from spin_train.devices.launch import Launch
from spin_train.errors import ConfigurationError, as_user_error

DEFAULT_PRESET = "digits"

_PREFIX = "--config."
_WITH_A_VALUE = ("--workdir", "--config", "--coordinator", "--num_processes", "--process_id")


@dataclasses.dataclass(frozen=True)
class Command:
    """What a command line requests: a training run or the help text."""

    config: ml_collections.ConfigDict
    workdir: Path | None
    wants_help: bool = False
    launch: Launch = dataclasses.field(default_factory=Launch)


def parse(words: Sequence[str]) -> Command:
    """Parses a command line.

    Args:
      words: the arguments after the command's name.

    Returns:
      The command, with a complete configuration. `workdir` is None only if help is requested.

    Raises:
      ConfigurationError: if an argument or a key is unknown, or a value has the wrong type.
    """
    overrides, others = _separate(words)
    arguments = _parser().parse_args(others)
    config = load_config(arguments.config)
    for key, word in overrides:
        set_value(config, key, _value(config, key, word))
    if not arguments.help and arguments.workdir is None:
        raise ConfigurationError("--workdir DIR is required: the folder of the run (see --help)")
    launch = Launch(
        arguments.coordinator,
        arguments.num_processes,
        arguments.process_id,
        arguments.distributed,
    )
    return Command(complete_config(config), arguments.workdir, arguments.help, launch)


def help_text(config: ml_collections.ConfigDict) -> str:
    """Returns the help: usage, presets, and every key with its type and its value in `config`."""
    rows = []
    for key in KEYS:
        value = dict(config[key.name]) if key.is_open else config[key.name]
        kind = "options" if key.is_open else type(value).__name__
        rows.append(f"  --config.{key.name:<36} {kind:<8} {value!r}")
        rows.append(f"      {key.help}{_limits(key)}")
    return "\n".join(
        [
            "usage: spin-train --workdir DIR [--config CONFIG] [--config.KEY VALUE ...] [...]",
            "",
            "Trains a registered model on a registered dataset; `spin-list` lists them all.",
            "Run the same command again to continue from the last checkpoint.",
            "",
            "  --workdir DIR    folder for checkpoints, metrics, the configuration and the report",
            "  --config CONFIG  a preset's name or a Python file that defines get_config()",
            f"                   presets: {', '.join(preset_names())} "
            f"(without --config: {DEFAULT_PRESET})",
            "  --help           prints this text, with the values of CONFIG",
            "",
            "On several hosts, run the command on each. Slurm and Open MPI 4 need no other option,",
            "Open MPI 5 needs --coordinator, Kubernetes and TPU pods --distributed. Elsewhere:",
            "",
            "  --coordinator HOST:PORT    address of process 0, the same in all processes",
            "  --num_processes N          number of processes",
            "  --process_id I             number of this process, from 0",
            "",
            "Keys, with their types, values and meanings. Set options of the model with",
            "--config.model_options.NAME VALUE, and options of the datasets with",
            "--config.dataset_options.NAME VALUE.",
            "",
            *rows,
        ]
    )


def _limits(key: Key) -> str:
    return f" (one of {', '.join(key.choices)})" if key.choices else ""


def _parser() -> Parser:
    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--workdir", type=user_path)
    parser.add_argument("--config", default=DEFAULT_PRESET)
    parser.add_argument("--coordinator", default="")
    parser.add_argument("--num_processes", type=int)
    parser.add_argument("--process_id", type=int)
    parser.add_argument("--distributed", action="store_true")
    parser.add_argument("--help", "-h", action="store_true")
    return parser


def _separate(words: Sequence[str]) -> tuple[list[tuple[str, str | None]], list[str]]:
    """Separates the overrides, (key, word or None without a value), from all other words."""
    overrides: list[tuple[str, str | None]] = []
    others: list[str] = []
    remaining = list(words)
    while remaining:
        word = remaining.pop(0)
        if not word.startswith(_PREFIX):
            others.append(word)
            if word in _WITH_A_VALUE and remaining:
                others.append(remaining.pop(0))
            continue
        key, equals, value = word.removeprefix(_PREFIX).partition("=")
        if equals:
            overrides.append((key, value))
        elif remaining and not remaining[0].startswith("--"):
            overrides.append((key, remaining.pop(0)))
        else:
            overrides.append((key, None))
    return overrides, others


def _value(config: ml_collections.ConfigDict, key: str, word: str | None) -> Any:
    """Parses a word as the type of `key` in `config`."""
    outer, _, inner = key.partition(".")
    if outer in OPEN_KEYS and inner:
        if word is None:
            return True
        with as_user_error(ConfigurationError, f"--config.{key}", ValueError):
            return spin_data.parse_option(word)
    if outer not in config or inner:
        raise unknown_key(config, key)
    if outer in OPEN_KEYS:
        raise ConfigurationError(f"{outer} holds options: set --config.{outer}.NAME VALUE")
    expected = type(config[outer])
    if expected is bool and word is None:
        return True
    if word is None:
        raise ConfigurationError(f"--config.{key} expects a value of type {expected.__name__}")
    if expected is bool:
        with as_user_error(ConfigurationError, f"--config.{key}", ValueError):
            return spin_data.parse_boolean(word)
    try:
        return expected(word)
    except ValueError as error:
        raise ConfigurationError(
            f"--config.{key} expects {expected.__name__}, got {word!r}"
        ) from error
