"""The modulus of complex fields, with a finite gradient where the field is zero."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def modulus(values: jax.Array) -> jax.Array:
    """Computes |z|, with a zero gradient at z = 0: fields of nonzero spin vanish at the poles."""
    return safe_root(squared_modulus(values))


def safe_root(squared: jax.Array) -> jax.Array:
    """Computes the square root, with a zero gradient at zero."""
    nonzero = squared > 0
    return jnp.where(nonzero, jnp.sqrt(jnp.where(nonzero, squared, 1)), 0)


def squared_modulus(values: jax.Array) -> jax.Array:
    """Computes |z|^2."""
    if not jnp.iscomplexobj(values):
        return values**2
    return values.real**2 + values.imag**2
