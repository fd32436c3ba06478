"""Fourier sums along rings of different lengths, as on HEALPix.

The rings have different numbers of samples N and different first longitudes phi_0, so one FFT
cannot transform all of them. The sum of a ring over its samples k is

  F_m = exp(-i m phi_0) sum over k of f_k exp(-2 pi i m k / N).

Bluestein's identity m k = (m^2 + k^2 - (m - k)^2) / 2 makes it a convolution with the chirp
exp(i pi j^2 / N). FFTs of a single length compute this convolution for all rings at once, for every
m and every N. The module `order_layout` describes the arrays of order sums.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.array_cache import cached_arrays
from sphere_transforms.fourier.equal_rings import fourier_along_last_axis
from sphere_transforms.fourier.order_layout import (
    order_sums_from_spectra,
    spectra_from_order_sums,
)
from sphere_transforms.grids import Grid


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class RingTables:
    """The constant arrays for the sums; together they have the size of a few maps.

    `place` is the position of a sample on its ring.

    Attributes:
      pixel: (ring, place), the index of the sample in the field.
      slot: (pixel,), the index of the sample in the flattened axes (ring, place).
      chirp: (ring, place), the factors exp(-i pi k^2 / N) for place k; zero at a place where the
        ring has no sample.
      phase: (ring, order), the factors of the first longitude and the chirp, for the orders
        0, ..., L - 1, -(L - 1), ..., -1.
      filter: (ring, length), the spectrum of exp(i pi j^2 / N).
    """

    pixel: Any
    slot: Any
    chirp: Any
    phase: Any
    filter: Any


@cached_arrays
def make_ring_tables(grid: Grid, band_limit: int, dtype: str) -> RingTables:
    """Computes the tables of a grid, NumPy arrays, or takes them from the cache.

    Args:
      grid: the grid.
      band_limit: L.
      dtype: float32 or float64, the dtype of the real component of the fields.
    """
    lengths = grid.ring_lengths[:, None]
    starts = np.cumsum(grid.ring_lengths) - grid.ring_lengths
    places, samples = int(lengths.max()), int(lengths.sum())
    place = np.arange(places)[None, :]
    orders = _orders(band_limit)[None, :]
    size = _fast_length(places + 2 * band_limit - 2)
    # m - k runs from -(places + L - 2) to L - 1.
    steps = np.arange(size)
    steps = np.where(steps < band_limit, steps, steps - size)
    kernel = np.conj(_chirp(steps[None, :], lengths))
    phase = _chirp(orders, lengths) * np.exp(-1j * orders * grid.ring_offsets[:, None])
    ring, column = np.nonzero(place < lengths)
    complex_dtype = np.result_type(dtype, np.complex64)
    return RingTables(
        pixel=np.minimum(starts[:, None] + place, samples - 1).astype(np.int32),
        slot=(ring * places + column).astype(np.int32),
        chirp=np.where(place < lengths, _chirp(place, lengths), 0).astype(complex_dtype),
        phase=phase.astype(complex_dtype),
        filter=np.fft.fft(kernel).astype(complex_dtype),
    )


def order_sums_from_pixels(values: jax.Array, tables: RingTables, band_limit: int) -> jax.Array:
    """Computes the order sums F_m of a field.

    Args:
      values: (batch, pixel, *rest), real or complex, ring after ring.
      tables: the result of `make_ring_tables`.
      band_limit: L.

    Returns:
      Real (m, ring, 2, component, batch, *rest), or (m, ring, 1, component, batch, *rest) for real
      values.
    """
    sides = 2 if jnp.iscomplexobj(values) else 1
    # To (batch, *rest, ring, place).
    values = jnp.moveaxis(values[:, tables.pixel], (1, 2), (-2, -1))
    values = values.astype(tables.chirp.dtype) * _along_rings(tables.chirp, values)
    spectrum = _convolve(values, tables.filter)
    minus = spectrum[..., spectrum.shape[-1] - band_limit + 1 :]
    sums = jnp.concatenate([spectrum[..., :band_limit], minus], -1)
    sums = sums * _along_rings(tables.phase, sums)
    plus = sums[..., :band_limit]
    if sides == 1:
        return order_sums_from_spectra([plus])
    minus = jnp.concatenate([jnp.zeros_like(plus[..., :1]), sums[..., band_limit:][..., ::-1]], -1)
    return order_sums_from_spectra([plus, minus])


def pixels_from_order_sums(sums: jax.Array, tables: RingTables) -> jax.Array:
    """Computes the field from its order sums G_m: the sum over m of G_m exp(i m phi).

    Args:
      sums: real (m, 2, component, batch, *rest, ring), or (m, 1, component, batch, *rest, ring)
        with the orders m >= 0 of a real field.
      tables: the result of `make_ring_tables`.

    Returns:
      (batch, pixel, *rest), complex, or real if the sums are those of a real field.
    """
    band_limit, sides = sums.shape[:2]
    plus, *minus = spectra_from_order_sums(sums)
    if sides == 2:
        both = jnp.concatenate([plus, minus[0][..., 1:][..., ::-1]], -1)
    else:
        both = jnp.concatenate(
            [plus[..., :1], 2 * plus[..., 1:], jnp.zeros_like(plus[..., 1:])], -1
        )
    both = both * jnp.conj(_along_rings(tables.phase, both))
    size = tables.filter.shape[1]
    gap = jnp.zeros((*both.shape[:-1], size - both.shape[-1]), both.dtype)
    spectrum = jnp.concatenate([both[..., :band_limit], gap, both[..., band_limit:]], -1)
    # The steps k - m are the steps m - k in reverse order, and the chirp is even.
    reverse = jnp.roll(tables.filter[:, ::-1], 1, axis=1)
    values = jnp.conj(_convolve(jnp.conj(spectrum), reverse))
    values = values[..., : tables.chirp.shape[1]]
    values = values * jnp.conj(_along_rings(tables.chirp, values))
    if sides == 1:
        values = values.real
    values = jnp.moveaxis(values, (-2, -1), (1, 2))  # (batch, ring, place, *rest)
    places = values.shape[1] * values.shape[2]
    values = values.reshape(values.shape[0], places, *values.shape[3:])
    return values[:, tables.slot]


def _orders(band_limit: int) -> np.ndarray:
    return np.concatenate([np.arange(band_limit), np.arange(1 - band_limit, 0)])


def _chirp(steps: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """exp(-i pi j^2 / N), with j^2 reduced modulo 2 N in integers, so that no digits are lost."""
    return np.exp(-1j * np.pi * (steps.astype(np.int64) ** 2 % (2 * lengths)) / lengths)


def _along_rings(table: jax.Array, values: jax.Array) -> jax.Array:
    """The table (ring, last), in a shape to multiply values (batch, *rest, ring, last)."""
    return jnp.expand_dims(table, tuple(range(values.ndim - 2)))


def _convolve(values: jax.Array, spectrum: jax.Array) -> jax.Array:
    size = spectrum.shape[1]
    forward = fourier_along_last_axis("FFT", values, size)
    product = forward * _along_rings(spectrum, forward)
    return fourier_along_last_axis("IFFT", product, size) / size


def _fast_length(least: int) -> int:
    """The smallest length from `least` on that has no prime factor above 5."""
    length = least
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
