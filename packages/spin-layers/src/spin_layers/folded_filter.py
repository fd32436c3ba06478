"""A convolution's filter in the real basis, with all other linear operations folded into it.

On coefficients, a convolution is a matrix W_ell for each degree. Let x be the input's coefficients
in the real basis (`sphere_transforms.RealBasisTransform`), which are two sets, E and B. It has one
row for each order m, each of the real and imaginary component, and each example of the batch.

- Statistics: by Parseval, the power of each output channel over the batch is the diagonal of
  W^T (x^T x) W. The mean of each output channel follows from x at ell = 0. For a band-limited
  field, both equal the result of the grid's quadrature.
- Normalisation: it is a factor on the columns of W.
- Nonlinearity: it uses only the real component of spin 0, so the other columns of spin 0 are left
  out.

The power is a quadratic form, so its rounding error is relative to the input's power. If a filter
subtracts channels that agree to n digits, the output power keeps about 7 - 2n correct digits in
float32.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# By output spin: (ell, channels in, E and B out).
Filters = dict[int, jax.Array]

# By output spin: the mean of |f|^2 over sphere and batch, and for spin 0 also the mean of f.
Statistics = dict[int, tuple[jax.Array, jax.Array | None]]


@jax.named_scope("gather_rows")
def gather_rows(coefficients: Mapping[int, tuple[jax.Array, ...]]) -> jax.Array:
    """Concatenates the coefficients of all spins: E of every spin, then B where there is one.

    Args:
      coefficients: by increasing spin, (E, B) or (E,), each (ell, m, 2, batch, channel).

    Returns:
      Shape (ell, m, 2, batch, column). The columns are in the order of the rows of the filters that
      `filters_by_spin` returns.
    """
    return jnp.concatenate(
        [both[i] for i in (0, 1) for both in coefficients.values() if i < len(both)], -1
    )


@functools.partial(jax.jit, static_argnums=(1, 2))
def filters_by_spin(
    filters: jax.Array,
    inputs: tuple[tuple[int, bool], ...],
    outputs: tuple[tuple[int, int], ...],
) -> Filters:
    """Splits the filters by output spin, and drops the rows of B where an input has no B.

    Args:
      filters: (ell, 2 in, 2 out); the rows are E of all channels, then B of all channels.
      inputs: for each input spin, its number of channels and whether it has a B (a real spin 0 has
        none).
      outputs: for each output spin, the spin and its number of channels.
    """
    edges = np.cumsum([0] + [count for count, _ in inputs])
    kept = [filters[:, : edges[-1]]] + [
        filters[:, edges[-1] + start : edges[-1] + stop]
        for start, stop, (_, has_magnetic) in zip(edges[:-1], edges[1:], inputs, strict=True)
        if has_magnetic
    ]
    filters = jnp.concatenate(kept, 1)
    electric, magnetic = jnp.split(filters, 2, axis=-1)
    result, start = {}, 0
    for spin, count in outputs:
        columns = slice(start, start + count)
        both = jnp.concatenate([electric[..., columns], magnetic[..., columns]], -1)
        # There are no harmonics below degree |spin|, so these degrees must not count as power.
        present = np.arange(filters.shape[0]) >= abs(spin)
        result[spin] = both * jnp.asarray(present[:, None, None], filters.dtype)
        start += count
    return result


@functools.partial(jax.jit, static_argnums=2)
def batch_statistics(rows: jax.Array, filters: Filters, precision: Any) -> Statistics:
    """Computes second moments and means of the convolution's output, by Parseval.

    Args:
      rows: (ell, m, 2, batch, column).
      filters: by output spin.
      precision: precision of the matrix products.

    Returns:
      By output spin, the second moment, real (channel,), and the mean, complex (channel,) for spin
      0 and None for other spins.
    """
    gram = _gram(rows, precision) / (4 * math.pi * rows.shape[3])
    # Mean of each input channel: its coefficient at ell = 0 times Y00 = 1 / sqrt(4 pi).
    constant = jnp.mean(rows[0, 0, 0], axis=0) / math.sqrt(4 * math.pi)
    result: Statistics = {}
    for spin, matrix in filters.items():
        # The product is small. At lower precision, its rounding error could exceed the power of a
        # channel whose terms cancel.
        products = jnp.einsum("lij,ljo->lio", gram, matrix, precision=jax.lax.Precision.HIGHEST)
        electric, magnetic = jnp.split(jnp.sum(matrix * products, (0, 1)), 2)
        mean = None
        if spin == 0:
            means = jnp.einsum("i,io->o", constant, matrix[0], precision=precision)
            mean = jax.lax.complex(*jnp.split(means, 2))
        result[spin] = jnp.maximum(electric + magnetic, 0), mean
    return result


@functools.partial(jax.jit, static_argnums=2)
def multiply_rows(
    rows: jax.Array, filters: tuple[jax.Array, ...], precision: Any
) -> tuple[jax.Array, ...]:
    """Multiplies the rows by the filters of all output spins, in one matrix product."""
    product = jnp.einsum(
        "lmqbi,lio->lmqbo", rows, jnp.concatenate(filters, -1), precision=precision
    )
    ends = np.cumsum([matrix.shape[-1] for matrix in filters])[:-1]
    return tuple(jnp.split(product, ends, axis=-1))


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _gram(rows: jax.Array, precision: Any) -> jax.Array:
    """Computes x^T x for each degree, (ell, column, column), from (ell, m, 2, batch, column)."""
    return _inner(rows, rows, precision)


@_gram.defjvp
def _gram_jvp(precision: Any, primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    # x^T x is symmetric. Its transposed derivative is thus one product instead of two and a sum.
    half = _inner(primals[0], tangents[0], precision)
    return _gram(primals[0], precision), half + jnp.swapaxes(half, 1, 2)


def _inner(first: jax.Array, second: jax.Array, precision: Any) -> jax.Array:
    return jnp.einsum("lmqbi,lmqbj->lij", first, second, precision=precision)
