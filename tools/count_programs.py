"""Counts the programs that the first call of each public function compiles, outside of jit.

Usage: python tools/count_programs.py

Outside of jit, each operation on a new shape is a program of its own, of 20 to 100 ms. The calls
are the cases of packages/sphere-transforms/tests/test_every_function.py.
"""

import pathlib
import sys
import time

import jax

TESTS = pathlib.Path(__file__).parents[1] / "packages" / "sphere-transforms" / "tests"


def main() -> None:
    """Prints the number of programs and the seconds of each first call."""
    sys.path.insert(0, str(TESTS))
    from test_every_function import CASES

    compiled: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: compiled.append(event) if "backend_compile" in event else None
    )
    for name, (function, arguments) in CASES.items():
        jax.clear_caches()
        compiled.clear()
        began = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        print(f"{len(compiled):4d} programs {time.perf_counter() - began:6.2f} s  {name}")


if __name__ == "__main__":
    main()
