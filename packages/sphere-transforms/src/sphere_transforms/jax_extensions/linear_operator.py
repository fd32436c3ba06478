"""A JAX primitive for linear maps that define their own transpose.

JAX transposes a function step by step. For a spherical transform the result is correct, but
contains additional transposes of the data, which cost as much as the matrix products. Here a linear
map is a frozen object. It computes its result from constant tables, and its property `transpose` is
the transposed map; for a spherical transform that is the transform in the other direction.

The primitive supports forward and reverse mode, derivatives of any order, batching and shard_map.
Under jit it is inlined, so XLA can fuse it with the surrounding operations and shard it.
"""

from __future__ import annotations

import functools
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir


class LinearOperator(Protocol):
    """A map that is linear in `data`.

    Operators are static values: two operators that compute the same must be equal and have equal
    hashes. The data may have additional axes at the end, which the map keeps; vmap adds one.
    """

    def __hash__(self) -> int:
        """Must agree with equality: equal operators share their compiled programs."""
        ...

    def __call__(self, tables: Any, data: jax.Array) -> jax.Array:
        """Returns the result. `tables` is a pytree of constant arrays."""

    @property
    def transpose(self) -> LinearOperator:
        """The transposed map M^T (without conjugation), for the same tables.

        - Real data, complex results, x -> M x: the transpose maps c to Re(M^T c).
        - Complex data, real results, x -> Re(M x): the transpose maps c to M^T c.
        """


def apply_linear(operator: LinearOperator, tables: Any, data: jax.Array) -> jax.Array:
    """Computes operator(tables, data), differentiable by means of `operator.transpose`.

    Args:
      operator: the linear map.
      tables: pytree of constant arrays. Derivatives with respect to them are supported if the
        operator has the method `derivative_by_tables(tables, tangents, data)`. It gets the tangents
        of the leaves, None where they are zero, and returns the change of the result.
      data: the array in which the map is linear.

    Returns:
      The result of the map.
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
    """Returns the jaxpr of the operator, which is a parameter of the primitive."""
    del x64  # It is part of the cache key, because the jaxpr depends on it.

    def apply(data: jax.Array, *leaves: jax.Array) -> jax.Array:
        return operator(jax.tree.unflatten(structure, leaves), data)

    return jax.make_jaxpr(apply)(*types)


def _evaluate(*arguments: Any, program: Any, **_: Any) -> jax.Array:
    return jaxpr_as_fun(program)(*arguments)[0]


@functools.partial(jax.jit, static_argnames=("operator", "structure"))
def _compiled(*arguments: Any, operator: Any, structure: Any) -> jax.Array:
    return _bind(operator, structure, *arguments)


def _run(*arguments: Any, operator: Any, structure: Any, program: Any) -> jax.Array:
    if jax.config.jax_disable_jit:  # type: ignore[attr-defined]
        return _evaluate(*arguments, program=program)
    return _compiled(*arguments, operator=operator, structure=structure)


def _jvp(primals: Any, tangents: Any, *, operator: Any, structure: Any, program: Any) -> Any:
    tangent, *rest = tangents
    table_tangents = [
        None if type(other) is ad.Zero or other.dtype == jax.dtypes.float0 else other
        for other in rest
    ]
    of_tables = None
    if any(other is not None for other in table_tangents):
        if hasattr(operator, "derivative_by_tables"):
            of_tables = operator.derivative_by_tables(
                jax.tree.unflatten(structure, primals[1:]), table_tangents, primals[0]
            )
        else:
            _refuse_derivative_by_tables()
    result = _bind(operator, structure, *primals)
    if type(tangent) is ad.Zero:
        if of_tables is not None:
            return result, of_tables
        return result, ad.Zero(jax.typeof(result).to_tangent_aval())
    change = _bind(operator, structure, tangent, *primals[1:])
    return result, change if of_tables is None else change + of_tables


def _refuse_derivative_by_tables() -> None:
    raise TypeError(
        "The tables of a transform are constants: differentiate with respect to the field or the "
        "coefficients, and keep the transform out of the differentiated arguments."
    )


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
        return _batch_tables(arguments, axes, operator, structure)
    result = _bind(operator, structure, jnp.moveaxis(data, axis, -1), *leaves)
    return result, result.ndim - 1


def _batch_tables(
    arguments: Any, axes: Any, operator: Any, structure: Any
) -> tuple[jax.Array, int]:
    """Applies the operator one by one to a batch of tables.

    `vmap` batches tables where it turns a `lax.cond` around a transform into a select.
    """
    batched = [
        jnp.moveaxis(argument, axis, 0)
        for argument, axis in zip(arguments, axes, strict=True)
        if axis is not None
    ]

    def one(parts: list[jax.Array]) -> jax.Array:
        rest = iter(parts)
        return _bind(
            operator,
            structure,
            *(
                argument if axis is None else next(rest)
                for argument, axis in zip(arguments, axes, strict=True)
            ),
        )

    return jax.lax.map(one, batched), 0


_linear_p.def_impl(_run)
_linear_p.def_abstract_eval(lambda *_, program, **__: program.out_avals[0])
ad.primitive_jvps[_linear_p] = _jvp
ad.primitive_transposes[_linear_p] = _transpose
batching.primitive_batchers[_linear_p] = _batch
mlir.register_lowering(_linear_p, mlir.lower_fun(_evaluate, multiple_results=False))
