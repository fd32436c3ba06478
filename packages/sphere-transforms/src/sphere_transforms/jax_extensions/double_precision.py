"""A check for double precision: without x64, JAX rounds float64 to float32 silently."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np


def check_x64(dtype: Any, what: str) -> None:
    """Raises ValueError if the dtype is float64 or complex128 and JAX's x64 is off.

    Args:
      dtype: the dtype of an input, or one that the user asks for.
      what: the name of the input, for the message.
    """
    name = np.dtype(dtype).name
    if name in ("float64", "complex128") and not jax.config.read("jax_enable_x64"):
        raise ValueError(
            f"{what} has dtype {name}, but JAX's x64 is off: call "
            "jax.config.update('jax_enable_x64', True) at the start of the program, or take "
            f"{'float32' if name == 'float64' else 'complex64'}."
        )
