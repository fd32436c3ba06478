"""Fields as bytes, for storage and the way to the device, and back to numbers on it.

Real values of spin 0 in [0, 1] are held as uint8, times 255. Complex values whose parts lie in [-1,
1] are held as int8, times 127, with a last axis of (real, imaginary): two bytes where complex64
takes eight. Rounding is at most half a step: 1/510 of a real value, 1/254 of a part of a complex
one.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spin_data.dataset import spin_weight

__all__ = ["decode_fields", "encode_complex"]


def encode_complex(values: np.ndarray) -> np.ndarray:
    """Complex values as pairs of int8.

    Args:
        values: complex, of any shape, parts in [-1, 1].

    Returns:
        int8 (*values.shape, 2): real and imaginary part, times 127, rounded.

    Raises:
        ValueError: a part is beyond [-1, 1], or not finite.
    """
    parts = np.stack([values.real, values.imag], -1)
    if not (np.abs(parts) <= 1).all():  # so that nan is refused, too
        raise ValueError(
            f"encode_complex: parts reach {np.abs(parts).max():.4g}, expected at most 1; divide by "
            "a constant first"
        )
    return np.rint(127 * parts).astype(np.int8)


def decode_fields(fields: Mapping[str, Any]) -> dict[int, jax.Array]:
    """A batch's input as a field, on the device.

    Args:
        fields: spin name to array (batch, lat, long, channel): uint8, int8 with a last axis of 2,
            or float or complex values, which stay as they are. May be traced.

    Returns:
        Spin weight to array (batch, lat, long, channel): float32 for uint8, complex64 for int8.
    """
    return {spin_weight(name): _decode(values) for name, values in fields.items()}


def _decode(values: Any) -> jax.Array:
    if values.dtype == jnp.uint8:
        return values.astype(jnp.float32) / 255.0
    if values.dtype == jnp.int8:
        parts = values.astype(jnp.float32) / 127.0
        return jax.lax.complex(parts[..., 0], parts[..., 1])
    return jnp.asarray(values)
