"""Analysis and synthesis as linear operators: along the rings, then along the colatitude, or back.

The fields and coefficients are in the public layout, complex or, for a real field of spin 0, real.
Each operator's transpose is the other with the same tables, conjugated where the harmonics are.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from sphere_transforms.colatitude import ColatitudeProduct
from sphere_transforms.grids import Grid
from sphere_transforms.healpix_rings import orders_from_pixels, pixels_from_orders
from sphere_transforms.longitude import orders_from_samples, samples_from_orders
from sphere_transforms.order_layout import coefficients_from_orders, orders_from_coefficients
from sphere_transforms.symmetry import Symmetry


@dataclasses.dataclass(frozen=True)
class Analysis:
    """A: field (batch, *grid.shape, *rest) to coefficients (batch, ell, m, *rest).

    Attributes:
      grid: of the field.
      product: along the colatitude, `to_degrees`.
      real: the field is real.
      conjugate: conj(A(conj(.))) in place of A.
    """

    grid: Grid
    product: ColatitudeProduct
    real: bool
    conjugate: bool = False

    def __call__(self, tables: Any, data: jax.Array) -> jax.Array:
        """Coefficients, complex, both signs of m."""
        if self.conjugate:
            data = jnp.conj(data)
        band_limit = self.product.band_limit
        mirrored = _mirrored(self, tables)
        if len(self.grid.shape) == 1:
            orders = orders_from_pixels(data, tables["rings"], band_limit)
        else:
            orders = orders_from_samples(data, band_limit, mirrored=mirrored)
        coefficients = coefficients_from_orders(self.product(tables, orders, mirrored=mirrored))
        return jnp.conj(coefficients) if self.conjugate else coefficients

    @property
    def transpose(self) -> Synthesis:
        """The adjoint's conjugate: a synthesis."""
        return Synthesis(self.grid, self.product.transpose, self.real, not self.conjugate)


@dataclasses.dataclass(frozen=True)
class Synthesis:
    """S: coefficients (batch, ell, m, *rest) to the field (batch, *grid.shape, *rest).

    Attributes:
      grid: of the field.
      product: along the colatitude, not `to_degrees`.
      real: the real part of the field, real.
      conjugate: conj(S(conj(.))) in place of S.
    """

    grid: Grid
    product: ColatitudeProduct
    real: bool
    conjugate: bool = False

    def __call__(self, tables: Any, data: jax.Array) -> jax.Array:
        """The field, complex or real."""
        if self.conjugate:
            data = jnp.conj(data)
        mirrored = _mirrored(self, tables)
        orders = self.product.with_rings_last(
            tables, orders_from_coefficients(data, real=self.real), mirrored=mirrored
        )
        if len(self.grid.shape) == 1:
            field = pixels_from_orders(orders, tables["rings"])
        else:
            field = samples_from_orders(orders, self.grid.shape[1], mirrored=mirrored)
        return jnp.conj(field) if self.conjugate else field

    @property
    def transpose(self) -> Analysis:
        """The adjoint's conjugate: an analysis."""
        return Analysis(self.grid, self.product.transpose, self.real, not self.conjugate)


def _mirrored(program: Analysis | Synthesis, tables: Any) -> bool:
    """Whether the order sums between the two steps are mirrored: see `symmetry`."""
    at_nodes = tables["resampling"] is None and len(program.grid.shape) == 2
    return at_nodes and program.product.symmetry is Symmetry.MIRROR
