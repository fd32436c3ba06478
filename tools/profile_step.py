"""Measures the time of a training step by stage, in matrix products and in passes over memory.

Usage: python tools/profile_step.py [MODEL] [--batch 32] [--resolution 64] [--precision highest]

Prints the core time of the compiled step's operations, from a profile. A stage is the function that
an operation comes from. A fused operation belongs to the last of its functions.
"""

from __future__ import annotations

import argparse
import collections
import re

import jax
from benchmark_step import (
    MODELS,
    Case,
    compiled_step,
    operation_times,
    prepare,
    products_of,
)

STAGES = {
    "_analyze": "analysis",
    "_synthesize": "synthesis",
    "multiply_rows": "filter product",
    "batch_statistics": "batch statistics",
    "gather_rows": "rows for the filter",
    "nonlinearity": "nonlinearity",
    "weighted_pool": "pooling",
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default=MODELS[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--precision", default="highest")
    arguments = parser.parse_args()
    case = Case(
        arguments.model, arguments.batch, arguments.resolution, arguments.precision, None, 20
    )
    compiled, advance = compiled_step(prepare(case))
    program = compiled.as_text()
    jax.block_until_ready(advance())
    times, products, origins = operation_times(advance), products_of(program), _origins(program)
    table: dict[tuple[str, str], list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
    for operation, seconds in times.items():
        # Calls are left out, because the operations that they call are listed themselves.
        if operation in origins:
            table[_stage(origins[operation])][operation not in products] += seconds
    total = sum(map(sum, table.values()))
    print(f"{case.model}: {1e3 * total:.0f} ms of operations in a step\n")
    print("| stage | direction | products ms | passes ms | share |\n" + "| --- " * 5 + "|")
    for (stage, direction), (inside, outside) in sorted(
        table.items(), key=lambda item: -sum(item[1])
    ):
        share = (inside + outside) / total
        print(f"| {stage} | {direction} | {1e3 * inside:.1f} | {1e3 * outside:.1f} | {share:.1%} |")
    inside, outside = (1e3 * sum(pair[i] for pair in table.values()) for i in (0, 1))
    print(f"| all | | {inside:.1f} | {outside:.1f} | 100% |")


def _origins(program: str) -> dict[str, str]:
    """Returns the path of JAX functions that each instruction comes from, without calls."""
    found = {}
    for line in program.splitlines():
        name = re.match(r"\s*(?:ROOT )?%?([\w.\-]+) = ", line)
        if name and not re.search(r"\b(call|conditional|while)\(", line):
            origin = re.search(r'op_name="([^"]*)"', line)
            found[name[1]] = origin[1] if origin else ""
    return found


def _stage(origin: str) -> tuple[str, str]:
    direction = "backward" if "transpose(" in origin else "forward"
    for function, stage in STAGES.items():
        if function in origin:
            return stage, direction
    return "the rest", direction


if __name__ == "__main__":
    main()
