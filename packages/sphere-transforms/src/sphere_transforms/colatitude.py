"""The product along the colatitude: order sums of the rings to coefficients, and back.

  analysis:   a_{ell m} = sum over nodes n of w_n T_{ell m}(theta_n) (R F_m)_n
  synthesis:  G_m(theta_j) = sum over ell of T_{ell m}(theta_j) a_{ell m}

with T_{ell m}(theta) = sYlm(theta, 0), and w and R the grid's `analysis` quadrature. Each is the
other's transpose where w and R are left out, so one program in two directions serves both, and the
derivatives of both. The functions T are read from tables, or computed on the way
(`latitude_recursion`): either holds only what `symmetry` leaves of them.

Real and imaginary part are held apart: coefficients are real arrays (m, ell, side, *rest), order
sums (m, ring, side, *rest), m >= 0; see `symmetry` for the sides. A synthesis makes them with the
rings last, (m, side, *rest, ring), as the matrix product gives them without a transposition.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms import latitude_recursion
from sphere_transforms.grids import ColatitudeQuadrature
from sphere_transforms.latitude_tables import Blocks, latitude_tables
from sphere_transforms.symmetry import (
    Symmetry,
    degrees_from_rows,
    fold,
    is_symmetric,
    rows_from_degrees,
    unfold,
)
from sphere_transforms.transposition import transpose_apart


@dataclasses.dataclass(frozen=True)
class ColatitudeProduct:
    """The product with one set of latitude functions, in one of its directions.

    Attributes:
      band_limit: L.
      spin: s.
      symmetry: what is left out of the tables.
      node_count: number of colatitudes at which the functions are held.
      ring_count: of the field; other than node_count where sums are resampled to the nodes.
      method: "tables" or "recursion".
      to_degrees: from rings to degrees; else the transpose.
      precision: of the matrix products.
    """

    band_limit: int
    spin: int
    symmetry: Symmetry
    node_count: int
    ring_count: int
    method: str
    to_degrees: bool
    precision: jax.lax.Precision

    def __call__(
        self,
        tables: Any,
        data: jax.Array,
        first_order: jax.Array | int = 0,
        *,
        mirrored: bool = False,
    ) -> jax.Array:
        """Order sums (m, ring, side, *rest) to coefficients (m, ell, side, *rest), or back.

        By recursion the orders may be some of all: from `first_order`, which is even. Order sums
        that are given may be mirrored (see `symmetry`) where none are resampled.
        """
        if self.to_degrees:
            nodes = self._to_nodes(tables, data, mirrored)
            folded = fold(self.symmetry, nodes, mirrored=mirrored)
            rows = self._multiply(tables, folded, first_order)
            return degrees_from_rows(self.symmetry, self.spin, rows, self.band_limit)
        sums = self.with_rings_last(tables, data, first_order)
        last = sums.ndim - 1
        return transpose_apart(sums, (0, last, *range(1, last)))

    def with_rings_last(
        self,
        tables: Any,
        coefficients: jax.Array,
        first_order: jax.Array | int = 0,
        *,
        mirrored: bool = False,
    ) -> jax.Array:
        """Coefficients (m, ell, side, *rest) to order sums (m, side, *rest, ring)."""
        rows = rows_from_degrees(self.symmetry, self.spin, coefficients)
        folded = self._multiply(tables, rows, first_order)
        sums = unfold(self.symmetry, folded, self.node_count, mirrored=mirrored)
        sums = _weighted(tables["weights"], sums, sums.ndim - 1, 1, mirrored)
        if tables["resampling"] is not None:
            sums = self._resample("nj,m...n->m...j", tables["resampling"], sums)
        return sums

    @property
    def transpose(self) -> ColatitudeProduct:
        """The other direction, with the same tables."""
        return dataclasses.replace(self, to_degrees=not self.to_degrees)

    def _multiply(self, tables: Any, data: jax.Array, first_order: Any) -> jax.Array:
        if self.method == "tables":
            return _table_product(self, tables["functions"], data)
        return latitude_recursion.product(self, tables["functions"], data, first_order)

    def _to_nodes(self, tables: Any, sums: jax.Array, mirrored: bool) -> jax.Array:
        if tables["resampling"] is not None:
            sums = self._resample("nj,mj...->mn...", tables["resampling"], sums)
        return _weighted(tables["weights"], sums, 1, 2, mirrored)

    def _resample(self, subscripts: str, matrices: jax.Array, sums: jax.Array) -> jax.Array:
        """Even and odd m + s each have a matrix of their own."""
        even, odd = (
            jnp.einsum(
                subscripts, matrices[(m + self.spin) % 2], sums[m::2], precision=self.precision
            )
            for m in range(2)
        )
        if odd.shape[0] < even.shape[0]:
            odd = jnp.concatenate([odd, jnp.zeros_like(even[:1])])
        both = jnp.stack([even, odd], 1)
        return both.reshape(-1, *even.shape[1:])[: sums.shape[0]]


def analysis_tables(
    quadrature: ColatitudeQuadrature, spin: int, band_limit: int, method: str, dtype: str
) -> dict[str, Any]:
    """The tables of an analysis: the functions at its nodes, weights, and resampling matrices."""
    resampling = quadrature.resampling
    return {
        "functions": _functions(quadrature.colatitudes, spin, band_limit, method, dtype),
        "weights": jax.device_put(quadrature.weights.astype(dtype)),
        "resampling": resampling and jax.device_put(np.stack(resampling).astype(dtype)),
    }


def synthesis_tables(
    colatitudes: np.ndarray, spin: int, band_limit: int, method: str, dtype: str
) -> dict[str, Any]:
    """The tables of a synthesis on rings at the colatitudes: functions alone."""
    functions = _functions(colatitudes, spin, band_limit, method, dtype)
    return {"functions": functions, "weights": None, "resampling": None}


def _functions(colatitudes: np.ndarray, spin: int, band_limit: int, method: str, dtype: str) -> Any:
    symmetry = Symmetry.of(spin, is_symmetric(colatitudes))
    key = np.ascontiguousarray(colatitudes, np.float64).tobytes()
    if method == "tables":
        return latitude_tables(key, spin, band_limit, symmetry, dtype)
    return latitude_recursion.start_values(key, spin, band_limit, symmetry)


def _weighted(
    weights: jax.Array | None, sums: jax.Array, ring_axis: int, side_axis: int, mirrored: bool
) -> jax.Array:
    if weights is None:
        return sums
    sides = [weights, weights[::-1]] if mirrored else [weights]
    factors = jnp.stack(sides, 0 if side_axis < ring_axis else 1)
    others = [axis for axis in range(sums.ndim) if axis not in (ring_axis, side_axis)]
    return sums * jnp.expand_dims(factors.astype(sums.dtype), others)


def _table_product(plan: ColatitudeProduct, blocks: Blocks, data: jax.Array) -> jax.Array:
    """Block by block of orders: the functions of (m, part) as one matrix between rows and rings."""
    # With axes of length 1 XLA copies what each product takes and gives. (Squeezed, not reshaped:
    # a reshape of a sharded batch may gather.)
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
        part = data[start : start + block.shape[0]]
        first_row = row_count - block.shape[2]
        if plan.to_degrees:
            result = jnp.einsum(to_degrees, functions, part, precision=plan.precision)
            padding = [(0, 0)] * result.ndim
            padding[l_axis] = (first_row, 0)
            results.append(jnp.pad(result, padding))
        else:
            # With the functions as the transposed operand XLA's CPU products take up to eight
            # times the time; so the columns come first, and the rings stay last.
            part = jax.lax.slice_in_dim(part, first_row, row_count, axis=l_axis)
            results.append(jnp.einsum(to_rings, part, functions, precision=plan.precision))
        start += block.shape[0]
    product = jnp.concatenate(results)
    back = short if plan.to_degrees else [axis if axis == 1 else axis - 1 for axis in short]
    return jnp.expand_dims(product, back)
