"""The modulus of complex fields, with a finite gradient where the field is zero."""

from __future__ import annotations

import jax
import jax.numpy as jnp

# Squares up to 2^120 are finite in float32. Scaled by 2^-70, any float32 value has a finite square.
_HUGE, _SCALE = 2.0**60, 2.0**70


def modulus(values: jax.Array) -> jax.Array:
    """Computes |z|, with a zero gradient at z = 0: fields of nonzero spin vanish at the poles."""
    if not jnp.iscomplexobj(values):
        return safe_root(values**2)
    return modulus_of(values.real, values.imag)


def modulus_of(real: jax.Array, imag: jax.Array) -> jax.Array:
    """Computes |z| from its components, with a zero gradient at zero.

    Values whose square would overflow are scaled first. The scale is a power of two, so other
    values are computed to the last bit as without it.
    """
    is_huge = jnp.maximum(jnp.abs(real), jnp.abs(imag)) > _HUGE
    down, up = jnp.where(is_huge, 1 / _SCALE, 1.0), jnp.where(is_huge, _SCALE, 1.0)
    down, up = down.astype(real.dtype), up.astype(real.dtype)
    return safe_root((real * down) ** 2 + (imag * down) ** 2) * up


def safe_root(squared: jax.Array) -> jax.Array:
    """Computes the square root, with a zero gradient at zero."""
    nonzero = squared > 0
    return jnp.where(nonzero, jnp.sqrt(jnp.where(nonzero, squared, 1)), 0)


def squared_modulus(values: jax.Array) -> jax.Array:
    """Computes |z|^2."""
    if not jnp.iscomplexobj(values):
        return values**2
    return values.real**2 + values.imag**2
