"""Layers that are called outside of `jit` are compiled whole, not operation by operation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from flax import nnx
from jax.extend.core import get_opaque_trace_state

_trace = functools.partial(get_opaque_trace_state, convention="spin_layers")
_OUTSIDE = _trace()
_Method = TypeVar("_Method", bound=Callable[..., Any])


def one_program(method: _Method) -> _Method:
    """Decorates a method of a module, so that a call outside of `jit` compiles one program.

    Without it, such a call compiles each operation for each shape, at 20 to 100 ms. Inside of
    `jit`, `grad` or another transformation, the method is called as it is.

    Args:
      method: takes the module, a mapping from spin to arrays, and keyword arguments that can be
        hashed, such as `train`; returns arrays, or a mapping from spin to arrays. It may update the
        module's variables. It is traced, so checks of values belong before its call.

    Returns:
      The method with the same arguments and result. A resulting mapping with the field's spins has
      their order.
    """

    @functools.cache
    def compiled(**options: Any) -> Any:
        return nnx.jit(functools.partial(method, **options))

    @functools.wraps(method)
    def call(module: nnx.Module, field: Mapping[int, Any], **options: Any) -> Any:
        if _trace() != _OUTSIDE:
            return method(module, field, **options)
        result = compiled(**options)(module, dict(field))
        if isinstance(result, dict) and result.keys() == field.keys():
            return {spin: result[spin] for spin in field}  # JAX sorts the keys
        return result

    return cast(_Method, call)
