"""Averages over the sphere: of all of it, and of cells of two by two samples."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

import sphere_transforms as st


def weighted_pool(
    field: Mapping[int, jax.Array], grid: st.EquiangularGrid
) -> tuple[dict[int, jax.Array], st.EquiangularGrid]:
    """Halves the resolution: averages of two by two samples, weighted by their cells' areas.

    out = sum of w_in x / w_out over the four cells, w the grids' `cell_areas`. Approximately
    equivariant only; `SpinConvolution` with a coarser output grid pools exactly.

    Args:
      field: mapping from spin to (batch, lat, long, channel).
      grid: of the field; its resolution a multiple of 4.

    Returns:
      The pooled field, and its grid.

    Raises:
      ValueError: the resolution is not a multiple of 4, or the field is not on the grid.
    """
    coarse = pooled_grid(grid)
    ratio = grid.cell_areas.reshape(-1, 2) / coarse.cell_areas[:, None]

    def pool(values: jax.Array) -> jax.Array:
        _check_on_grid(values, grid, "weighted_pool")
        batch, _, _, channels = values.shape
        cells = values.reshape(batch, *coarse.shape[:1], 2, coarse.shape[1], 2, channels)
        weights = jnp.asarray(ratio, values.real.dtype)[None, :, :, None, None, None]
        return jnp.sum(cells * weights, axis=(2, 4))

    return {spin: pool(values) for spin, values in field.items()}, coarse


def pooled_grid(grid: st.EquiangularGrid) -> st.EquiangularGrid:
    """The grid of half the resolution.

    Raises:
      ValueError: the resolution is not a multiple of 4, from 8.
    """
    if grid.resolution % 4 or grid.resolution < 8:
        raise ValueError(
            f"pooling: resolution is {grid.resolution}; halving it must leave an even number of at "
            "least 4, so it must be a multiple of 4 from 8."
        )
    return st.EquiangularGrid(grid.resolution // 2)


def sphere_mean(values: jax.Array, grid: st.Grid) -> jax.Array:
    """Mean over the sphere by the grid's quadrature.

    Args:
      values: shape (batch, lat, long, channel).
      grid: its grid.

    Returns:
      Shape (batch, channel).

    Raises:
      ValueError: the values are not on the grid.
    """
    _check_on_grid(values, grid, "sphere_mean")
    weights = jnp.asarray(grid.quadrature_weights / (4 * np.pi), values.real.dtype)
    return jnp.sum(values * weights[None, :, None, None], axis=(1, 2))


def global_pool(field: Mapping[int, jax.Array], grid: st.Grid) -> jax.Array:
    """One invariant number per channel: the mean of spin 0, and of the modulus of other spins.

    Args:
      field: mapping from spin to (batch, lat, long, channel); spin 0 real or complex.
      grid: its grid.

    Returns:
      Shape (batch, all channels), by increasing spin; complex only if spin 0 is.
    """
    means = [
        sphere_mean(values if spin == 0 else modulus(values), grid)
        for spin, values in sorted(field.items())
    ]
    return jnp.concatenate(means, axis=-1)


def modulus(values: jax.Array) -> jax.Array:
    """|z|, with a zero gradient at z = 0, where fields of nonzero spin are at the poles."""
    return safe_root(squared_modulus(values))


def safe_root(squared: jax.Array) -> jax.Array:
    """The square root, with a zero gradient at zero."""
    nonzero = squared > 0
    return jnp.where(nonzero, jnp.sqrt(jnp.where(nonzero, squared, 1)), 0)


def squared_modulus(values: jax.Array) -> jax.Array:
    """|z|^2."""
    if not jnp.iscomplexobj(values):
        return values**2
    return values.real**2 + values.imag**2


def _check_on_grid(values: jax.Array, grid: st.Grid, what: str) -> None:
    if values.ndim != 4 or values.shape[1:3] != grid.shape:
        raise ValueError(
            f"{what}: an array has shape {values.shape}; on {grid!r} it must be (batch, "
            f"{grid.shape[0]}, {grid.shape[1]}, channel)."
        )
