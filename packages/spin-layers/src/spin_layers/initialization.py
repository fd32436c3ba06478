"""Initial values of parameters, without a compilation for every shape.

`jax.random.normal` compiles once for each shape. These compilations take longer than the rest of a
network's initialisation. The functions here therefore draw blocks of one size, cut them and scale
them. `jnp.asarray` of a NumPy array also compiles for each shape (10 ms in jax 0.10), and
`jax.device_put` does not.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_BLOCK = 4096
# Standard deviation of a standard normal truncated to [-2, 2].
_TRUNCATED_DEVIATION = 0.87962566103423978


def complex_normal(
    key: jax.Array, shape: tuple[int, ...], dtype: Any, scale: float = 1.0
) -> jax.Array:
    """Draws independent complex normal values with E|z|^2 = scale^2.

    Args:
      key: JAX random key.
      shape: shape of the result.
      dtype: complex64 or complex128.
      scale: root mean square of the modulus.

    Returns:
      An array of the given shape and dtype.
    """
    return _from_blocks(_normal_block, key, shape, dtype, scale)


def lecun_normal(key: jax.Array, shape: tuple[int, ...], dtype: Any, **_: Any) -> jax.Array:
    """Draws normal values truncated at two standard deviations, of variance 1 / fan in.

    This is Flax's default for the kernels of dense and convolution layers.

    Args:
      key: JAX random key.
      shape: shape of a kernel, output size last. The fan in is the product of the other sizes.
      dtype: float32 or float64.

    Returns:
      An array of the given shape and dtype.
    """
    scale = 1 / (math.sqrt(math.prod(shape[:-1])) * _TRUNCATED_DEVIATION)
    return _from_blocks(_truncated_block, key, shape, dtype, scale)


def filled(value: float, shape: int | tuple[int, ...], dtype: Any) -> jax.Array:
    """Makes an array of one value in NumPy and puts it on the device, without a compilation."""
    # A view of one value: where only shapes are computed, no memory of the array's size is taken.
    return jax.device_put(np.broadcast_to(np.asarray(value, dtype), shape))


def _from_blocks(
    draw: Any, key: jax.Array, shape: tuple[int, ...], dtype: Any, scale: float
) -> jax.Array:
    name, size = jnp.dtype(dtype).name, math.prod(shape)
    count = -(-size // _BLOCK)
    if isinstance(key, jax.core.Tracer):
        # Under a trace there are no values yet, so JAX has to cut. One operation draws all blocks:
        # a trace that only computes shapes then costs the same for any size.
        blocks = jax.vmap(lambda index: draw(key, index, name))(jnp.arange(count))
        values = blocks.reshape(-1)[:size].reshape(shape)
        return values * jnp.asarray(scale, values.real.dtype)
    with jax.ensure_compile_time_eval():  # a key that a compiled function closes over
        drawn = np.concatenate([draw(key, index, name) for index in range(count)])
    values = drawn[:size].reshape(shape)  # NumPy cuts without compiling
    return jax.device_put(values * np.asarray(scale, values.real.dtype))


@functools.partial(jax.jit, static_argnums=2)
def _normal_block(key: jax.Array, index: int, dtype: str) -> jax.Array:
    return jax.random.normal(jax.random.fold_in(key, index), (_BLOCK,), jnp.dtype(dtype))


@functools.partial(jax.jit, static_argnums=2)
def _truncated_block(key: jax.Array, index: int, dtype: str) -> jax.Array:
    folded = jax.random.fold_in(key, index)
    return jax.random.truncated_normal(folded, -2, 2, (_BLOCK,), jnp.dtype(dtype))
