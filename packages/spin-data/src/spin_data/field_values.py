"""The values that arrays of fields may have."""

import numpy as np

__all__ = ["as_field_dtype", "problem_of_dtype", "problem_of_values"]

_LARGEST = float(np.finfo(np.float32).max)
_DTYPES = tuple(map(np.dtype, (np.float32, np.float64, np.complex64, np.complex128)))


def as_field_dtype(array: np.ndarray) -> np.ndarray:
    """Converts an array to a dtype that JAX knows, if that loses nothing.

    float16 becomes float32, and values in another byte order get the machine's. All other arrays
    are returned unchanged.
    """
    if array.dtype == np.float16:
        return array.astype(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def problem_of_dtype(array: np.ndarray) -> str:
    """Returns why an array of real or complex numbers cannot be a field; "" if it can.

    Arrays of other kinds, such as integers, have no problem here.
    """
    if array.dtype.kind not in "fc" or (array.dtype in _DTYPES and array.dtype.isnative):
        return ""
    names = ", ".join(map(str, _DTYPES))
    return f"dtype {array.dtype}, expected one of {names}; convert it first"


def problem_of_values(array: np.ndarray) -> str:
    """Returns why an array's values cannot be a field; "" if they can.

    Models compute in single precision, in which larger values are infinite.
    """
    if array.dtype.kind not in "fc":
        return ""
    if not np.isfinite(array).all():
        return "values that are not finite"
    if array.dtype.itemsize <= np.dtype(np.float32).itemsize * (1 + (array.dtype.kind == "c")):
        return ""
    # The parts one by one, because the modulus of large ones overflows.
    largest = max(float(np.abs(part).max(initial=0)) for part in (array.real, array.imag))
    if largest <= _LARGEST:
        return ""
    return f"values up to {largest:.3g}, beyond single precision ({_LARGEST:.3g})"
