"""Fourier sums along the rings of any grid; chooses between equal and unequal rings."""

from __future__ import annotations

import jax

from sphere_transforms.fourier.equal_rings import order_sums_from_samples, samples_from_order_sums
from sphere_transforms.fourier.unequal_rings import (
    RingTables,
    make_ring_tables,
    order_sums_from_pixels,
    pixels_from_order_sums,
)
from sphere_transforms.grids import Grid


def ring_tables(grid: Grid, band_limit: int, dtype: str) -> RingTables | None:
    """Returns the constant arrays for the sums of a grid, or None for equal rings.

    Args:
      grid: the grid.
      band_limit: L.
      dtype: float32 or float64, the dtype of the real component of the fields.
    """
    return None if len(grid.shape) == 2 else make_ring_tables(grid, band_limit, dtype)


def order_sums_from_field(
    grid: Grid,
    tables: RingTables | None,
    field: jax.Array,
    band_limit: int,
    *,
    rings_reversed: bool = False,
) -> jax.Array:
    """Computes F_m(theta_j), the sum over the samples of a ring of f exp(-i m phi).

    Args:
      grid: the grid of the field.
      tables: the result of `ring_tables`.
      field: (batch, *grid.shape, *rest), real or complex.
      band_limit: L.
      rings_reversed: return the sums of the orders -m with the rings in reverse order. Ignored if
        there are tables.

    Returns:
      The order sums of an analysis (see `order_layout`): real (m, ring, side, component, batch,
      *rest).
    """
    if tables is not None:
        return order_sums_from_pixels(field, tables, band_limit)
    offset = float(grid.ring_offsets[0])
    return order_sums_from_samples(field, band_limit, offset, rings_reversed=rings_reversed)


def field_from_order_sums(
    grid: Grid, tables: RingTables | None, sums: jax.Array, *, rings_reversed: bool = False
) -> jax.Array:
    """Computes the field, the sum over m of G_m(theta_j) exp(i m phi).

    Args:
      grid: the grid of the field.
      tables: the result of `ring_tables`.
      sums: the order sums of a synthesis: real (m, side, component, batch, *rest, ring).
      rings_reversed: the sums of the orders -m have the rings in reverse order. Ignored if there
        are tables.

    Returns:
      (batch, *grid.shape, *rest), complex, or real if the sums have one side.
    """
    if tables is not None:
        return pixels_from_order_sums(sums, tables)
    offset = float(grid.ring_offsets[0])
    return samples_from_order_sums(sums, grid.shape[1], offset, rings_reversed=rings_reversed)
