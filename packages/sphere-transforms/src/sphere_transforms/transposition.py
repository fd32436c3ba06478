"""Transposition as a step of its own.

Fused with what follows, as XLA does on CPU, a transposition reads one number of each cache line at
a time. On its own it goes block by block: two to three times as fast for a spherical transform
(docs/performance.md).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.experimental.layout import Layout, with_layout_constraint
from jax.experimental.xla_metadata import set_xla_metadata


def transpose_apart(values: jax.Array, axes: Sequence[int]) -> jax.Array:
    """jnp.transpose(values, axes), kept from being fused on CPU."""
    axes = tuple(int(axis) for axis in axes)
    return jax.lax.platform_dependent(
        values,
        cpu=functools.partial(_apart, axes=axes),
        default=functools.partial(jnp.transpose, axes=axes),
    )


def _apart(values: jax.Array, *, axes: tuple[int, ...]) -> jax.Array:
    with set_xla_metadata(inlineable="false"):
        return _transposed(values, axes=axes)


def multiply_transposed(
    functions: jax.Array, rows: jax.Array, precision: jax.lax.Precision
) -> jax.Array:
    """einsum("mxln,mxl...->mxn...", functions, rows), with the functions' last axis kept last.

    XLA's CPU products with the functions as the transposed operand take twice the time, for few
    columns eight times; and a transposition of the result is folded back into that, unless apart.
    """
    product = jnp.einsum("mxl...,mxln->mx...n", rows, functions, precision=precision)
    last = product.ndim - 1
    return transpose_apart(product, (0, 1, last, *range(2, last)))


@functools.partial(jax.jit, static_argnames="axes")
def _transposed(values: jax.Array, *, axes: tuple[int, ...]) -> jax.Array:
    # Without a layout XLA would hand out the old order as the new one's, and copy where it is used.
    result = jnp.transpose(values, axes)
    return with_layout_constraint(result, Layout(tuple(range(result.ndim))))
