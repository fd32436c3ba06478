"""Transforms of maps that are sharded over several devices, by ring and by order.

The Fourier sums of different rings are independent, and so are the products along the colatitude of
different orders m. Each device computes the Fourier sums of some rings. Then an all-to-all exchange
gives each device all rings of some orders, for which it computes the products. No device ever holds
a whole map.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from sphere_transforms.fourier import (
    from_order_layout,
    order_sums_from_samples,
    samples_from_order_sums,
    to_order_layout,
)
from sphere_transforms.jax_extensions import apply_linear, complex_dtype
from sphere_transforms.legendre import LegendreTables, StartValues
from sphere_transforms.transform.analysis_synthesis import Analysis, Synthesis, TransformTables
from sphere_transforms.transform.spin_transform import SpinTransform


def forward_by_orders(
    transform: SpinTransform, field: Mapping[int, jax.Array], mesh: Mesh, axis_name: str
) -> dict[int, jax.Array]:
    """`SpinTransform.forward` for a field sharded over rings; coefficients are sharded by order.

    Args:
      transform: a transform with the method "recursion", on a grid of shape (lat, long).
      field: mapping from spin to (batch, lat, long, channel). Arrays that are not yet sharded over
        lat are sharded.
      mesh: the devices.
      axis_name: the axis of the mesh to shard over. Its size must divide lat, and twice its size
        must divide L.

    Returns:
      Mapping from spin to complex arrays (m, ell, side, batch, channel), sharded over m = 0, ...,
      L - 1. The sides are m and -m, or only m for real fields of spin 0. Use
      `coefficients_from_orders` to convert them to the public layout.

    Raises:
      ValueError: the transform has another method or kind of grid, or the sizes do not divide.
    """
    return {
        spin: _apply(transform, spin, values, mesh, axis_name, to_degrees=True)
        for spin, values in field.items()
    }


def inverse_by_orders(
    transform: SpinTransform, orders: Mapping[int, jax.Array], mesh: Mesh, axis_name: str
) -> dict[int, jax.Array]:
    """`SpinTransform.inverse` for coefficients sharded by order; inverts `forward_by_orders`.

    Args:
      transform: as for `forward_by_orders`.
      orders: mapping from spin to complex arrays (m, ell, side, batch, channel). Entries with
        m > ell or ell < |spin| have no effect. If spin 0 has one side, its field is real.
      mesh: the devices.
      axis_name: the axis of the mesh to shard over, as for `forward_by_orders`.

    Returns:
      Mapping from spin to (batch, lat, long, channel), sharded over lat.

    Raises:
      ValueError: the transform has another method or kind of grid, or the sizes do not divide.
    """
    return {
        spin: _apply(transform, spin, values, mesh, axis_name, to_degrees=False)
        for spin, values in orders.items()
    }


def coefficients_from_orders(orders: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
    """Converts (m, ell, side, batch, channel) to the public layout (batch, ell, m, channel)."""
    return {spin: _from_orders(values) for spin, values in orders.items()}


def orders_from_coefficients(
    coefficients: Mapping[int, jax.Array], *, real_scalars: bool = False
) -> dict[int, jax.Array]:
    """Converts the public layout (batch, ell, m, channel) to (m, ell, side, batch, channel).

    With `real_scalars=True`, spin 0 gets one side, which is that of the real component of its
    field.
    """
    return {
        spin: _to_orders(values, spin, real_scalars and spin == 0)
        for spin, values in coefficients.items()
    }


@functools.partial(jax.jit, inline=True)
def _from_orders(values: jax.Array) -> jax.Array:
    return from_order_layout(jnp.stack([values.real, values.imag], 3))


@functools.partial(jax.jit, static_argnums=(1, 2), inline=True)
def _to_orders(values: jax.Array, spin: int, real: bool) -> jax.Array:
    by_order = to_order_layout(values, spin, real=real)
    return jax.lax.complex(by_order[:, :, :, 0], by_order[:, :, :, 1])


@dataclasses.dataclass(frozen=True)
class _ByOrders:
    """The linear operator: an analysis or a synthesis between sharded rings and sharded orders."""

    operator: Analysis | Synthesis
    mesh: Mesh
    axis_name: str
    # The factor of the orders m > 0 of a real field. These also represent -m: a sum over m counts
    # them twice, and so does the transpose of a synthesis.
    doubling: float = 1.0

    def __call__(self, tables: TransformTables, data: jax.Array) -> jax.Array:
        axis, everywhere = self.axis_name, PartitionSpec()
        analysis = isinstance(self.operator, Analysis)
        rings, orders = PartitionSpec(None, axis), PartitionSpec(axis)
        legendre = tables.legendre
        specs = LegendreTables(
            functions=StartValues(
                cosines=everywhere, sines=everywhere, starts=orders, levels=orders
            ),
            weights=None if legendre.weights is None else everywhere,
            resampling=None if legendre.resampling is None else everywhere,
        )
        return jax.shard_map(
            self._analyze if analysis else self._synthesize,
            mesh=self.mesh,
            in_specs=(specs, rings if analysis else orders),
            out_specs=orders if analysis else rings,
            check_vma=False,
        )(legendre, data)

    @property
    def transpose(self) -> _ByOrders:
        """The transposed operator, with the same sharding."""
        change = 0.5 if isinstance(self.operator, Analysis) else 2.0
        doubling = self.doubling * change if self.operator.real else 1.0
        return dataclasses.replace(self, operator=self.operator.transpose, doubling=doubling)

    def _analyze(self, tables: LegendreTables, data: jax.Array) -> jax.Array:
        product = self.operator.product
        sums = order_sums_from_samples(
            self._conjugated(data), product.plan.band_limit, self._offset
        )
        sums = jax.lax.all_to_all(sums, self.axis_name, 0, 1, tiled=True)
        apart = product(tables, sums, self._first_order(sums))
        by_order = jax.lax.complex(apart[:, :, :, 0], apart[:, :, :, 1])
        return self._conjugated(self._scaled(by_order))

    def _synthesize(self, tables: LegendreTables, data: jax.Array) -> jax.Array:
        product, grid = self.operator.product, self.operator.grid
        data = self._scaled(self._conjugated(self._selected(data)))
        apart = jnp.stack([data.real, data.imag], 3)
        sums = product.with_rings_last(tables, apart, self._first_order(apart))
        sums = jax.lax.all_to_all(sums, self.axis_name, sums.ndim - 1, 0, tiled=True)
        return self._conjugated(samples_from_order_sums(sums, grid.shape[1], self._offset))

    @property
    def _offset(self) -> float:
        return float(self.operator.grid.ring_offsets[0])

    def _conjugated(self, values: jax.Array) -> jax.Array:
        return jnp.conj(values) if self.operator.conjugate else values

    def _scaled(self, by_order: jax.Array) -> jax.Array:
        m = self._first_order(by_order) + jnp.arange(by_order.shape[0], dtype=jnp.int32)
        scale = jnp.where(m == 0, 1.0, self.doubling).astype(by_order.dtype)
        return by_order * scale.reshape(-1, *[1] * (by_order.ndim - 1))

    def _selected(self, by_order: jax.Array) -> jax.Array:
        """The coefficients, with zeros in place of entries without a harmonic."""
        m = self._first_order(by_order) + jnp.arange(by_order.shape[0], dtype=jnp.int32)
        ell = jnp.arange(by_order.shape[1])[None]
        present = (ell >= m[:, None]) & (ell >= abs(self.operator.product.plan.spin))
        return jnp.where(present.reshape(*present.shape, 1, 1, 1), by_order, 0)

    def _first_order(self, by_order: jax.Array) -> jax.Array:
        return jax.lax.axis_index(self.axis_name) * by_order.shape[0]


def _apply(
    transform: SpinTransform,
    spin: int,
    values: jax.Array,
    mesh: Mesh,
    axis_name: str,
    *,
    to_degrees: bool,
) -> jax.Array:
    size = mesh.shape[axis_name]
    lat = transform.grid.shape[0]
    if transform.method != "recursion" or len(transform.grid.shape) != 2:
        raise ValueError(
            f"{transform!r}: a transform by orders needs method='recursion' and a grid of shape "
            "(lat, long)."
        )
    if lat % size or transform.band_limit % (2 * size):
        raise ValueError(
            f"{transform!r} over {size} devices: {size} must divide the {lat} rings, and "
            f"{2 * size} the band limit {transform.band_limit}; take fewer devices or another grid."
        )
    values = jnp.asarray(values)
    if spin != 0:
        values = values.astype(complex_dtype(values.dtype))
    real = spin == 0 and (not jnp.iscomplexobj(values) if to_degrees else values.shape[2] == 1)
    dtype = values.real.dtype
    operator, tables = transform.operator(spin, dtype, real=real, to_degrees=to_degrees)
    return apply_linear(_ByOrders(operator, mesh, axis_name), tables, values)
