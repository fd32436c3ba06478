"""The types of fields and coefficients, and their conversion to single stacked arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.jax_extensions import complex_dtype

# NumPy arrays are taken wherever arrays of JAX are.
Array = jax.Array | np.ndarray
Field = Mapping[int, Array]
Coefficients = Mapping[int, Array]


def stack(field: Field) -> jax.Array:
    """Stacks the arrays of all spins, in increasing order of spin, along a new axis.

    Args:
      field: mapping from spin to arrays (batch, lat, long, channel), all of the same shape.
        Coefficients (batch, ell, m, channel) can be stacked too.

    Returns:
      Shape (batch, lat, long, spin, channel), as in the code of the paper (Esteves et al. 2020).
      Real if every array is real.

    Raises:
      ValueError: the mapping is empty, or the shapes differ.
    """
    shapes = {spin: values.shape for spin, values in field.items()}
    if len(set(shapes.values())) != 1:
        raise ValueError(
            f"stack: arrays have shapes {shapes}; one stacked array needs at least one spin and "
            "the same shape, channels included, for every spin."
        )
    arrays = [jnp.asarray(field[spin]) for spin in sorted(field)]
    if any(jnp.iscomplexobj(array) for array in arrays):
        dtype = complex_dtype(*(array.dtype for array in arrays))
        arrays = [array.astype(dtype) for array in arrays]
    return jnp.stack(arrays, axis=-2)


def unstack(array: Array, spins: Sequence[int]) -> dict[int, jax.Array]:
    """Splits a stacked array into a mapping from spin to array: the inverse of `stack`.

    Args:
      array: shape (batch, lat, long, spin, channel), with the spins in increasing order.
      spins: the spin weights, in any order.

    Returns:
      Mapping from spin to (batch, lat, long, channel).

    Raises:
      ValueError: the number of spins is not the length of the spin axis, or a spin is repeated.
    """
    ordered = sorted(set(spins))
    if array.ndim != 5 or array.shape[-2] != len(ordered) or len(ordered) != len(spins):
        raise ValueError(
            f"unstack: an array of shape {array.shape} cannot hold spins {tuple(spins)}; it needs "
            "shape (batch, lat, long, spin, channel) with one entry for each different spin."
        )
    array = jnp.asarray(array)
    return {spin: array[..., index, :] for index, spin in enumerate(ordered)}
