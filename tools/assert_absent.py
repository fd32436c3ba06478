"""Fails if one of the named modules can be imported: what a distribution must not need."""

import importlib.util
import sys

present = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is not None]
if present:
    sys.exit(f"importable, but nothing that is installed here may need it: {', '.join(present)}")
