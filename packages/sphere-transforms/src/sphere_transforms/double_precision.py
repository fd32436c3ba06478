"""Double precision is JAX's to allow: without x64 it would be rounded away in silence."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np


def check_x64(dtype: Any, what: str) -> None:
    """Raises ValueError for float64 or complex128 while JAX's x64 is off.

    Args:
      dtype: of an input, or asked for.
      what: its name, for the message.
    """
    name = np.dtype(dtype).name
    if name in ("float64", "complex128") and not jax.config.read("jax_enable_x64"):
        raise ValueError(
            f"{what} has dtype {name}, but JAX's x64 is off: call "
            "jax.config.update('jax_enable_x64', True) at the start of the program, or take "
            f"{'float32' if name == 'float64' else 'complex64'}."
        )
