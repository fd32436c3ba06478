"""Runs the command `spin-list` as `python -m spin_registry`."""

import sys

from spin_registry.listing import main

if __name__ == "__main__":
    sys.exit(main())
