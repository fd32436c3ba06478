"""Transposition as a step of its own.

Fused with what follows or precedes, as XLA does on CPU, a transposition visits memory in one of the
two orders throughout, and a matrix product takes its operand in the wrong one. Apart, it is quicker
where a whole array of coefficients turns around, and lets the product have its way.
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


def transpose_apart(values: jax.Array, axes: Sequence[int]) -> jax.Array:
    """jnp.transpose(values, axes), kept from being fused on CPU."""
    axes = tuple(int(axis) for axis in axes)
    return jax.lax.platform_dependent(
        values,
        cpu=_partitioned(axes),
        default=functools.partial(jnp.transpose, axes=axes),
    )


@functools.lru_cache(maxsize=256)
def _partitioned(axes: tuple[int, ...]) -> Any:
    """A rule for sharding besides: XLA's partitioner gathers what it may not look into."""

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
    # An axis of length 1 keeps XLA's CPU backend from its quick transposition.
    long = [axis for axis, length in enumerate(values.shape) if length != 1]
    rank = {axis: place for place, axis in enumerate(long)}
    short = tuple(rank[axis] for axis in axes if axis in rank)
    with set_xla_metadata(inlineable="false"):
        turned = _transposed(values.reshape([values.shape[axis] for axis in long]), axes=short)
    return turned.reshape([values.shape[axis] for axis in axes])


@functools.partial(jax.jit, static_argnames="axes")
def _transposed(values: jax.Array, *, axes: tuple[int, ...]) -> jax.Array:
    # Without a layout XLA would hand out the old order as the new one's, and copy where it is used.
    result = jnp.transpose(values, axes)
    return with_layout_constraint(result, Layout(tuple(range(result.ndim))))
