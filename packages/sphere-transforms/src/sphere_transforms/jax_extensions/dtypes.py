"""Arrays and their dtypes: what is an array, which dtypes go together, whether JAX has float64.

The functions work under `jax_numpy_dtype_promotion="strict"`, where `jnp.result_type` refuses to
promote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

_DOUBLE = ("float64", "complex128")


def complex_dtype(*dtypes: Any) -> np.dtype:
    """The complex dtype for the given dtypes: complex128 if one is double, else complex64."""
    double = any(np.dtype(dtype).name in _DOUBLE for dtype in dtypes)
    return np.dtype(np.complex128 if double else np.complex64)


def real_dtype(*dtypes: Any) -> np.dtype:
    """The real dtype for the given dtypes: float64 if one is double, else float32."""
    double = any(np.dtype(dtype).name in _DOUBLE for dtype in dtypes)
    return np.dtype(np.float64 if double else np.float32)


def as_array(values: Any) -> Any:
    """Returns an array of JAX or NumPy as it is, and lists and numbers as an array of NumPy.

    A jitted function would take a list as one argument for each number.
    """
    return values if hasattr(values, "dtype") else np.asarray(values)


def check_array(values: Any, what: str) -> None:
    """Raises ValueError unless the argument is an array of JAX or NumPy.

    Args:
      values: an input.
      what: the name of the input, for the message.
    """
    if not hasattr(values, "dtype") or not hasattr(values, "shape"):
        advice = "pass it through numpy.asarray first"
        if isinstance(values, Mapping):
            advice = "give one array, such as coefficients[0]"
        raise ValueError(f"{what} is a {type(values).__name__}, not an array: {advice}.")


def check_x64(dtype: Any, what: str) -> None:
    """Raises ValueError if the dtype is float64 or complex128 and JAX's x64 is off.

    Args:
      dtype: the dtype of an input, or one that the user asks for.
      what: the name of the input, for the message.
    """
    name = np.dtype(dtype).name
    if name in _DOUBLE and not jax.config.read("jax_enable_x64"):
        raise ValueError(
            f"{what} has dtype {name}, but JAX's x64 is off: call "
            "jax.config.update('jax_enable_x64', True) at the start of the program, or take "
            f"{'float32' if name == 'float64' else 'complex64'}."
        )


def checked_real_dtype(dtype: Any, what: str) -> np.dtype:
    """Returns float32 or float64 as a dtype of NumPy.

    Args:
      dtype: a dtype or its name, as the user gave it.
      what: the name of the argument, for the message.

    Raises:
      ValueError: it is no dtype, another one, or float64 while JAX's x64 is off.
    """
    try:
        found = np.dtype(dtype) if isinstance(dtype, str | np.dtype | type) else None
    except TypeError:
        found = None
    if found is None or found.name not in ("float32", "float64"):
        given = repr(dtype) if found is None else found.name
        raise ValueError(f"{what} is {given}; it must be float32 or float64.")
    check_x64(found, what)
    return found
