"""Transposes that XLA does not fuse on CPU.

On CPU, XLA fuses a transpose with its neighbours, so that one side is accessed with a large stride,
and a matrix product may get an operand that is not contiguous. As a separate step, the transpose of
a whole array of coefficients is faster, and the matrix product gets a contiguous operand.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.custom_partitioning import custom_partitioning
from jax.experimental.layout import Layout, with_layout_constraint
from jax.experimental.xla_metadata import set_xla_metadata
from jax.sharding import NamedSharding, PartitionSpec

from sphere_transforms.jax_extensions.exported_form import Form, unless_exported


def transpose_apart(values: jax.Array, axes: Sequence[int]) -> jax.Array:
    """jnp.transpose(values, axes), not fused with other operations on CPU.

    See `unless_exported` for its derivatives.
    """
    return unless_exported(*_forms(tuple(int(axis) for axis in axes)), values)


@functools.lru_cache(maxsize=256)
def _forms(axes: tuple[int, ...]) -> tuple[Form, Form]:
    """The transpose that is kept apart on CPU, and the plain one."""
    plain = functools.partial(jnp.transpose, axes=axes)
    apart = functools.partial(jax.lax.platform_dependent, cpu=_partitioned(axes), default=plain)
    return apart, plain


def _partitioned(axes: tuple[int, ...]) -> Any:
    """The transpose with a sharding rule; without one, XLA would gather the whole operand."""

    @custom_partitioning
    def transpose(values: jax.Array) -> jax.Array:
        return _apart(values, axes)

    def specification(operand: Any) -> list[Any]:
        spec = list(operand.sharding.spec)
        return spec + [None] * (len(axes) - len(spec))

    def infer(mesh: Any, operands: Any, result: Any) -> NamedSharding:
        spec = specification(operands[0])
        return NamedSharding(mesh, PartitionSpec(*(spec[axis] for axis in axes)))

    def partition(mesh: Any, operands: Any, result: Any) -> Any:
        sharding = NamedSharding(mesh, PartitionSpec(*specification(operands[0])))
        local = functools.partial(_apart, axes=axes)
        return mesh, local, infer(mesh, operands, result), (sharding,)

    names = [f"axis{axis}" for axis in range(len(axes))]
    transpose.def_partition(
        partition=partition,
        infer_sharding_from_operands=infer,
        sharding_rule=f"{' '.join(names)} -> {' '.join(names[axis] for axis in axes)}",
    )
    return transpose


def _apart(values: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    # Remove axes of length 1: with them, XLA's CPU backend does not use its fast transpose.
    long = [axis for axis, length in enumerate(values.shape) if length != 1]
    rank = {axis: place for place, axis in enumerate(long)}
    short = tuple(rank[axis] for axis in axes if axis in rank)
    with set_xla_metadata(inlineable="false"):
        transposed = _transposed(values.reshape([values.shape[axis] for axis in long]), axes=short)
    return transposed.reshape([values.shape[axis] for axis in axes])


@functools.partial(jax.jit, static_argnames="axes")
def _transposed(values: jax.Array, *, axes: tuple[int, ...]) -> jax.Array:
    # Without a layout constraint, XLA would only relabel the axes, and copy the data at its use.
    result = jnp.transpose(values, axes)
    return with_layout_constraint(result, Layout(tuple(range(result.ndim))))
