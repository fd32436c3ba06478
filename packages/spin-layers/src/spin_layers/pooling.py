"""Averages over the whole sphere, and over cells of two by two samples."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

import sphere_transforms as st
from spin_layers.modulus import modulus, modulus_of
from spin_layers.packed_field import PackedField
from spin_layers.promotion import product


def weighted_pool(
    field: Mapping[int, jax.Array], grid: st.Grid
) -> tuple[dict[int, jax.Array], st.Grid]:
    """Halves the resolution: averages two by two samples, weighted by the areas of their cells.

    out = sum of w_in x / w_out over the four cells, where w are the `cell_areas` of the two grids.
    On HEALPix the four cells are those that make up a pixel of the coarser grid, of equal areas.
    This is only approximately equivariant. `SpinConvolution` with a coarser output grid pools
    exactly.

    Args:
      field: mapping from spin to (batch, lat, long, channel), on HEALPix (batch, pixel, channel).
      grid: grid of the field: HEALPix, or one whose `coarser()` grid has half of its latitudes and
        longitudes.

    Returns:
      The pooled field, and its grid.

    Raises:
      ValueError: there is no such coarser grid, or the field is not on the grid.
    """
    coarse = halved_grid(grid)
    for values in field.values():
        _check_on_grid(values, grid, "weighted_pool")
    if isinstance(grid, st.HealpixGrid):
        cells = grid.coarser_cells
        return {spin: values[:, cells].mean(axis=2) for spin, values in field.items()}, coarse
    ratio = grid.cell_areas.reshape(-1, 2) / coarse.cell_areas[:, None]

    def pool(values: jax.Array) -> jax.Array:
        batch, _, _, channels = values.shape
        cells = values.reshape(batch, coarse.shape[0], 2, coarse.shape[1], 2, channels)
        weights = jnp.asarray(ratio, values.real.dtype)[None, :, :, None, None, None]
        return jnp.sum(product(cells, weights), axis=(2, 4))

    return {spin: pool(values) for spin, values in field.items()}, coarse


def halved_grid(grid: st.Grid) -> st.Grid:
    """Returns the coarser grid, each of whose cells consists of two by two cells of the grid.

    Raises:
      ValueError: there is no coarser grid with half of the latitudes and longitudes.
    """
    coarse = grid.coarser()
    if isinstance(grid, st.HealpixGrid):
        return coarse
    if tuple(2 * size for size in coarse.shape) != tuple(grid.shape) or len(grid.shape) != 2:
        raise ValueError(
            f"pooling: {grid!r} has shape {tuple(grid.shape)}, {coarse!r} {tuple(coarse.shape)}: "
            "weighted pooling needs half of the latitudes and longitudes. Use pooling='spectral', "
            "or a grid such as EquiangularGrid or HealpixGrid."
        )
    return coarse


def sphere_mean(values: jax.Array, grid: st.Grid) -> jax.Array:
    """Computes the mean over the sphere by the grid's quadrature, as `sphere_transforms.mean`.

    Args:
      values: shape (batch, *grid.shape, channel).
      grid: grid of the values.

    Returns:
      Shape (batch, channel).

    Raises:
      ValueError: the values are not on the grid.
    """
    return st.mean(values, grid)


def global_pool(field: Mapping[int, jax.Array], grid: st.Grid) -> jax.Array:
    """Computes one invariant number per channel: the mean of spin 0, and of other spins' moduli.

    Args:
      field: mapping from spin to (batch, lat, long, channel); spin 0 is real or complex.
      grid: grid of the field.

    Returns:
      Shape (batch, all channels), ordered by increasing spin; complex only if spin 0 is complex.
    """
    means = [
        sphere_mean(values if spin == 0 else modulus(values), grid)
        for spin, values in sorted(field.items())
    ]
    return jnp.concatenate(means, axis=-1)


@functools.partial(jax.jit, static_argnums=(1, 2))
def weighted_pool_packed(packed: PackedField, grid: st.Grid, coarse: st.Grid) -> PackedField:
    """Applies `weighted_pool` to a packed field."""
    if isinstance(grid, st.HealpixGrid):
        first, second, third, fourth = grid.coarser_cells.T

        def mean(part: jax.Array) -> jax.Array:
            # Written out, as the sums below.
            return (part[:, first] + part[:, second] + part[:, third] + part[:, fourth]) / 4

        return {spin: tuple(map(mean, components)) for spin, components in packed.items()}
    ratio = grid.cell_areas.reshape(-1, 2) / coarse.cell_areas[:, None]

    def pool(component: jax.Array) -> jax.Array:
        _, _, batch, channels = component.shape
        cells = component.reshape(coarse.shape[1], 2, coarse.shape[0], 2, batch, channels)
        # Sums over axes of length two are written out: XLA's reductions take ten times longer.
        pairs = cells[:, 0] + cells[:, 1]
        weights = jnp.asarray(ratio, component.dtype)[None, :, :, None, None]
        return pairs[:, :, 0] * weights[:, :, 0] + pairs[:, :, 1] * weights[:, :, 1]

    return {spin: tuple(map(pool, components)) for spin, components in packed.items()}


@functools.partial(jax.jit, static_argnums=1)
def global_pool_packed(packed: PackedField, grid: st.Grid) -> jax.Array:
    """Applies `global_pool` to a packed field whose spin 0 is real.

    Raises:
      ValueError: spin 0 is complex.
    """
    means = []
    for spin, components in sorted(packed.items()):
        if spin == 0 and len(components) == 2:
            raise ValueError("global_pool_packed: spin 0 is complex; take its real part first.")
        real, *imag = components
        size = modulus_of(real, imag[0]) if imag else real
        weights = jnp.asarray(grid.quadrature_weights / (4 * np.pi), size.dtype)
        means.append(jnp.sum(size * weights[None, :, None, None], axis=(0, 1)))
    return jnp.concatenate(means, axis=-1)


def _check_on_grid(values: jax.Array, grid: st.Grid, what: str) -> None:
    if values.ndim != len(grid.shape) + 2 or values.shape[1:-1] != tuple(grid.shape):
        sides = ", ".join(map(str, grid.shape))
        raise ValueError(
            f"{what}: an array has shape {values.shape}; on {grid!r} it must be (batch, {sides}, "
            "channel)."
        )
