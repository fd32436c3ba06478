"""Fields between the blocks of a network: parts held apart, longitude first.

Public fields are mappings from spin to (batch, lat, long, channel). Packed, each spin has a tuple
of real arrays (long, lat, batch, channel), real part and imaginary part, or the real part alone:
the layout of `sphere_transforms.real_basis`, in which transforms need no transposition of them and
pointwise operations run over contiguous memory.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

import sphere_transforms as st
from spin_layers.pooling import safe_root

PackedField = dict[int, tuple[jax.Array, ...]]


@jax.jit
def pack(field: Mapping[int, jax.Array]) -> PackedField:
    """From a public field; spin 0 stays real where it is."""
    packed: PackedField = {}
    for spin, values in sorted(field.items()):
        turned = jnp.transpose(values, (2, 1, 0, 3))
        if spin == 0 and not jnp.iscomplexobj(values):
            packed[spin] = (turned,)
        else:
            packed[spin] = (jnp.real(turned), jnp.imag(turned))
    return packed


@jax.jit
def unpack(packed: PackedField) -> dict[int, jax.Array]:
    """To a public field, the inverse of `pack`."""

    def turned(part: jax.Array) -> jax.Array:
        return jnp.transpose(part, (2, 1, 0, 3))

    return {
        spin: jax.lax.complex(*map(turned, parts)) if len(parts) == 2 else turned(parts[0])
        for spin, parts in packed.items()
    }


@functools.partial(jax.jit, static_argnums=(1, 2))
def weighted_pool_packed(
    packed: PackedField, grid: st.EquiangularGrid, coarse: st.EquiangularGrid
) -> PackedField:
    """`spin_layers.weighted_pool`, packed."""
    ratio = grid.cell_areas.reshape(-1, 2) / coarse.cell_areas[:, None]

    def pool(part: jax.Array) -> jax.Array:
        _, _, batch, channels = part.shape
        cells = part.reshape(coarse.shape[1], 2, coarse.shape[0], 2, batch, channels)
        # Sums over axes of length two are written out: XLA's reductions take ten times longer.
        pairs = cells[:, 0] + cells[:, 1]
        weights = jnp.asarray(ratio, part.dtype)[None, :, :, None, None]
        return pairs[:, :, 0] * weights[:, :, 0] + pairs[:, :, 1] * weights[:, :, 1]

    return {spin: tuple(pool(part) for part in parts) for spin, parts in packed.items()}


@functools.partial(jax.jit, static_argnums=1)
def global_pool_packed(packed: PackedField, grid: st.Grid) -> jax.Array:
    """`spin_layers.global_pool`, packed, for a real spin 0."""
    means = []
    for spin, parts in sorted(packed.items()):
        if spin == 0 and len(parts) == 2:
            raise ValueError("global_pool_packed: spin 0 is complex; take its real part first.")
        size = parts[0] if len(parts) == 1 else safe_root(parts[0] ** 2 + parts[1] ** 2)
        weights = jnp.asarray(grid.quadrature_weights / (4 * np.pi), size.dtype)
        means.append(jnp.sum(size * weights[None, :, None, None], axis=(0, 1)))
    return jnp.concatenate(means, axis=-1)
