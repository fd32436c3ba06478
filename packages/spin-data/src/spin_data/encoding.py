"""Encodes fields as bytes, for storage and transfer, and decodes them on the device.

- Real values of spin 0 in [0, 1] are stored as uint8, times 255. The rounding error is at most
  1/510.
- Complex values with components in [-1, 1] are stored as int8, times 127, with a last axis of
  (real, imaginary). They take two bytes, where complex64 takes eight. The rounding error of a
  component is at most 1/254.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spin_data.dataset import RandomAccessSource, spin_weight
from spin_data.sources.batches import read_batch

__all__ = ["decode_fields", "encode_complex", "read_fields"]


def encode_complex(values: np.ndarray) -> np.ndarray:
    """Encodes complex values as pairs of int8.

    Args:
      values: complex, of any shape, with components in [-1, 1].

    Returns:
      int8 (*values.shape, 2): real and imaginary component, times 127, rounded.

    Raises:
      ValueError: a component is outside of [-1, 1], or not finite.
    """
    components = np.stack([values.real, values.imag], -1)
    if not (np.abs(components) <= 1).all():  # written so that it also rejects nan
        raise ValueError(
            f"encode_complex: components reach {np.abs(components).max():.4g}, expected at most 1; "
            "divide by a constant first"
        )
    return np.rint(127 * components).astype(np.int8)


def decode_fields(fields: Mapping[str, Any]) -> dict[int, jax.Array]:
    """Decodes the input of a batch to a field, on the device.

    Args:
      fields: mapping from spin name to array (batch, lat, long, channel): uint8, int8 with a last
        axis of 2, or float or complex, which is not changed. The arrays may be traced.

    Returns:
      Mapping from spin weight to array (batch, lat, long, channel): float32 for uint8, complex64
      for int8.
    """
    return {spin_weight(name): _decode(values) for name, values in fields.items()}


def read_fields(
    source: RandomAccessSource, indices: np.ndarray
) -> tuple[dict[int, jax.Array], Any]:
    """Reads records and decodes their inputs.

    Args:
      source: any source.
      indices: integers (batch,) in [0, len(source)).

    Returns:
      The inputs as a field, a mapping from spin weight to array (batch, lat, long, channel), and
      the labels. Labels are int32 (batch,); labels that are fields are not decoded.
    """
    batch = read_batch(source, indices)
    return decode_fields(batch["input"]), batch["label"]


def _decode(values: Any) -> jax.Array:
    if values.dtype == jnp.uint8:
        return values.astype(jnp.float32) / 255.0
    if values.dtype == jnp.int8:
        components = values.astype(jnp.float32) / 127.0
        return jax.lax.complex(components[..., 0], components[..., 1])
    return jnp.asarray(values)
