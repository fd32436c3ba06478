"""The command `spin-list`, which `python -m spin_registry` runs as well."""

import sys
from collections.abc import Sequence

from spin_registry.command_signals import CommandSignals


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the registry.

    Args:
      arguments: command-line arguments; None for those of the process.

    Returns:
      The exit status: 0, also if plugins are broken or names are registered more than once.
    """
    with CommandSignals("spin-list", is_process=arguments is None):
        # Imported here, so that a signal is answered while it loads.
        from spin_registry.listing import print_registry

        return print_registry(arguments)


if __name__ == "__main__":
    sys.exit(main())
