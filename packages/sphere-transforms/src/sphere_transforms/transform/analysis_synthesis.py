"""Analysis and synthesis as linear operators.

An analysis computes Fourier sums along the rings, then products along the colatitude. A synthesis
does the reverse. Fields and coefficients have the public layout. Fields are complex, or real for
spin 0. The transpose of each operator is the other operator with the same tables and with complex
conjugate harmonics.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from sphere_transforms.fourier import (
    field_from_order_sums,
    from_order_layout,
    order_sums_from_field,
    to_order_layout,
)
from sphere_transforms.grids import Grid
from sphere_transforms.legendre import LegendreProduct, LegendreTables, Symmetry


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TransformTables:
    """The constant arrays of one spin and direction.

    Attributes:
      legendre: the tables of the product along the colatitude.
      rings: the tables of the sums along unequal rings; None for equal rings.
    """

    legendre: LegendreTables
    rings: Any = None


@dataclasses.dataclass(frozen=True)
class Analysis:
    """The analysis A: field (batch, *grid.shape, *rest) to coefficients (batch, ell, m, *rest).

    Attributes:
      grid: the grid of the field.
      product: the product along the colatitude, to degrees.
      real: whether the field is real.
      conjugate: apply x -> conj(A(conj(x))) instead of A.
    """

    grid: Grid
    product: LegendreProduct
    real: bool
    conjugate: bool = False

    def __call__(self, tables: TransformTables, data: jax.Array) -> jax.Array:
        """Returns the coefficients, complex, for both signs of m."""
        if self.conjugate:
            data = jnp.conj(data)
        band_limit = self.product.plan.band_limit
        reverse = _reverses_rings(self.product, tables)
        sums = order_sums_from_field(
            self.grid, tables.rings, data, band_limit, rings_reversed=reverse
        )
        by_order = self.product(tables.legendre, sums, rings_reversed=reverse)
        coefficients = from_order_layout(by_order)
        return jnp.conj(coefficients) if self.conjugate else coefficients

    @property
    def transpose(self) -> Synthesis:
        """The transpose, which is a synthesis."""
        return Synthesis(self.grid, self.product.transpose, self.real, not self.conjugate)


@dataclasses.dataclass(frozen=True)
class Synthesis:
    """The synthesis S: coefficients (batch, ell, m, *rest) to field (batch, *grid.shape, *rest).

    Attributes:
      grid: the grid of the field.
      product: the product along the colatitude, to rings.
      real: return the real component of the field, as a real array.
      conjugate: apply x -> conj(S(conj(x))) instead of S.
    """

    grid: Grid
    product: LegendreProduct
    real: bool
    conjugate: bool = False

    def __call__(self, tables: TransformTables, data: jax.Array) -> jax.Array:
        """Returns the field, complex or real."""
        if self.conjugate:
            data = jnp.conj(data)
        reverse = _reverses_rings(self.product, tables)
        by_order = to_order_layout(data, self.product.plan.spin, real=self.real)
        sums = self.product.with_rings_last(tables.legendre, by_order, rings_reversed=reverse)
        field = field_from_order_sums(self.grid, tables.rings, sums, rings_reversed=reverse)
        return jnp.conj(field) if self.conjugate else field

    @property
    def transpose(self) -> Analysis:
        """The transpose, which is an analysis."""
        return Analysis(self.grid, self.product.transpose, self.real, not self.conjugate)


def _reverses_rings(product: LegendreProduct, tables: TransformTables) -> bool:
    """Whether the order sums between the two steps have the rings of -m in reverse order."""
    at_rings = tables.legendre.resampling is None and tables.rings is None
    return at_rings and product.plan.symmetry is Symmetry.MIRROR
