"""A product with a constant table, whose adjoint leaves the data in the order it came in.

JAX's own transposition of an einsum returns the right numbers in an order of its own and adds a
transposition of the data, which for a spherical transform costs as much as the product itself. Here
the product is a primitive that is linear in the data and constant in the table: its adjoint is the
einsum with the data's and the result's subscripts exchanged. Being a primitive it has forward and
reverse mode, derivatives of any order and batching, and under jit XLA shards it like any product.
(Under shard_map only the forward pass works, and a mesh with Explicit axes loses the sharding.)
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir


def contract(
    subscripts: str, table: jax.Array, data: jax.Array, precision: jax.lax.Precision
) -> jax.Array:
    """einsum(subscripts, table, data), linear in real `data`; no derivative by `table`.

    Args:
      subscripts: as "mlj,mjbc->mlbc". An index of the table stands in the data or in the result;
        an index of the data alone is kept.
      table: a real constant.
      data: real, of the table's dtype.
      precision: of the matrix product.

    Returns:
      The contraction, axes in the order asked for.
    """
    return _contract_p.bind(table, data, subscripts=subscripts, precision=precision)


_contract_p = Primitive("contract_with_constant")


def _einsum(table: Any, data: Any, *, subscripts: str, precision: jax.lax.Precision) -> jax.Array:
    return jnp.einsum(subscripts, table, data, precision=precision)


def _result_shape(table: Any, data: Any, **parameters: Any) -> Any:
    shape = jax.eval_shape(lambda t, d: _einsum(t, d, **parameters), table, data)
    return jax.core.ShapedArray(shape.shape, shape.dtype)


def _adjoint_subscripts(subscripts: str) -> str:
    operands, result = subscripts.split("->")
    table, data = operands.split(",")
    return f"{table},{result}->{data}"


def _jvp(primals: Any, tangents: Any, **parameters: Any) -> Any:
    table, data = primals
    table_tangent, data_tangent = tangents
    if type(table_tangent) is not ad.Zero:
        raise TypeError(
            "The tables of a transform are constants: differentiate by the field or by the "
            "coefficients, and keep the transform out of the differentiated arguments."
        )
    result = _contract_p.bind(table, data, **parameters)
    return result, _contract_p.bind(table, data_tangent, **parameters)


def _transpose(cotangent: Any, table: Any, data: Any, *, subscripts: str, **parameters: Any) -> Any:
    if type(cotangent) is ad.Zero:
        return None, ad.Zero(data.aval)
    return None, _contract_p.bind(
        table, cotangent, subscripts=_adjoint_subscripts(subscripts), **parameters
    )


def _batch(arguments: Any, axes: Any, *, subscripts: str, **parameters: Any) -> Any:
    table, data = arguments
    table_axis, data_axis = axes
    if table_axis is not None:
        raise TypeError(
            "vmap over a transform's tables: give the transform to the mapped function as a "
            "constant (in_axes=None)."
        )
    operands, result = subscripts.split("->")
    letter = next(c for c in "zyxwvut" if c not in subscripts)
    data = jnp.moveaxis(data, data_axis, -1)
    mapped = f"{operands}{letter}->{result}{letter}"
    return _contract_p.bind(table, data, subscripts=mapped, **parameters), len(result)


_contract_p.def_impl(jax.jit(_einsum, static_argnames=("subscripts", "precision")))
_contract_p.def_abstract_eval(_result_shape)
ad.primitive_jvps[_contract_p] = _jvp
ad.primitive_transposes[_contract_p] = _transpose
batching.primitive_batchers[_contract_p] = _batch
mlir.register_lowering(_contract_p, mlir.lower_fun(_einsum, multiple_results=False))
