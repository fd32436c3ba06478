"""Memory estimates of the methods "tables" and "recursion", and the choice between them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable

import jax
import numpy as np

from sphere_transforms.grids import Grid, analysis_below
from sphere_transforms.legendre import (
    Symmetry,
    block_shapes,
    folded_ring_count,
    workspace_bytes,
)

METHODS = ("auto", "tables", "recursion")

# Larger tables take long to compute and to read, so the recursion is the default above this size.
_TABLES_BY_DEFAULT = 2**30


@dataclasses.dataclass(frozen=True)
class MemoryEstimate:
    """The memory in bytes that a transform needs in addition to the fields themselves.

    Attributes:
      tables: memory of the tables, for all spins and both directions.
      recursion: memory of the start values of the recursion, its workspace, and the order sums of
        one map.
      limit: memory that the transform may use.
    """

    tables: int
    recursion: int
    limit: int

    def __str__(self) -> str:
        return (
            f"tables {_readable(self.tables)}, recursion {_readable(self.recursion)}, "
            f"limit {_readable(self.limit)}"
        )


def estimate_memory(
    grid: Grid, spins: Iterable[int], band_limit: int, dtype: str, limit: int | None = None
) -> MemoryEstimate:
    """Estimates the memory of each method.

    Args:
      grid: the grid of the fields.
      spins: the spin weights.
      band_limit: L.
      dtype: "float32" or "float64".
      limit: bytes that the transform may use. None means half of the memory of the device.

    Returns:
      The estimate.
    """
    itemsize = np.dtype(dtype).itemsize
    rings = grid.ring_colatitudes
    nodes = analysis_below(grid, band_limit).colatitudes
    tables = recursion = 0
    for spin in spins:
        working = 0
        for angles in (nodes,) if np.array_equal(nodes, rings) else (nodes, rings):
            symmetry = Symmetry.of(spin, angles)
            shapes = block_shapes(band_limit, angles.size, symmetry)
            tables += itemsize * sum(int(np.prod(shape)) for shape in shapes)
            folded, signs = (
                folded_ring_count(symmetry, angles.size),
                1 + (symmetry is Symmetry.NONE),
            )
            recursion += 10 * folded * (band_limit * signs + 2)
            functions = workspace_bytes(band_limit, angles.size, symmetry, itemsize)
            # Order sums of both signs and their folded copy, with real and imaginary components.
            working = max(working, functions + 8 * band_limit * angles.size * itemsize)
        recursion += working
    return MemoryEstimate(tables, recursion, available_memory() if limit is None else int(limit))


def choose_method(method: str, estimate: MemoryEstimate, what: str) -> str:
    """Chooses the method, or checks that the given one is possible.

    Args:
      method: "auto", "tables" or "recursion".
      estimate: the memory estimate of both methods.
      what: a description of the transform, for the message.

    Returns:
      "tables" or "recursion".

    Raises:
      ValueError: the method is unknown, or does not fit into the memory limit.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}.")
    fits = {
        "tables": estimate.tables <= estimate.limit,
        "recursion": estimate.recursion <= estimate.limit,
    }
    if method == "auto":
        if fits["tables"] and (estimate.tables <= _TABLES_BY_DEFAULT or not fits["recursion"]):
            return "tables"
        if fits["recursion"]:
            return "recursion"
    elif fits[method]:
        return method
    raise ValueError(
        f"{what} does not fit with method={method!r}: {estimate}. Lower the band limit, name fewer "
        "spins, take float32, or give memory_limit in bytes if there is more."
    )


def available_memory() -> int:
    """Returns the default memory limit in bytes: half of the memory of the device."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in statistics:
        return int(statistics["bytes_limit"]) // 2
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _readable(size: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1e3:.1f} kB"
