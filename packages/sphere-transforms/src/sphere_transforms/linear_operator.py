"""A linear map that knows its own transpose, as one JAX primitive.

JAX transposes a composition step by step, returns the right numbers in an order of its own and adds
transpositions of the data, which for a spherical transform cost as much as its products. Here a
linear map is a frozen object that computes its result from constant tables and names the map that
is its transpose: for a spherical transform that is the transform of the other direction. As a
primitive it has forward and reverse mode, derivatives of any order, batching and shard_map; under
jit it is inlined, so that XLA fuses it with what surrounds it and shards it like any other program.
"""

from __future__ import annotations

import functools
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir


class LinearOperator(Protocol):
    """A map linear in `data`. Operators are compared and hashed by what they do, as static values.

    Data may have any number of further axes at its end, which the map keeps: batching adds one.
    """

    def __hash__(self) -> int:
        """Equal operators share their compiled programs."""
        ...

    def __call__(self, tables: Any, data: jax.Array) -> jax.Array:
        """The result; `tables` is a pytree of constant arrays."""

    @property
    def transpose(self) -> LinearOperator:
        """The map M^T of the same tables, without conjugation.

        Where a map takes real data to complex results, M = A + i B, its transpose takes c to
        Re(M^T c); where it takes complex data to real results, as Re(M .), to M^T c.
        """


def apply_linear(operator: LinearOperator, tables: Any, data: jax.Array) -> jax.Array:
    """operator(tables, data), with the operator's own transpose as its derivative.

    Args:
      operator: the map.
      tables: pytree of constant arrays; no derivative is taken by them.
      data: the array that the map is linear in.

    Returns:
      The result.
    """
    leaves, structure = jax.tree.flatten(tables)
    return _bind(operator, structure, data, *leaves)


_linear_p = Primitive("spherical_linear")


def _bind(operator: LinearOperator, structure: Any, *arguments: Any) -> jax.Array:
    types = tuple(map(jax.typeof, arguments))
    program = _program(operator, structure, types, jax.config.read("jax_enable_x64"))
    return _linear_p.bind(*arguments, operator=operator, structure=structure, program=program)


@functools.lru_cache(maxsize=1024)
def _program(operator: LinearOperator, structure: Any, types: Any, x64: bool) -> Any:
    """The operator's steps: a parameter of the primitive, where JAX looks for what to compile."""
    del x64  # It is part of the key: programs are not the same with and without.

    def apply(data: jax.Array, *leaves: jax.Array) -> jax.Array:
        return operator(jax.tree.unflatten(structure, leaves), data)

    return jax.make_jaxpr(apply)(*types)


def _evaluate(*arguments: Any, program: Any, **_: Any) -> jax.Array:
    return jaxpr_as_fun(program)(*arguments)[0]


@functools.partial(jax.jit, static_argnames=("operator", "structure"))
def _compiled(*arguments: Any, operator: Any, structure: Any) -> jax.Array:
    return _bind(operator, structure, *arguments)


def _run(*arguments: Any, operator: Any, structure: Any, program: Any) -> jax.Array:
    return _compiled(*arguments, operator=operator, structure=structure)


def _jvp(primals: Any, tangents: Any, *, operator: Any, structure: Any, program: Any) -> Any:
    tangent, *table_tangents = tangents
    if any(
        type(other) is not ad.Zero and other.dtype != jax.dtypes.float0 for other in table_tangents
    ):
        raise TypeError(
            "The tables of a transform are constants: differentiate by the field or by the "
            "coefficients, and keep the transform out of the differentiated arguments."
        )
    result = _bind(operator, structure, *primals)
    if type(tangent) is ad.Zero:
        return result, ad.Zero(jax.typeof(result).to_tangent_aval())
    return result, _bind(operator, structure, tangent, *primals[1:])


def _transpose(
    cotangent: Any, data: Any, *leaves: Any, operator: Any, structure: Any, program: Any
) -> Any:
    nothing = (None,) * len(leaves)
    if type(cotangent) is ad.Zero:
        return (ad.Zero(data.aval), *nothing)
    return (_bind(operator.transpose, structure, cotangent, *leaves), *nothing)


def _batch(
    arguments: Any, axes: Any, *, operator: Any, structure: Any, program: Any
) -> tuple[jax.Array, int]:
    data, *leaves = arguments
    axis, *table_axes = axes
    if any(table_axis is not None for table_axis in table_axes):
        raise TypeError(
            "vmap over a transform's tables: give the transform to the mapped function as a "
            "constant (in_axes=None)."
        )
    result = _bind(operator, structure, jnp.moveaxis(data, axis, -1), *leaves)
    return result, result.ndim - 1


_linear_p.def_impl(_run)
_linear_p.def_abstract_eval(lambda *_, program, **__: program.out_avals[0])
ad.primitive_jvps[_linear_p] = _jvp
ad.primitive_transposes[_linear_p] = _transpose
batching.primitive_batchers[_linear_p] = _batch
mlir.register_lowering(_linear_p, mlir.lower_fun(_evaluate, multiple_results=False))
