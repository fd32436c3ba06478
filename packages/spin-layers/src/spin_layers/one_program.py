"""Layers that are called outside of `jit` are compiled whole, not operation by operation."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar, cast

import jax
from flax import nnx
from jax.extend.core import get_opaque_trace_state

_Method = TypeVar("_Method", bound=Callable[..., Any])


def one_program(method: _Method) -> _Method:
    """Decorates a method of a module, so that a call outside of `jit` compiles one program.

    Without it, such a call compiles each operation for each shape, at 20 to 100 ms. Inside of
    `jit`, `grad` or another transformation, the method is called as it is.

    The method is traced, as inside of `nnx.jit`. It sees no values, it runs in Python once for each
    shape, and what it prints is printed then. Checks of values belong before its call.

    Args:
      method: takes the module, a mapping from spin to arrays, and keyword arguments such as
        `train`; returns arrays, or a mapping from spin to arrays. It may change the module: the
        values of its variables, and also what it consists of, as `sow` does. Keyword arguments that
        cannot be hashed, such as arrays, are used operation by operation.

    Returns:
      The method with the same arguments and result. A resulting mapping with the field's spins has
      their order. A call that updates nothing does not touch the module, so that threads may share
      it.
    """

    @functools.wraps(method)
    def call(module: nnx.Module, field: Mapping[int, Any], **options: Any) -> Any:
        if _trace() != _OUTSIDE or not _can_be_hashed(options):
            return method(module, field, **options)
        static = tuple(options.items())
        try:
            result = _run_and_update(method, static, module, dict(field))
        except _StructureError:
            # Flax brings back what the module consists of, at the price of all its variables.
            result = _run_by_flax(module, dict(field), method, static)
        if isinstance(result, dict) and result.keys() == field.keys():
            return {spin: result[spin] for spin in field}  # JAX sorts the keys
        return result

    return cast(_Method, call)


class _StructureError(Exception):
    """A method changes what its module consists of, or a value that is not an array."""


# Methods that do so, with the module's type: tracing them to find out takes time.
_CHANGING: set[tuple[Callable[..., Any], type]] = set()


@dataclasses.dataclass(frozen=True)
class _Called:
    """What is called, with all that is static. Graph definitions are compared, but have no hash."""

    method: Callable[..., Any]
    options: tuple[tuple[str, Any], ...]
    graphdef: nnx.GraphDef[Any]
    structure: jax.tree_util.PyTreeDef

    def __hash__(self) -> int:
        return hash((self.method, self.options, self.structure))


def _run_and_update(
    method: Callable[..., Any],
    options: tuple[tuple[str, Any], ...],
    module: nnx.Module,
    field: dict[int, Any],
) -> Any:
    """Returns the method's result, and gives the module the arrays that the method updated.

    Raises:
      _StructureError: the method changes more than arrays. The module is as it was.
    """
    if (method, type(module)) in _CHANGING:
        raise _StructureError
    graphdef, state = nnx.split(module)
    leaves, structure = _flatten(state)
    try:
        result, updates = _run(_Called(method, options, graphdef, structure), leaves, field)
    except _StructureError:
        _CHANGING.add((method, type(module)))
        raise
    if updates:
        leaves = [updates.get(number, leaf) for number, leaf in enumerate(leaves)]
        nnx.update(module, jax.tree.unflatten(structure, leaves))
    return result


@functools.partial(jax.jit, static_argnums=0)
def _run(
    called: _Called, before: list[Any], field: dict[int, Any]
) -> tuple[Any, dict[int, jax.Array]]:
    """Returns the method's result, and the arrays of the state that it updated, by number."""
    module = nnx.merge(called.graphdef, jax.tree.unflatten(called.structure, before))
    result = called.method(module, field, **dict(called.options))
    graphdef, state = nnx.split(module)
    after, structure = _flatten(state)
    if (graphdef, structure) != (called.graphdef, called.structure):
        raise _StructureError
    pairs = enumerate(zip(before, after, strict=True))
    return result, {number: new for number, (old, new) in pairs if new is not old}


def _flatten(state: Any) -> tuple[list[Any], jax.tree_util.PyTreeDef]:
    try:
        return jax.tree.flatten(state)
    except ValueError as error:
        # A list of layers with an attribute, as `nnx.capture` gives it: JAX cannot sort its keys.
        raise _StructureError from error


def _method_of(
    module: nnx.Module,
    field: dict[int, Any],
    method: Callable[..., Any],
    options: tuple[tuple[str, Any], ...],
) -> Any:
    return method(module, field, **dict(options))


_run_by_flax = nnx.jit(_method_of, static_argnums=(2, 3))


def _can_be_hashed(options: dict[str, Any]) -> bool:
    return all(isinstance(value, Hashable) for value in options.values())


_trace = functools.partial(get_opaque_trace_state, convention="spin_layers")


def _trace_of_a_new_thread() -> Any:
    # Traces belong to threads. This module may be imported inside of one, by a model that is made
    # inside of `jit`.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(_trace).result()


_OUTSIDE = _trace_of_a_new_thread()
