"""The product along the colatitude: from order sums on the rings to coefficients, and back.

  analysis:   a_{ell m} = sum over nodes n of w_n T_{ell m}(theta_n) (R F_m)_n
  synthesis:  G_m(theta_j) = sum over ell of T_{ell m}(theta_j) a_{ell m}

T_{ell m}(theta) = sYlm(theta, 0) are the Legendre functions. w and R are the weights and the
resampling of the quadrature `grid.analysis`. Except for w and R, analysis and synthesis are the
transposes of each other, so the same code computes both, and their derivatives.

The functions T are read from tables (module `tables`) or computed during the product (module
`recursion`). Both store only the functions that do not follow from others by a symmetry. The module
`symmetry` describes the symmetries and the layouts of the arrays.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.grids import ColatitudeQuadrature
from sphere_transforms.jax_extensions import transpose_apart
from sphere_transforms.legendre import recursion, tables
from sphere_transforms.legendre.plan import LegendrePlan
from sphere_transforms.legendre.symmetry import (
    Symmetry,
    degrees_from_rows,
    fold,
    rows_from_degrees,
    unfold,
)

# The sources of the functions. Each module has `make_functions` and `multiply`.
_METHODS: dict[str, Any] = {"tables": tables, "recursion": recursion}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LegendreTables:
    """The constant arrays of a product. They are arguments of the compiled program.

    Attributes:
      functions: `tables.Blocks` or `recursion.StartValues`, depending on the method.
      weights: w, shape (node,). None in a synthesis.
      resampling: R for even and for odd m + s, shape (2, node, ring). None if the nodes are the
        rings.
    """

    functions: Any
    weights: Any = None
    resampling: Any = None


@dataclasses.dataclass(frozen=True)
class LegendreProduct:
    """The linear map of a plan: from order sums to coefficients, or back.

    Attributes:
      plan: the Legendre functions and the direction.
      method: "tables" or "recursion".
    """

    plan: LegendrePlan
    method: str

    def __call__(
        self,
        constants: LegendreTables,
        data: jax.Array,
        first_order: jax.Array | int = 0,
        *,
        rings_reversed: bool = False,
    ) -> jax.Array:
        """Maps order sums (m, ring, side, *rest) to coefficients (m, ell, side, *rest), or back.

        With the method "recursion", the data may hold only some of the orders, beginning at
        `first_order`, which must be even. `rings_reversed` applies to order sums that are the
        input, and is allowed only without resampling (see `symmetry`).
        """
        plan = self.plan
        if plan.to_degrees:
            nodes = self._to_nodes(constants, data, rings_reversed)
            folded = fold(plan.symmetry, nodes, rings_reversed=rings_reversed)
            rows = self._multiply(constants, folded, first_order)
            return degrees_from_rows(plan.symmetry, plan.spin, rows, plan.band_limit)
        sums = self.with_rings_last(constants, data, first_order)
        last = sums.ndim - 1
        return transpose_apart(sums, (0, last, *range(1, last)))

    def with_rings_last(
        self,
        constants: LegendreTables,
        coefficients: jax.Array,
        first_order: jax.Array | int = 0,
        *,
        rings_reversed: bool = False,
    ) -> jax.Array:
        """Maps coefficients (m, ell, side, *rest) to order sums (m, side, *rest, ring)."""
        plan = self.plan
        rows = rows_from_degrees(plan.symmetry, plan.spin, coefficients)
        folded = self._multiply(constants, rows, first_order)
        sums = unfold(plan.symmetry, folded, plan.node_count, rings_reversed=rings_reversed)
        sums = _weighted(constants.weights, sums, sums.ndim - 1, 1, rings_reversed)
        if constants.resampling is not None:
            sums = self._resample("nj,m...n->m...j", constants.resampling, sums)
        return sums

    @property
    def transpose(self) -> LegendreProduct:
        """The product in the other direction, with the same tables."""
        plan = dataclasses.replace(self.plan, to_degrees=not self.plan.to_degrees)
        return dataclasses.replace(self, plan=plan)

    def _multiply(self, constants: LegendreTables, data: jax.Array, first_order: Any) -> jax.Array:
        return _METHODS[self.method].multiply(self.plan, constants.functions, data, first_order)

    def _to_nodes(
        self, constants: LegendreTables, sums: jax.Array, rings_reversed: bool
    ) -> jax.Array:
        if constants.resampling is not None:
            sums = self._resample("nj,mj...->mn...", constants.resampling, sums)
        return _weighted(constants.weights, sums, 1, 2, rings_reversed)

    def _resample(self, subscripts: str, matrices: jax.Array, sums: jax.Array) -> jax.Array:
        """Applies the resampling, whose matrices differ for even and odd m + s."""
        plan = self.plan
        even, odd = (
            jnp.einsum(
                subscripts, matrices[(m + plan.spin) % 2], sums[m::2], precision=plan.precision
            )
            for m in range(2)
        )
        if odd.shape[0] < even.shape[0]:
            odd = jnp.concatenate([odd, jnp.zeros_like(even[:1])])
        both = jnp.stack([even, odd], 1)
        return both.reshape(2 * even.shape[0], *even.shape[1:])[: sums.shape[0]]


def analysis_tables(
    quadrature: ColatitudeQuadrature, spin: int, band_limit: int, method: str, dtype: str
) -> LegendreTables:
    """Makes the tables of an analysis, NumPy: functions at the nodes, weights, resampling."""
    functions = _functions(quadrature.colatitudes, spin, band_limit, method, dtype)
    weights = quadrature.weights.astype(dtype)
    resampling = None
    if quadrature.resampling is not None:
        resampling = np.stack(quadrature.resampling).astype(dtype)
    return LegendreTables(functions, weights, resampling)


def synthesis_tables(
    colatitudes: np.ndarray, spin: int, band_limit: int, method: str, dtype: str
) -> LegendreTables:
    """Makes the tables of a synthesis, NumPy: functions at the colatitudes of the rings."""
    return LegendreTables(_functions(colatitudes, spin, band_limit, method, dtype))


def _functions(colatitudes: np.ndarray, spin: int, band_limit: int, method: str, dtype: str) -> Any:
    symmetry = Symmetry.of(spin, colatitudes)
    key = np.ascontiguousarray(colatitudes, np.float64).tobytes()
    return _METHODS[method].make_functions(key, spin, band_limit, symmetry, dtype)


def _weighted(
    weights: jax.Array | None,
    sums: jax.Array,
    ring_axis: int,
    side_axis: int,
    rings_reversed: bool,
) -> jax.Array:
    if weights is None:
        return sums
    sides = [weights, weights[::-1]] if rings_reversed else [weights]
    factors = jnp.stack(sides, 0 if side_axis < ring_axis else 1)
    others = [axis for axis in range(sums.ndim) if axis not in (ring_axis, side_axis)]
    return sums * jnp.expand_dims(factors.astype(sums.dtype), others)
