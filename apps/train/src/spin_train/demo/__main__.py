"""`python -m spin_train.demo` trains a spin CNN and a planar one, and prints a table."""

import sys
from collections.abc import Sequence

from spin_registry.command_signals import CommandSignals


def main(argv: Sequence[str] | None = None) -> int:
    """Trains the networks and prints a table of their accuracies.

    Args:
      argv: the arguments after the command's name; None for those of the process.

    Returns:
      The exit code: 0 on success, 1 if the spin CNN's R/R accuracy is below 0.95, 2 after a user
      error, and 128 plus the signal's number after a signal.
    """
    with CommandSignals("demo", is_process=argv is None):
        # Imported here, so that a signal is answered while it loads.
        from spin_train.demo.comparison import compare

        return compare(argv)


if __name__ == "__main__":
    sys.exit(main())
