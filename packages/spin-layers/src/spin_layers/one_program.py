"""Layers that are called outside of `jit` are compiled whole, not operation by operation."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import jax
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
      their order. A call that updates nothing does not touch the module, so that threads may share
      it.
    """

    @functools.wraps(method)
    def call(module: nnx.Module, field: Mapping[int, Any], **options: Any) -> Any:
        if _trace() != _OUTSIDE:
            return method(module, field, **options)
        graphdef, state = nnx.split(module)
        called = _Called(method, tuple(options.items()), graphdef)
        result, updates = _run(called, state, dict(field))
        if updates:
            leaves, structure = jax.tree.flatten(state)
            leaves = [updates.get(number, leaf) for number, leaf in enumerate(leaves)]
            nnx.update(module, jax.tree.unflatten(structure, leaves))
        if isinstance(result, dict) and result.keys() == field.keys():
            return {spin: result[spin] for spin in field}  # JAX sorts the keys
        return result

    return cast(_Method, call)


@dataclasses.dataclass(frozen=True)
class _Called:
    """What is called, with all that is static. Graph definitions are compared, but have no hash."""

    method: Callable[..., Any]
    options: tuple[tuple[str, Any], ...]
    graphdef: nnx.GraphDef[Any]

    def __hash__(self) -> int:
        return hash((self.method, self.options))


@functools.partial(jax.jit, static_argnums=0)
def _run(called: _Called, state: Any, field: dict[int, Any]) -> tuple[Any, dict[int, jax.Array]]:
    """Returns the method's result, and the arrays of the state that it updated, by number."""
    before = jax.tree.leaves(state)  # first, because the module shares its variables
    module = nnx.merge(called.graphdef, state)
    result = called.method(module, field, **dict(called.options))
    after = jax.tree.leaves(nnx.split(module)[1])
    pairs = enumerate(zip(before, after, strict=True))
    return result, {number: new for number, (old, new) in pairs if new is not old}
