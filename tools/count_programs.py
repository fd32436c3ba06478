"""Counts the programs that first calls compile, outside of jit: public functions, and networks.

Usage: python tools/count_programs.py

Outside of jit, each operation on a new shape is a program of its own, of 20 to 100 ms. The calls
are the cases of packages/sphere-transforms/tests/test_every_function.py, and the pretrained
networks on one picture.
"""

import pathlib
import sys
import time

import jax
import numpy as np

import spin_models

TESTS = pathlib.Path(__file__).parents[1] / "packages" / "sphere-transforms" / "tests"


def main() -> None:
    """Prints the number of programs and the seconds of each first call."""
    sys.path.insert(0, str(TESTS))
    from test_every_function import CASES

    compiled: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: compiled.append(event) if "backend_compile" in event else None
    )
    picture = {0: np.ones((1, 64, 64, 1), np.float32)}
    networks = {
        f"{name} {dataset}": (spin_models.load_pretrained(name, dataset), (picture,))
        for name, dataset in spin_models.pretrained_names()
    }
    for name, (function, arguments) in (CASES | networks).items():
        jax.clear_caches()
        compiled.clear()
        began = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        print(f"{len(compiled):4d} programs {time.perf_counter() - began:6.2f} s  {name}")


if __name__ == "__main__":
    main()
