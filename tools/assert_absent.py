"""Fails if a named module can be imported. Checks what a distribution must not need."""

import importlib.util
import sys

present = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is not None]
if present:
    sys.exit(f"importable, but nothing installed here may need it: {', '.join(present)}")
