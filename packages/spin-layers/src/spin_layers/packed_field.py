"""The layout of fields between the blocks of a network: real arrays, longitude first.

A public field is a mapping from spin to an array (batch, lat, long, channel). A packed field maps
each spin to a tuple of real arrays (long, lat, batch, channel): the real and the imaginary
component, or only the real component if the field is real. `sphere_transforms.RealBasisTransform`
uses this layout, so its transforms need no transposition. Pointwise operations run over contiguous
memory. On HEALPix a public field is (batch, pixel, channel), a packed one (1, pixel, batch,
channel): one longitude, and each pixel a latitude.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp

import sphere_transforms as st

PackedField = dict[int, tuple[jax.Array, ...]]


@jax.jit
def pack(field: Mapping[int, jax.Array]) -> PackedField:
    """Packs a public field; a real spin 0 stays real."""
    packed: PackedField = {}
    for spin, values in sorted(field.items()):
        on_rings = values[:, :, None] if values.ndim == 3 else values
        transposed = jnp.transpose(on_rings, (2, 1, 0, 3))
        if spin == 0 and not jnp.iscomplexobj(values):
            packed[spin] = (transposed,)
        else:
            packed[spin] = (jnp.real(transposed), jnp.imag(transposed))
    return packed


@functools.partial(jax.jit, static_argnums=1)
def unpack(packed: PackedField, grid: st.Grid | None = None) -> dict[int, jax.Array]:
    """Converts a packed field to a public one; the inverse of `pack`.

    Args:
      packed: a packed field.
      grid: its grid, which HEALPix needs; None for grids of latitudes and longitudes.
    """
    has_pixels = grid is not None and len(grid.shape) == 1

    def transposed(component: jax.Array) -> jax.Array:
        public = jnp.transpose(component, (2, 1, 0, 3))
        return public[:, :, 0] if has_pixels else public

    result = {}
    for spin, components in packed.items():
        real, *imag = map(transposed, components)
        result[spin] = jax.lax.complex(real, imag[0]) if imag else real
    return result
