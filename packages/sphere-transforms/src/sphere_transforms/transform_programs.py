"""Analysis and synthesis as linear operators: along the rings, then along the colatitude, or back.

The fields and coefficients are in the public layout, complex or, for a real field of spin 0, real.
Each operator's transpose is the other with the same tables, conjugated where the harmonics are.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.colatitude import ColatitudeProduct
from sphere_transforms.grids import Grid
from sphere_transforms.healpix_rings import orders_from_pixels, pixels_from_orders
from sphere_transforms.longitude import orders_from_samples, samples_from_orders
from sphere_transforms.transposition import transpose_apart


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
        if len(self.grid.shape) == 1:
            orders = orders_from_pixels(data, tables["rings"], band_limit)
        else:
            orders = orders_from_samples(data, band_limit)
        parts = jnp.stack([orders.real, orders.imag], 3)
        parts = self.product(tables, parts)
        coefficients = join_orders(jax.lax.complex(parts[:, :, :, 0], parts[:, :, :, 1]))
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
        orders = split_orders(data, real=self.real)
        parts = self.product(tables, jnp.stack([orders.real, orders.imag], 3))
        orders = jax.lax.complex(parts[:, :, :, 0], parts[:, :, :, 1])
        if len(self.grid.shape) == 1:
            field = pixels_from_orders(orders, tables["rings"])
        else:
            field = samples_from_orders(orders, self.grid.shape[1])
        return jnp.conj(field) if self.conjugate else field

    @property
    def transpose(self) -> Analysis:
        """The adjoint's conjugate: an analysis."""
        return Analysis(self.grid, self.product.transpose, self.real, not self.conjugate)


def join_orders(orders: jax.Array) -> jax.Array:
    """(m, ell, side, batch, *rest), m >= 0, to (batch, ell, m, *rest) with both signs of m.

    With one side, of a real field of spin 0: a_{ell,-m} = (-1)^m conj(a_{ell m}).
    """
    plus = orders[:, :, 0]
    if orders.shape[2] == 2:
        minus = orders[1:, :, 1]
    else:
        minus = _alternating(plus)[1:] * jnp.conj(plus[1:])
    both = jnp.concatenate([minus[::-1], plus])
    return transpose_apart(both, (2, 1, 0, *range(3, both.ndim)))


def split_orders(coefficients: jax.Array, *, real: bool) -> jax.Array:
    """(batch, ell, m, *rest) to (m, ell, side, batch, *rest), m >= 0; zero for the second m = 0.

    Real: one side, the coefficients (a_{ell m} + (-1)^m conj(a_{ell,-m})) / 2 of the real part of
    a field of spin 0.
    """
    both = transpose_apart(coefficients, (2, 1, 0, *range(3, coefficients.ndim)))
    middle = both.shape[0] // 2
    plus, minus = both[middle:], both[: middle + 1][::-1]
    if real:
        return ((plus + _alternating(plus) * jnp.conj(minus)) / 2)[:, :, None]
    minus = jnp.concatenate([jnp.zeros_like(minus[:1]), minus[1:]])
    return jnp.stack([plus, minus], 2)


def _alternating(orders: jax.Array) -> jax.Array:
    sign = (-1.0) ** np.arange(orders.shape[0])
    return jnp.asarray(sign, orders.real.dtype).reshape(-1, *[1] * (orders.ndim - 1))
