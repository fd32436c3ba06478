"""Arithmetic of real and complex arrays that `jax_numpy_dtype_promotion="strict"` accepts.

JAX's own operators refuse there to combine a complex and a real array. The results are those of the
operators under JAX's standard promotion.
"""

from __future__ import annotations

import jax
import numpy as np


def product(first: jax.Array, second: jax.Array) -> jax.Array:
    """Returns first * second, in the smallest dtype that holds both."""
    first, second = _alike(first, second)
    return first * second


def difference(first: jax.Array, second: jax.Array) -> jax.Array:
    """Returns first - second, in the smallest dtype that holds both."""
    first, second = _alike(first, second)
    return first - second


def total(first: jax.Array, second: jax.Array) -> jax.Array:
    """Returns first + second, in the smallest dtype that holds both."""
    first, second = _alike(first, second)
    return first + second


def _alike(first: jax.Array, second: jax.Array) -> tuple[jax.Array, jax.Array]:
    dtype = np.result_type(first.dtype, second.dtype)
    return first.astype(dtype), second.astype(dtype)
