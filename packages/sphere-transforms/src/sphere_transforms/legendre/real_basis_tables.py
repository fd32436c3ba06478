"""The product along the colatitude in `RealBasisTransform`: its tables and its linear operator.

Unlike in the module `tables`, each matrix is stored together with its transpose. The matrices
include the weights of the quadrature and the constants of the real basis.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.array_cache import cached_arrays
from sphere_transforms.grids import Grid, analysis_below
from sphere_transforms.harmonics import latitude_functions_by_degree
from sphere_transforms.legendre.tables import block_edges

# For each block of orders: the matrices (m, degree, ring) and their transposes (m, ring, degree).
OrderwiseTables = tuple[tuple[Any, Any], ...]


@dataclasses.dataclass(frozen=True)
class OrderwiseProduct:
    """A linear operator that multiplies every order (and sign of m) with its matrix.

    Each matrix is stored together with its transpose, because XLA's matrix products on CPU are slow
    with a transposed operand.

    Attributes:
      to_degrees: True for the map from (order, ring, *rest) to (order, degree, *rest), False for
        its transpose.
      precision: the precision of the matrix products.
    """

    to_degrees: bool
    precision: jax.lax.Precision

    def __call__(self, tables: OrderwiseTables, data: jax.Array) -> jax.Array:
        """Multiplies block by block. A block lacks the degrees below its first order."""
        band_limit = tables[0][0].shape[1]  # the first block, from order 0, has every degree
        orders = sum(block[0].shape[0] for block in tables)
        repeated = data.shape[0] // orders  # one matrix for real and imaginary component
        results, start = [], 0
        for block in tables:
            matrix = jnp.repeat(block[0 if self.to_degrees else 1], repeated, axis=0)
            first = band_limit - block[0].shape[1]
            operand = jax.lax.slice_in_dim(data, start, start + matrix.shape[0])
            if not self.to_degrees:
                operand = jax.lax.slice_in_dim(operand, first, band_limit, axis=1)
            result = jnp.einsum("mxy,my...->mx...", matrix, operand, precision=self.precision)
            if self.to_degrees:
                result = jnp.pad(result, [(0, 0), (first, 0)] + [(0, 0)] * (data.ndim - 2))
            results.append(result)
            start += matrix.shape[0]
        return jnp.concatenate(results)

    @property
    def transpose(self) -> OrderwiseProduct:
        """The product in the other direction, with the same tables."""
        return dataclasses.replace(self, to_degrees=not self.to_degrees)


@cached_arrays
def orderwise_tables(
    grid: Grid, spin: int, band_limit: int, dtype: str, *, weighted: bool
) -> OrderwiseTables:
    """Computes the tables of one spin and direction, or takes them from the cache.

    Args:
      grid: a grid of equal rings.
      spin: s.
      band_limit: L.
      dtype: the dtype of the tables. They are computed in float64.
      weighted: True for an analysis, with the quadrature weights; False for a synthesis.

    Returns:
      NumPy arrays: for each block of orders, the matrices (m and sign, degree, ring) and their
      transposes. For spin 0 there is one sign.
    """
    tables = []
    plus, minus = _scaled_functions(grid, spin, band_limit, weighted)
    # For spin 0 both signs have the same functions, so one table holds their sum.
    signs = [plus + minus] if spin == 0 else [plus, minus]
    for start, stop in itertools.pairwise(block_edges(band_limit)):
        block = np.stack([values[start:stop, start:] for values in signs], 1)
        block = block.reshape(-1, *block.shape[2:]).astype(dtype)
        transposed = np.ascontiguousarray(np.swapaxes(block, 1, 2))
        tables.append((block, transposed))
    return tuple(tables)


def _scaled_functions(
    grid: Grid, spin: int, band_limit: int, weighted: bool
) -> tuple[np.ndarray, np.ndarray]:
    """T_m and T'_m divided by sqrt(2), or by 2 for m = 0, with weights if asked: (m, ell, ring)."""
    quadrature = analysis_below(grid, band_limit)
    angles = quadrature.colatitudes if weighted else grid.ring_colatitudes
    functions = np.zeros((2, band_limit, band_limit, angles.size))
    for ell, values in latitude_functions_by_degree(band_limit, spin, angles):
        functions[0, :, ell] = values[band_limit - 1 :]
        functions[1, :, ell] = values[band_limit - 1 :: -1]
    orders = np.arange(band_limit)
    functions[1] *= ((-1.0) ** orders)[:, None, None]
    functions *= np.where(orders == 0, 0.5, np.sqrt(0.5))[:, None, None]
    if weighted:
        functions *= quadrature.weights
        if quadrature.resampling is not None:
            resampling = np.stack(quadrature.resampling)[(orders + spin) % 2]
            functions = np.einsum("smln,mnj->smlj", functions, resampling)
    return functions[0], functions[1]
