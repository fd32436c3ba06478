"""What the commands have in common: errors of the user's are one line, and exit code 2."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from spin_train.errors import ConfigurationError, UserError


class Parser(argparse.ArgumentParser):
    """An argument parser that raises: the caller decides how an error is shown."""

    def error(self, message: str) -> NoReturn:
        """Raises instead of leaving.

        Raises:
          ConfigurationError: with the message.
        """
        raise ConfigurationError(f"{message} (see --help)")


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Adds the option that chooses a run's checkpoint."""
    parser.add_argument(
        "--checkpoint",
        choices=("last", "best"),
        default="last",
        help="the newest, or the best on the validation split (default: last)",
    )


def run_command(
    parser: Parser,
    action: Callable[[argparse.Namespace], None],
    argv: Sequence[str] | None,
) -> int:
    """Parses the words and acts.

    Args:
      parser: of the words.
      action: what to do.
      argv: the words after the command's name; None takes the process's own.

    Returns:
      The exit code: 0, or 2 after an error of the user's, which is one line on stderr.
    """
    try:
        action(parser.parse_args(argv))
    except UserError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0
