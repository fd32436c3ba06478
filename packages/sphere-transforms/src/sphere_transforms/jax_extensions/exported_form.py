"""Two forms of one computation: a fast one, and a portable one for exported programs.

`jax.export` accepts only operations that later versions of XLA will still know. Layout constraints
and custom partitioning are not among them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir

Form = Callable[[jax.Array], jax.Array]


def unless_exported(fast: Form, portable: Form, values: jax.Array) -> jax.Array:
    """Computes fast(values), and portable(values) in a program that is exported.

    Its derivative and its batched form use the portable function. In linear operators
    (`apply_linear`), which have rules of their own, neither occurs.

    Args:
      fast: a linear function of one array.
      portable: a function that computes the same.
      values: the argument.
    """
    aval = jax.typeof(values)
    # As jaxprs, because JAX looks into them: custom partitioning must know the devices.
    forms = jax.make_jaxpr(fast)(aval), jax.make_jaxpr(portable)(aval)
    result: jax.Array = _forms_p.bind(values, fast=forms[0], portable=forms[1])
    return result


_forms_p = Primitive("unless_exported")


def _evaluate(values: jax.Array, *, fast: Any, portable: Any) -> jax.Array:
    (result,) = jaxpr_as_fun(portable)(values)
    return result


def _lower(context: Any, values: Any, *, fast: Any, portable: Any) -> Any:
    exported = context.module_context.lowering_parameters.for_export
    form = jaxpr_as_fun(portable if exported else fast)
    return mlir.lower_fun(form, multiple_results=True)(context, values)


def _transpose(cotangent: Any, values: Any, *, fast: Any, portable: Any) -> Any:
    if type(cotangent) is ad.Zero:
        return [ad.Zero(values.aval)]
    transposed = jax.linear_transpose(jaxpr_as_fun(portable), values.aval)
    return list(transposed([cotangent]))


def _batch(arguments: Any, axes: Any, *, fast: Any, portable: Any) -> tuple[Any, int]:
    (result,) = jax.vmap(jaxpr_as_fun(portable), axes)(*arguments)
    return result, 0


_forms_p.def_impl(_evaluate)
_forms_p.def_abstract_eval(lambda _, *, fast, portable: portable.out_avals[0])
ad.deflinear2(_forms_p, _transpose)
batching.primitive_batchers[_forms_p] = _batch
mlir.register_lowering(_forms_p, _lower)
