"""Code that the commands share. A user error prints one line and gives exit code 2."""

import argparse
import contextlib
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from spin_train.errors import ConfigurationError, UserError, blamed_origin


class Parser(argparse.ArgumentParser):
    """An argument parser that raises errors, so that the caller decides how to show them."""

    def error(self, message: str) -> NoReturn:
        """Raises an error instead of ending the process.

        Raises:
          ConfigurationError: always, with the message.
        """
        raise ConfigurationError(f"{message} (see --help)")


def user_path(word: str) -> Path:
    """Parses a path. "~" is the user's home, which a shell does not replace in --workdir=~/run."""
    return Path(os.path.expanduser(word))


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Adds the option that chooses a run's checkpoint."""
    parser.add_argument(
        "--checkpoint",
        choices=("last", "best"),
        default="last",
        help="the last one, or the best on the validation split (default: last)",
    )


def run_command(
    parser: Parser,
    action: Callable[[argparse.Namespace], None],
    argv: Sequence[str] | None,
) -> int:
    """Parses the arguments of a command and runs it.

    Args:
      parser: the command's parser.
      action: called with the parsed arguments.
      argv: the arguments after the command's name; None for those of the process.

    Returns:
      The exit code: 2 if the arguments are wrong, otherwise that of `exit_code`.
    """
    try:
        arguments = parser.parse_args(argv)
    except UserError as error:
        for line in str(error).splitlines():
            print(f"{parser.prog}: {line}", file=sys.stderr)
        return 2
    return exit_code(parser.prog, lambda: action(arguments))


def exit_code(command: str, action: Callable[[], int | None]) -> int:
    """Runs a command's action, and answers its exceptions.

    Args:
      command: the command's name.
      action: returns the exit code; None is 0.

    Returns:
      The action's exit code; 2 after a user error, which is printed to stderr, one line for each
      thing that is wrong; 1 after an exception in a plugin's code, which is printed with its
      traceback, under one line that says whose it is.
    """
    try:
        with warnings_in_one_line(command):
            return action() or 0
    except UserError as error:
        for line in str(error).splitlines():
            print(f"{command}: {line}", file=sys.stderr)
        return 2
    except SystemExit as error:
        print(
            f"{command}: code that is not of {command} called sys.exit({error.code!r}), as this "
            "traceback shows:",
            file=sys.stderr,
        )
        traceback.print_exception(error)
        return 1
    except Exception as error:
        origin = blamed_origin(error)
        if origin is None:
            raise
        print(
            f"{command}: {origin} raised {type(error).__name__}; its author needs this traceback:",
            file=sys.stderr,
        )
        traceback.print_exception(error)
        return 1


@contextlib.contextmanager
def warnings_in_one_line(command: str) -> Iterator[None]:
    """Prints each warning for the user as one line to stderr, without the place in the code."""
    before = warnings.formatwarning

    def one_line(message: Warning | str, category: type[Warning], *place: Any, **line: Any) -> str:
        if category is not UserWarning:
            return before(message, category, *place, **line)
        return f"{command}: note: {' '.join(str(message).split())}\n"

    warnings.formatwarning = one_line
    try:
        yield
    finally:
        warnings.formatwarning = before
