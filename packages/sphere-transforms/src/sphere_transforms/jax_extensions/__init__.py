"""Extensions of JAX for the transforms: linear operators with a given transpose, and helpers."""

from sphere_transforms.jax_extensions.contraction import contract
from sphere_transforms.jax_extensions.double_precision import check_x64
from sphere_transforms.jax_extensions.linear_operator import LinearOperator, apply_linear
from sphere_transforms.jax_extensions.transposition import transpose_apart

__all__ = ["LinearOperator", "apply_linear", "check_x64", "contract", "transpose_apart"]
