"""The sums along the rings of a HEALPix grid: pixels to orders m, and back.

Rings have different numbers of pixels and different first longitudes, so one FFT does not serve
all. Bluestein's identity m k = (m^2 + k^2 - (m - k)^2) / 2 turns each ring's sum over pixels k,

  F_m = exp(-i m phi_0) sum over k of f_k exp(-2 pi i m k / N),

into a convolution with the chirp exp(i pi j^2 / N), which an FFT of one length does for all rings
at once, and for every m whatever N. Order sums are held as `order_layout` says.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.grids import HealpixGrid
from sphere_transforms.longitude import fourier_along_last_axis
from sphere_transforms.order_layout import orders_from_spectra, spectra_from_orders

RingTables = dict[str, jax.Array]


@functools.lru_cache(maxsize=16)
def ring_tables(grid: HealpixGrid, band_limit: int, dtype: str) -> RingTables:
    """What the sums need of a grid, of a size of a few maps.

    Args:
      grid: the grid.
      band_limit: L.
      dtype: float32 or float64, of the fields' real part.

    Returns:
      "pixel" and "present" (ring, place): index of each ring's pixels, and whether there is one;
      "slot" (pixel,): ring times places + place; "chirp" (ring, place), "turn" (ring, order) for
      orders 0, ..., L - 1, -(L - 1), ..., -1, and "filter" (ring, length).
    """
    lengths = grid.ring_lengths[:, None]
    places = 4 * grid.nside
    place = np.arange(places)[None, :]
    orders = _orders(band_limit)[None, :]
    size = _fast_length(places + 2 * band_limit - 2)
    # m - k runs from -(places + L - 2) to L - 1.
    steps = np.arange(size)
    steps = np.where(steps < band_limit, steps, steps - size)
    kernel = np.conj(_chirp(steps[None, :], lengths))
    turn = _chirp(orders, lengths) * np.exp(-1j * orders * grid.ring_offsets[:, None])
    ring, column = np.nonzero(place < lengths)
    complex_dtype = np.result_type(dtype, np.complex64)
    return {
        "pixel": jax.device_put(
            np.minimum(grid.ring_starts[:, None] + place, grid.shape[0] - 1).astype(np.int32)
        ),
        "present": jax.device_put((place < lengths).astype(dtype)),
        "slot": jax.device_put((ring * places + column).astype(np.int32)),
        "chirp": jax.device_put(_chirp(place, lengths).astype(complex_dtype)),
        "turn": jax.device_put(turn.astype(complex_dtype)),
        "filter": jax.device_put(np.fft.fft(kernel).astype(complex_dtype)),
    }


def orders_from_pixels(values: jax.Array, tables: RingTables, band_limit: int) -> jax.Array:
    """F_m of a field.

    Args:
      values: (batch, pixel, *rest), real or complex.
      tables: from `ring_tables`.
      band_limit: L.

    Returns:
      Real (m, ring, 2, part, batch, *rest), or (m, ring, 1, part, batch, *rest) for real values.
    """
    sides = 2 if jnp.iscomplexobj(values) else 1
    values = jnp.moveaxis(
        values[:, tables["pixel"]], (1, 2), (-2, -1)
    )  # (batch, *rest, ring, place)
    present, chirp = (_along_rings(tables[name], values) for name in ("present", "chirp"))
    spectrum = _convolve(values * present * chirp, tables["filter"])
    minus = spectrum[..., spectrum.shape[-1] - band_limit + 1 :]
    orders = jnp.concatenate([spectrum[..., :band_limit], minus], -1)
    orders = orders * _along_rings(tables["turn"], orders)
    plus = orders[..., :band_limit]
    if sides == 1:
        return orders_from_spectra([plus])
    minus = jnp.concatenate(
        [jnp.zeros_like(plus[..., :1]), orders[..., band_limit:][..., ::-1]], -1
    )
    return orders_from_spectra([plus, minus])


def pixels_from_orders(orders: jax.Array, tables: RingTables) -> jax.Array:
    """The field of given G_m: sum over m of G_m exp(i m phi).

    Args:
      orders: real (m, 2, part, batch, *rest, ring), or (m, 1, part, batch, *rest, ring): m >= 0 of
        a real field.
      tables: from `ring_tables`.

    Returns:
      (batch, pixel, *rest), complex or real.
    """
    band_limit, sides = orders.shape[:2]
    plus, *minus = spectra_from_orders(orders)
    if sides == 2:
        both = jnp.concatenate([plus, minus[0][..., 1:][..., ::-1]], -1)
    else:
        both = jnp.concatenate(
            [plus[..., :1], 2 * plus[..., 1:], jnp.zeros_like(plus[..., 1:])], -1
        )
    both = both * jnp.conj(_along_rings(tables["turn"], both))
    size = tables["filter"].shape[1]
    gap = jnp.zeros((*both.shape[:-1], size - both.shape[-1]), both.dtype)
    spectrum = jnp.concatenate([both[..., :band_limit], gap, both[..., band_limit:]], -1)
    # k - m has the steps of m - k in reverse, and the chirp is even.
    reverse = jnp.roll(tables["filter"][:, ::-1], 1, axis=1)
    values = jnp.conj(_convolve(jnp.conj(spectrum), reverse))
    places = tables["chirp"].shape[1]
    values = values[..., :places]
    values = values * jnp.conj(_along_rings(tables["chirp"], values))
    if sides == 1:
        values = values.real
    values = jnp.moveaxis(values, (-2, -1), (1, 2))  # (batch, ring, place, *rest)
    values = values.reshape(values.shape[0], -1, *values.shape[3:])
    return values[:, tables["slot"]]


def _orders(band_limit: int) -> np.ndarray:
    return np.concatenate([np.arange(band_limit), np.arange(1 - band_limit, 0)])


def _chirp(steps: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """exp(-i pi j^2 / N), with j^2 reduced in whole numbers."""
    return np.exp(-1j * np.pi * (steps.astype(np.int64) ** 2 % (2 * lengths)) / lengths)


def _along_rings(table: jax.Array, values: jax.Array) -> jax.Array:
    """A table (ring, last) to multiply values (batch, *rest, ring, last)."""
    return jnp.expand_dims(table, tuple(range(values.ndim - 2)))


def _convolve(values: jax.Array, spectrum: jax.Array) -> jax.Array:
    size = spectrum.shape[1]
    forward = fourier_along_last_axis("FFT", values, size)
    product = forward * _along_rings(spectrum, forward)
    return fourier_along_last_axis("IFFT", product, size) / size


def _fast_length(least: int) -> int:
    """The least length without prime factors above 5."""
    length = least
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
