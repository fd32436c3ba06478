"""Code that the commands share. A user error prints one line and gives exit code 2."""

import argparse
import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from spin_train.errors import ConfigurationError, UserError


class Parser(argparse.ArgumentParser):
    """An argument parser that raises errors, so that the caller decides how to show them."""

    def error(self, message: str) -> NoReturn:
        """Raises an error instead of ending the process.

        Raises:
          ConfigurationError: always, with the message.
        """
        raise ConfigurationError(f"{message} (see --help)")


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
      The exit code: 0, or 2 after a user error, which is printed to stderr as one line.
    """
    try:
        with warnings_in_one_line(parser.prog):
            action(parser.parse_args(argv))
    except UserError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


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
