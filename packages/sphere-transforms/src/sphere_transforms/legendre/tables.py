"""The product along the colatitude with Legendre functions from tables.

The tables hold sYlm(theta, 0) in blocks of orders. The blocks leave out most entries with m > ell.
"""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.array_cache import cached_arrays
from sphere_transforms.harmonics import latitude_functions_by_degree
from sphere_transforms.legendre.plan import LegendrePlan
from sphere_transforms.legendre.symmetry import Symmetry, family_count, folded_ring_count

Blocks = tuple[Any, ...]


@cached_arrays
def make_functions(
    colatitudes: bytes, spin: int, band_limit: int, symmetry: Symmetry, dtype: str
) -> Blocks:
    """Computes the Legendre functions of orders m >= 0, in blocks (m, family, row, ring).

    Args:
      colatitudes: colatitudes of the rings in radians, as the bytes of a float64 array.
      spin: s.
      band_limit: L.
      symmetry: the symmetry of the functions, see `symmetry`.
      dtype: the dtype of the tables. They are computed in float64.

    Returns:
      One NumPy array per block. The rows are those of `symmetry.rows_from_degrees`, without the
      rows of degrees below the first order of the block. Entries without a harmonic are zero.
    """
    theta = np.frombuffer(colatitudes)
    rings = folded_ring_count(symmetry, theta.size)
    shapes = block_shapes(band_limit, theta.size, symmetry)
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
    return tuple(blocks)


def multiply(
    plan: LegendrePlan, blocks: Blocks, data: jax.Array, first_order: jax.Array | int = 0
) -> jax.Array:
    """Computes the product in the direction of the plan, for all orders m >= 0.

    Args:
      plan: the Legendre functions and the direction.
      blocks: the result of `make_functions`.
      data: (m, family, ring, *rest) in the direction to degrees, (m, family, row, *rest) in the
        direction to rings.
      first_order: must be 0. Only the module `recursion` accepts some of the orders.

    Returns:
      (m, family, row, *rest) in the direction to degrees, (m, family, *rest, ring) in the direction
      to rings.
    """
    if not isinstance(first_order, int) or first_order:
        raise ValueError(f"first_order is {first_order!r}: tables hold all orders, from 0 on.")
    # Remove axes of length 1: with them, XLA copies the operands and results of the products.
    # (Squeeze instead of reshape, because a reshape may gather a sharded batch.)
    short = [
        axis
        for axis, length in enumerate(data.shape)
        if axis in (1, *range(3, data.ndim)) and length == 1
    ]
    data = jnp.squeeze(data, short)
    x, l_axis = ("", 1) if 1 in short else ("x", 2)
    to_degrees, to_rings = f"m{x}ln,m{x}n...->m{x}l...", f"m{x}l...,m{x}ln->m{x}...n"
    row_count = max(block.shape[2] for block in blocks)
    results, start = [], 0
    for block in blocks:
        functions = block if x else block[:, 0]
        operand = data[start : start + block.shape[0]]
        first_row = row_count - block.shape[2]
        if plan.to_degrees:
            result = jnp.einsum(to_degrees, functions, operand, precision=plan.precision)
            padding = [(0, 0)] * result.ndim
            padding[l_axis] = (first_row, 0)
            results.append(jnp.pad(result, padding))
        else:
            # Put the data first and the rings last: with the functions as the transposed operand,
            # XLA's products on CPU take up to eight times as long.
            operand = jax.lax.slice_in_dim(operand, first_row, row_count, axis=l_axis)
            results.append(jnp.einsum(to_rings, operand, functions, precision=plan.precision))
        start += block.shape[0]
    product = jnp.concatenate(results)
    back = short if plan.to_degrees else [axis if axis == 1 else axis - 1 for axis in short]
    return jnp.expand_dims(product, back)


def block_edges(band_limit: int) -> tuple[int, ...]:
    """The first orders of the blocks (even), followed by the band limit.

    With more blocks, fewer entries with m > ell are stored, and more cores are used, because each
    product runs on one core. But the compilation takes longer.
    """
    count = min(16, band_limit // 16) if band_limit >= 64 else 1
    edges = np.linspace(0, band_limit, count + 1)
    return (*(int(edge) // 2 * 2 for edge in edges[:-1]), band_limit)


def block_shapes(
    band_limit: int, ring_count: int, symmetry: Symmetry
) -> list[tuple[int, int, int, int]]:
    """The shape (m, family, row, ring) of each block."""
    edges = block_edges(band_limit)
    rings, families = folded_ring_count(symmetry, ring_count), family_count(symmetry)
    shapes = []
    for start, stop in itertools.pairwise(edges):
        if symmetry is Symmetry.PARITY:
            rows = (band_limit + 1) // 2 - start // 2
        else:
            rows = band_limit - start
        shapes.append((stop - start, families, rows, rings))
    return shapes
