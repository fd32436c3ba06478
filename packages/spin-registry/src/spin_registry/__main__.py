"""`python -m spin_registry` is the command `spin-list`."""

import sys

from spin_registry.listing import main

if __name__ == "__main__":
    sys.exit(main())
