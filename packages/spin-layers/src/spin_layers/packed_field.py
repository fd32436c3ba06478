"""The layout of fields between the blocks of a network: real arrays, longitude first.

A public field is a mapping from spin to an array (batch, lat, long, channel). A packed field maps
each spin to a tuple of real arrays (long, lat, batch, channel): the real and the imaginary
component, or only the real component if the field is real. `sphere_transforms.RealBasisTransform`
uses this layout, so its transforms need no transposition. Pointwise operations run over contiguous
memory.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

PackedField = dict[int, tuple[jax.Array, ...]]


@jax.jit
def pack(field: Mapping[int, jax.Array]) -> PackedField:
    """Packs a public field; a real spin 0 stays real."""
    packed: PackedField = {}
    for spin, values in sorted(field.items()):
        transposed = jnp.transpose(values, (2, 1, 0, 3))
        if spin == 0 and not jnp.iscomplexobj(values):
            packed[spin] = (transposed,)
        else:
            packed[spin] = (jnp.real(transposed), jnp.imag(transposed))
    return packed


@jax.jit
def unpack(packed: PackedField) -> dict[int, jax.Array]:
    """Converts a packed field to a public one; the inverse of `pack`."""

    def transposed(component: jax.Array) -> jax.Array:
        return jnp.transpose(component, (2, 1, 0, 3))

    result = {}
    for spin, components in packed.items():
        real, *imag = map(transposed, components)
        result[spin] = jax.lax.complex(real, imag[0]) if imag else real
    return result
