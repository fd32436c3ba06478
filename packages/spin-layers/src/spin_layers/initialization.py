"""Random initial values that do not cost a compilation for every shape."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

_BLOCK = 4096


def complex_normal(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Independent complex normals with E|z|^2 = 1.

    `jax.random.normal` compiles anew for each shape, which takes longer than everything else in a
    network's initialisation together; here blocks of one size are drawn and cut.

    Args:
      key: a JAX random key.
      shape: of the result.
      dtype: complex64 or complex128.

    Returns:
      An array of the shape and dtype.
    """
    size = math.prod(shape)
    blocks = [_block(key, index, jnp.dtype(dtype).name) for index in range(-(-size // _BLOCK))]
    return jnp.concatenate(blocks)[:size].reshape(shape)


@functools.partial(jax.jit, static_argnums=2)
def _block(key: jax.Array, index: int, dtype: str) -> jax.Array:
    return jax.random.normal(jax.random.fold_in(key, index), (_BLOCK,), jnp.dtype(dtype))
