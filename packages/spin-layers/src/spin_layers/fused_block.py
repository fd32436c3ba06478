"""The function of a `SpinBlock`, computed with fewer operations and less memory traffic.

Everything between two nonlinearities is linear, so it is done where it is smallest, on the
coefficients: batch statistics by Parseval (mean from ell = 0, power from the sum of squares, both
exactly what the quadrature gives for a band-limited field), the normalisation as a scale of the
coefficients, and of spin 0, of which the nonlinearity keeps the real part alone, only that part is
synthesised. The composition of layers in `SpinBlock` is the definition; a test holds both equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms import split
from spin_layers.convolution import SpinConvolution
from spin_layers.nonlinearity import MagnitudeNonlinearity
from spin_layers.normalization import SpinBatchNormalization
from spin_layers.packed import PackedField, weighted_pool_packed
from spin_layers.pooling import safe_root

if TYPE_CHECKING:
    from spin_layers.block import SpinBlock


def fused_block(block: SpinBlock, packed: PackedField, *, train: bool) -> PackedField:
    """Applies a block to a packed field.

    Args:
      block: whose layers hold parameters, statistics and transforms.
      packed: parts (long, lat, batch, channel) by spin, on the block's grid.
      train: use and record the batch's statistics.

    Returns:
      Packed field on the block's output grid; spin 0 real.
    """
    if block.pool:
        packed = weighted_pool_packed(packed, block.grid, block.output_grid)
    coefficients = _convolve(block.convolution, packed)
    synthesis = block.convolution.synthesis.get_value()
    result: PackedField = {}
    for spin, parts in coefficients.items():
        parts = _normalize(block.normalization, spin, parts, train)
        if spin == 0:
            real = synthesis.synthesize_real(split.real_part(parts))
            result[0] = (jax.nn.leaky_relu(real, block.nonlinearity.negative_slope),)
        else:
            result[spin] = _magnitude(block.nonlinearity, spin, synthesis.synthesize(spin, parts))
    return result


def _convolve(convolution: SpinConvolution, packed: PackedField) -> dict[int, split.Parts]:
    analysis = convolution.analysis.get_value()
    coefficients = [
        analysis.analyze(spin, parts)
        if len(parts) == 2
        else split.expand_half(analysis.analyze_real(parts[0]))
        for spin, parts in sorted(packed.items())
    ]
    stacked = jnp.concatenate(
        [part for parts in zip(*coefficients, strict=True) for part in parts], -1
    )
    product = jnp.einsum(
        "mlbi,lio->lmbo", stacked, convolution.block_filters(), precision=convolution.precision
    )
    product = jnp.transpose(product, (1, 0, 2, 3))
    sizes = list(convolution.channels_out.values())
    pieces = jnp.split(product, np.cumsum(sizes + sizes)[:-1], axis=-1)
    count = len(sizes)
    return {
        spin: (pieces[index], pieces[index + count])
        for index, spin in enumerate(convolution.channels_out)
    }


def _normalize(
    normalization: SpinBatchNormalization, spin: int, parts: split.Parts, train: bool
) -> split.Parts:
    real, imag = parts
    power = mean = None
    if train:
        # What stands at degrees below |spin| is in no harmonic, and so in no field.
        first = abs(spin)
        squares = real[:, first:] ** 2 + imag[:, first:] ** 2
        power = jnp.mean(jnp.sum(squares, axis=(0, 1)), axis=0) / (4 * np.pi)
        if spin == 0:
            mean = _mean_over_sphere_and_batch(parts)
    factor, offset = normalization.factor_and_offset(spin, power, mean)
    real, imag = (
        real * factor.real[None, None, None] - imag * factor.imag[None, None, None],
        real * factor.imag[None, None, None] + imag * factor.real[None, None, None],
    )
    if offset is None:
        return real, imag
    # A constant c on the sphere has the coefficient c sqrt(4 pi) at ell = m = 0 alone.
    band_limit = real.shape[1]
    constant = np.zeros((2 * band_limit - 1, band_limit, 1, 1))
    constant[band_limit - 1, 0] = np.sqrt(4 * np.pi)
    unit = jnp.asarray(constant, real.dtype)
    return (
        real + unit * offset.real[None, None, None],
        imag + unit * offset.imag[None, None, None],
    )


def _mean_over_sphere_and_batch(parts: split.Parts) -> jax.Array:
    middle = parts[0].shape[1] - 1
    means = (jnp.mean(part[middle, 0], axis=0) / np.sqrt(4 * np.pi) for part in parts)
    return jax.lax.complex(*means)


def _magnitude(
    nonlinearity: MagnitudeNonlinearity, spin: int, parts: split.Parts
) -> tuple[jax.Array, ...]:
    real, imag = parts
    size = safe_root(real**2 + imag**2)
    bias = nonlinearity.bias[f"spin_{spin}"][...][None, None, None, :]
    gain = jax.nn.relu(size + bias) / (size + nonlinearity.epsilon)
    return real * gain, imag * gain
