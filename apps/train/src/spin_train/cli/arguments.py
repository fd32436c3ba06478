"""Code that the commands share. A user error prints one line and gives exit code 2."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from spin_train.errors import ConfigurationError, UserError


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
      The exit code: 0, or 2 after a user error, which is printed to stderr, one line for each
      thing that is wrong.
    """
    try:
        action(parser.parse_args(argv))
    except UserError as error:
        for line in str(error).splitlines():
            print(f"{parser.prog}: {line}", file=sys.stderr)
        return 2
    return 0
