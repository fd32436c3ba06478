"""Tables or recursion: which way of computing a transform takes, by an estimate of its memory."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable

import jax
import numpy as np

from sphere_transforms import latitude_recursion
from sphere_transforms.grids import Grid
from sphere_transforms.latitude_tables import block_shapes
from sphere_transforms.symmetry import Symmetry, folded_rings, is_symmetric

METHODS = ("auto", "tables", "recursion")

# Tables beyond this take long to build and to read: the recursion is then the better default.
_TABLES_BY_DEFAULT = 2**30


@dataclasses.dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a transform needs, beside the fields themselves.

    Attributes:
      tables: of the tables, for all spins and both directions.
      recursion: of the recursion's start values, its working space, and the order sums of one map.
      limit: what may be used.
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
    """What each method would need.

    Args:
      grid: of the fields.
      spins: spin weights.
      band_limit: L.
      dtype: "float32" or "float64".
      limit: bytes that may be used; None: half of the device's memory.

    Returns:
      The estimate.
    """
    itemsize = np.dtype(dtype).itemsize
    rings = ring_colatitudes(grid)
    nodes = grid.analysis.colatitudes
    tables = recursion = 0
    for spin in spins:
        working = 0
        for angles in (nodes,) if np.array_equal(nodes, rings) else (nodes, rings):
            symmetry = Symmetry.of(spin, is_symmetric(angles))
            shapes = block_shapes(band_limit, spin, angles.size, symmetry)
            tables += itemsize * sum(int(np.prod(shape)) for shape in shapes)
            folded, signs = folded_rings(symmetry, angles.size), 1 + (symmetry is Symmetry.NONE)
            recursion += 8 * folded * (band_limit * signs + 1)
            width = latitude_recursion.orders_at_a_time(band_limit, angles.size, symmetry, itemsize)
            functions = width * signs * band_limit * folded * itemsize
            # Order sums of both signs and their folded copy, real and imaginary.
            working = max(working, functions + 8 * band_limit * angles.size * itemsize)
        recursion += working
    return MemoryEstimate(tables, recursion, available_memory() if limit is None else int(limit))


def choose_method(method: str, estimate: MemoryEstimate, band_limit: int, what: str) -> str:
    """The method to use.

    Args:
      method: "auto", "tables" or "recursion".
      estimate: of both.
      band_limit: L.
      what: the transform, for the message.

    Returns:
      "tables" or "recursion".

    Raises:
      ValueError: an unknown method, or one that does not fit.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}.")
    fits = {
        "tables": estimate.tables <= estimate.limit,
        "recursion": estimate.recursion <= estimate.limit
        and band_limit <= latitude_recursion.LARGEST_BAND_LIMIT,
    }
    if method == "auto":
        if fits["tables"] and (estimate.tables <= _TABLES_BY_DEFAULT or not fits["recursion"]):
            return "tables"
        if fits["recursion"]:
            return "recursion"
    elif fits[method]:
        return method
    elif method == "recursion" and band_limit > latitude_recursion.LARGEST_BAND_LIMIT:
        raise ValueError(
            f"{what} by recursion: band_limit is {band_limit}, and the recursion's start values "
            f"leave float64's range above {latitude_recursion.LARGEST_BAND_LIMIT}; lower it, or "
            f"use tables ({_readable(estimate.tables)})."
        )
    reach = latitude_recursion.LARGEST_BAND_LIMIT
    limited = f" (the recursion reaches band limit {reach})" if band_limit > reach else ""
    raise ValueError(
        f"{what} does not fit with method={method!r}: {estimate}{limited}. Lower the band limit, "
        "name fewer spins, take float32, or give memory_limit in bytes if there is more."
    )


def ring_colatitudes(grid: Grid) -> np.ndarray:
    """One colatitude per ring, whether the grid's samples are (lat, long) or (pixel,)."""
    return grid.colatitudes if len(grid.shape) == 2 else grid.analysis.colatitudes


def available_memory() -> int:
    """Bytes that tables may take: half of the device's memory."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in statistics:
        return int(statistics["bytes_limit"]) // 2
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _readable(size: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1e3:.1f} kB"
