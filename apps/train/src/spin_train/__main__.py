"""`python -m spin_train` runs the command `spin-train`."""

import sys

from spin_train.cli.train import main

if __name__ == "__main__":
    sys.exit(main())
