"""Tables of the latitude functions sYlm(theta, 0), in blocks that leave out most of m > ell."""

from __future__ import annotations

import functools
import itertools

import jax
import numpy as np

from sphere_transforms.harmonics import latitude_functions_by_degree
from sphere_transforms.symmetry import Symmetry, folded_rings, part_count

Blocks = tuple[jax.Array, ...]


def block_edges(band_limit: int) -> tuple[int, ...]:
    """The orders at which blocks begin, and the band limit; edges are even.

    More blocks waste less above the diagonal, keep more cores busy (each product runs on one) and
    take longer to compile.
    """
    count = min(16, band_limit // 16) if band_limit >= 64 else 1
    edges = np.linspace(0, band_limit, count + 1)
    return (*(int(edge) // 2 * 2 for edge in edges[:-1]), band_limit)


def block_shapes(
    band_limit: int, spin: int, ring_count: int, symmetry: Symmetry
) -> list[tuple[int, int, int, int]]:
    """The shape (m, part, row, ring) of each block: of what a memory estimate needs to know."""
    edges = block_edges(band_limit)
    rings, parts = folded_rings(symmetry, ring_count), part_count(symmetry)
    shapes = []
    for start, stop in itertools.pairwise(edges):
        if symmetry is Symmetry.PARITY:
            rows = (band_limit + 1) // 2 - start // 2
        else:
            rows = band_limit - start
        shapes.append((stop - start, parts, rows, rings))
    return shapes


@functools.lru_cache(maxsize=64)
def latitude_tables(
    colatitudes: bytes, spin: int, band_limit: int, symmetry: Symmetry, dtype: str
) -> Blocks:
    """The blocks of orders m >= 0, each (m, part, row, ring), rows cut at the block's first order.

    Args:
      colatitudes: of the rings, radians, as the bytes of a float64 array.
      spin: s.
      band_limit: L.
      symmetry: what the product's symmetry leaves, see `symmetry`.
      dtype: of the tables; they are computed in float64.

    Returns:
      One array per block. Row r of part p is degree 2 r + p for PARITY, else degree r; entries
      without a harmonic are zero.
    """
    theta = np.frombuffer(colatitudes)
    rings = folded_rings(symmetry, theta.size)
    shapes = block_shapes(band_limit, spin, theta.size, symmetry)
    blocks = [np.zeros(shape, dtype) for shape in shapes]
    edges = block_edges(band_limit)
    for ell, values in latitude_functions_by_degree(band_limit, spin, theta[:rings]):
        plus = values[band_limit - 1 :]
        for block, (start, stop) in zip(blocks, itertools.pairwise(edges), strict=True):
            stop = min(stop, ell + 1)
            if stop <= start:
                break
            if symmetry is Symmetry.PARITY:
                block[: stop - start, ell % 2, ell // 2 - start // 2] = plus[start:stop]
                continue
            block[: stop - start, 0, ell - start] = plus[start:stop]
            if symmetry is Symmetry.NONE:
                minus = values[band_limit - 1 :: -1]
                block[: stop - start, 1, ell - start] = minus[start:stop]
    return tuple(jax.device_put(block) for block in blocks)
