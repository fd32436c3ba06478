"""Arithmetic of real and complex arrays that `jax_numpy_dtype_promotion="strict"` accepts.

JAX's own operators refuse there to combine a complex and a real array. The results are those of the
operators under JAX's standard promotion.
"""

from __future__ import annotations

import jax
import numpy as np


def product(first: jax.Array, second: jax.Array) -> jax.Array:
    """Returns first * second, in the smallest dtype that holds both."""
    dtype = np.result_type(first.dtype, second.dtype)
    return first.astype(dtype) * second.astype(dtype)


def difference(first: jax.Array, second: jax.Array) -> jax.Array:
    """Returns first - second, in the smallest dtype that holds both."""
    dtype = np.result_type(first.dtype, second.dtype)
    return first.astype(dtype) - second.astype(dtype)


def total(first: jax.Array, second: jax.Array) -> jax.Array:
    """Returns first + second, in the smallest dtype that holds both."""
    dtype = np.result_type(first.dtype, second.dtype)
    return first.astype(dtype) + second.astype(dtype)
