"""Extensions of JAX for the transforms: linear operators with a given transpose, and helpers."""

from sphere_transforms.jax_extensions.contraction import contract
from sphere_transforms.jax_extensions.dtypes import (
    as_array,
    check_array,
    check_x64,
    checked_real_dtype,
    complex_dtype,
    real_dtype,
)
from sphere_transforms.jax_extensions.exported_form import Form, unless_exported
from sphere_transforms.jax_extensions.linear_operator import LinearOperator, apply_linear
from sphere_transforms.jax_extensions.transposition import transpose_apart

__all__ = [
    "Form",
    "LinearOperator",
    "apply_linear",
    "as_array",
    "check_array",
    "check_x64",
    "checked_real_dtype",
    "complex_dtype",
    "contract",
    "real_dtype",
    "transpose_apart",
    "unless_exported",
]
