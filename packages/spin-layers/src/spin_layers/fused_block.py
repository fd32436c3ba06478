"""The function of a `SpinBlock`, computed with fewer operations and less memory traffic.

Everything between two nonlinearities is linear, so all of it is folded into the filter. On
coefficients the convolution is a matrix W_ell for each degree; with x the input's coefficients in
the real basis (`sphere_transforms.real_basis`), one row for each order and sample of the batch,

- the batch's power of each output channel is, by Parseval, the diagonal of W^T (x^T x) W, and its
  mean is in x at ell = 0: both from x, exactly what the quadrature gives for a band-limited field;
- the normalisation is a factor on the columns of W;
- of spin 0, of which the nonlinearity keeps the real part alone, only the columns of that are left.

So the field is analysed, multiplied once, and synthesised. The composition of layers in `SpinBlock`
is the definition; a test holds both equal.

The power is a quadratic form, whose rounding is relative to the input's power: where a filter
cancels channels that are alike to n digits, float32 keeps 7 - 2 n of those of the output's power.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from spin_layers.packed import PackedField, weighted_pool_packed

if TYPE_CHECKING:
    from spin_layers.block import SpinBlock
    from spin_layers.normalization import SpinBatchNormalization


def fused_block(block: SpinBlock, packed: PackedField, *, train: bool) -> PackedField:
    """Applies a block to a packed field.

    Args:
      block: whose layers hold parameters, statistics and transforms.
      packed: parts (long, lat, batch, channel) by spin, on the block's grid.
      train: use and record the batch's statistics.

    Returns:
      Packed field on the block's output grid; spin 0 real.
    """
    if block.pools_samples:
        packed = weighted_pool_packed(packed, block.grid, block.output_grid)
    analysis, synthesis = block.analysis.get_value(), block.synthesis.get_value()
    convolution = block.convolution
    precision = convolution.precision
    coefficients = {spin: analysis.analyze(spin, parts) for spin, parts in sorted(packed.items())}
    with jax.named_scope("gather_rows"):
        # E of every spin, then B of those that have it: the order of `_filters`' rows.
        rows = jnp.concatenate(
            [parts[i] for i in (0, 1) for parts in coefficients.values() if i < len(parts)], -1
        )
    filters = _filters(
        convolution.block_filters(),
        tuple((parts[0].shape[-1], len(parts) == 2) for parts in coefficients.values()),
        tuple(convolution.channels_out.items()),
    )
    statistics = _statistics(rows, filters, precision) if train else None
    filters, offsets = _normalized(block.normalization, filters, statistics)
    columns = _multiply(rows, tuple(filters.values()), precision)

    linear: PackedField = {}
    for (spin, matrix), values in zip(filters.items(), columns, strict=True):
        if spin == 0:
            (real,) = synthesis.synthesize(0, (values,))
            linear[0] = (real + offsets[0].real[None, None, None, :],)
        else:
            width = matrix.shape[-1] // 2
            linear[spin] = synthesis.synthesize(spin, (values[..., :width], values[..., width:]))
    with jax.named_scope("nonlinearity"):
        return block.nonlinearity.on_parts(linear)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _filters(
    filters: jax.Array,
    inputs: tuple[tuple[int, bool], ...],
    outputs: tuple[tuple[int, int], ...],
) -> dict[int, jax.Array]:
    """By spin of the output (ell, channels in, E and B out), of the channels that there are.

    Args:
      filters: (ell, 2 in, 2 out), acting on E of all channels, then B of all.
      inputs: by spin, the number of channels and whether it has a B.
      outputs: by spin, the number of channels.
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
        # Below degree |spin| there is no harmonic, so that nothing may count as power there.
        present = np.arange(filters.shape[0]) >= abs(spin)
        result[spin] = both * jnp.asarray(present[:, None, None], filters.dtype)
        start += count
    return result


@functools.partial(jax.jit, static_argnums=2)
def _statistics(
    rows: jax.Array, filters: dict[int, jax.Array], precision: Any
) -> dict[int, tuple[jax.Array, jax.Array | None]]:
    """By spin: mean of |f|^2 over sphere and batch, (channel,), and for spin 0 the mean of f."""
    gram = _gram(rows, precision) / (4 * math.pi * rows.shape[3])
    # What the constant harmonic, 1 / sqrt(4 pi), has as its coefficient.
    constant = jnp.mean(rows[0, 0, 0], axis=0) / math.sqrt(4 * math.pi)
    result: dict[int, tuple[jax.Array, jax.Array | None]] = {}
    for spin, matrix in filters.items():
        # Small, and at a lower precision its rounding would outweigh a power that nearly cancels.
        products = jnp.einsum("lij,ljo->lio", gram, matrix, precision=jax.lax.Precision.HIGHEST)
        electric, magnetic = jnp.split(jnp.sum(matrix * products, (0, 1)), 2)
        mean = None
        if spin == 0:
            parts = jnp.einsum("i,io->o", constant, matrix[0], precision=precision)
            mean = jax.lax.complex(*jnp.split(parts, 2))
        result[spin] = jnp.maximum(electric + magnetic, 0), mean
    return result


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _gram(rows: jax.Array, precision: Any) -> jax.Array:
    """x^T x for each degree, (ell, column, column), from (ell, m, 2, batch, column)."""
    return _inner(rows, rows, precision)


@_gram.defjvp
def _gram_jvp(precision: Any, primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    # By the symmetry the derivative, transposed, is one product instead of two and a sum.
    half = _inner(primals[0], tangents[0], precision)
    return _gram(primals[0], precision), half + jnp.swapaxes(half, 1, 2)


def _inner(first: jax.Array, second: jax.Array, precision: Any) -> jax.Array:
    return jnp.einsum("lmqbi,lmqbj->lij", first, second, precision=precision)


def _normalized(
    normalization: SpinBatchNormalization,
    filters: dict[int, jax.Array],
    statistics: dict[int, tuple[jax.Array, jax.Array | None]] | None,
) -> tuple[dict[int, jax.Array], dict[int, jax.Array]]:
    """The filters with the normalisation in them, of spin 0 E alone; and spin 0's offset."""
    result, offsets = {}, {}
    for spin, matrix in filters.items():
        power, mean = statistics[spin] if statistics else (None, None)
        factor, offset = normalization.factor_and_offset(spin, power, mean)
        electric, magnetic = jnp.split(matrix, 2, axis=-1)
        real, imag = factor.real[None, None, :], factor.imag[None, None, :]
        scaled = [electric * real - magnetic * imag]
        if offset is None:
            scaled.append(electric * imag + magnetic * real)
        else:
            offsets[spin] = offset
        result[spin] = jnp.concatenate(scaled, -1)
    return result, offsets


@functools.partial(jax.jit, static_argnums=2)
def _multiply(
    rows: jax.Array, filters: tuple[jax.Array, ...], precision: Any
) -> tuple[jax.Array, ...]:
    """All products as one, since they share their operand; then apart."""
    product = jnp.einsum(
        "lmqbi,lio->lmqbo", rows, jnp.concatenate(filters, -1), precision=precision
    )
    ends = np.cumsum([matrix.shape[-1] for matrix in filters])[:-1]
    return tuple(jnp.split(product, ends, axis=-1))
