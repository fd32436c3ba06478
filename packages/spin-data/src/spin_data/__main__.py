"""The command `spin-data`, which `python -m spin_data` runs as well."""

import sys
from collections.abc import Sequence

from spin_registry.command_signals import CommandSignals


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
      arguments: command-line arguments; None for those of the process.

    Returns:
      The exit status: 0, or 2 after a user error, which is printed as one line on stderr.
    """
    with CommandSignals("spin-data", is_process=arguments is None):
        # Imported here, so that a signal is answered while it loads.
        from spin_data.command_line import run

        return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
