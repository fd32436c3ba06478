"""Pixels without a value: NaN, infinities and healpy's UNSEEN."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from sphere_transforms.fields.coefficients import check_mapping
from sphere_transforms.fields.mappings import Array, Field

# healpy marks a pixel that was not observed by UNSEEN = -1.6375e30. No field has such values, and
# float32 holds their squares as infinities.
_LARGEST = 1e29


def fill_unseen(field: Field, value: float = 0.0) -> dict[int, jax.Array]:
    """Replaces pixels without a value: NaN, infinities and healpy's UNSEEN (-1.6375e30).

    With zeros, the result is the field times the mask of its seen pixels. Its coefficients are
    those of this product, not of the field on the whole sphere.

    Args:
      field: mapping from spin to arrays (batch, *grid.shape, channel).
      value: the new value.

    Returns:
      Mapping from the same spins to arrays of the same shape and dtype.

    Raises:
      ValueError: the argument is not a mapping.
    """
    check_mapping(field, "fill_unseen")
    return {spin: _filled(values, value) for spin, values in field.items()}


@functools.partial(jax.jit, inline=True)
def count_unseen(values: Array) -> jax.Array:
    """The number of values that are NaN, infinite or healpy's UNSEEN, an integer."""
    return jnp.sum(_unseen(values))


@functools.partial(jax.jit, inline=True)
def _filled(values: Array, value: Any) -> jax.Array:
    return jnp.where(_unseen(values), value, values)


def _unseen(values: Array) -> jax.Array:
    """Marks NaN, infinities and healpy's UNSEEN: bool, of the same shape."""
    values = jnp.asarray(values)
    components = [values.real, values.imag] if jnp.iscomplexobj(values) else [values]
    seen = [jnp.abs(component) < _LARGEST for component in components]
    return ~(seen[0] & seen[-1])
