"""The sums along the rings of a grid with equal rings: samples to orders m, and back.

Analysis: F_m(theta_j) = sum over k of f(theta_j, phi_k) exp(-i m phi_k). Synthesis: the field
sum over m of G_m(theta_j) exp(i m phi_k). Both by FFT along the last axis. Order sums are held as
`order_layout` says.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec

from sphere_transforms.order_layout import orders_from_spectra, spectra_from_orders


def orders_from_samples(values: jax.Array, band_limit: int, *, mirrored: bool = False) -> jax.Array:
    """F_m of a field.

    Args:
      values: (batch, lat, long, *rest), real or complex.
      band_limit: L, with 2 L - 1 <= long.
      mirrored: give the rings of the orders -m in reverse.

    Returns:
      Real (m, lat, 2, part, batch, *rest), or (m, lat, 1, part, batch, *rest) for real values.
    """
    count = values.shape[2]
    values = jnp.moveaxis(values, (1, 2), (-2, -1))
    if not jnp.iscomplexobj(values):
        return orders_from_spectra(
            [fourier_along_last_axis("RFFT", values, count)[..., :band_limit]]
        )
    sums = fourier_along_last_axis("FFT", values, count)
    plus = sums[..., :band_limit]
    minus = sums[..., count - band_limit + 1 :][..., ::-1]
    minus = jnp.concatenate([jnp.zeros_like(plus[..., :1]), minus], -1)
    if mirrored:
        minus = minus[..., ::-1, :]
    return orders_from_spectra([plus, minus])


def samples_from_orders(
    orders: jax.Array, longitude_count: int, *, mirrored: bool = False
) -> jax.Array:
    """The field of given G_m.

    Args:
      orders: real (m, 2, part, batch, *rest, lat); or (m, 1, part, batch, *rest, lat), m >= 0 of a
        real field, whose orders -m are the conjugates.
      longitude_count: of each ring.
      mirrored: the rings of the orders -m are in reverse.

    Returns:
      (batch, lat, long, *rest), complex or real.
    """
    spectra = spectra_from_orders(orders)
    if len(spectra) == 2:
        plus, minus = spectra
        values = _samples(plus, minus[..., ::-1, :] if mirrored else minus, longitude_count)
    elif orders.shape[-1] % 2:
        values = fourier_along_last_axis("IRFFT", spectra[0], longitude_count)
    else:
        values = _real_samples_of_pairs(spectra[0], longitude_count)
    return jnp.moveaxis(values, (-2, -1), (1, 2))


def _samples(plus: jax.Array, minus: jax.Array, count: int) -> jax.Array:
    """Complex samples (batch, *rest, lat, long) of sums (batch, *rest, lat, m) of m and -m."""
    later = minus[..., 1:][..., ::-1]
    none = [(0, 0)] * (plus.ndim - 1)
    spectrum = jnp.pad(plus, [*none, (0, count - plus.shape[-1])])
    spectrum = spectrum + jnp.pad(later, [*none, (count - later.shape[-1], 0)])
    return fourier_along_last_axis("IFFT", spectrum, count)


def _real_samples_of_pairs(sums: jax.Array, count: int) -> jax.Array:
    """Real samples (batch, *rest, lat, long) of sums (batch, *rest, lat, m), lat even.

    Two rings u and v are one complex ring u + i v, with sums U_m + i V_m and, for -m, conj(U_m) +
    i conj(V_m): XLA's complex FFT (jaxlib 0.10, CPU) takes less than half of its real one's time.
    """
    half = sums.shape[-2] // 2
    # The sums of m = 0 of a real ring are real, and a transposed analysis' imaginary parts of them
    # have no effect.
    later = jnp.asarray(np.arange(sums.shape[-1]) > 0, sums.real.dtype)
    real, imag = sums.real, sums.imag * later.reshape(*[1] * (sums.ndim - 1), -1)
    (u_real, v_real), (u_imag, v_imag) = (
        (part[..., :half, :], part[..., half:, :]) for part in (real, imag)
    )
    plus = jax.lax.complex(u_real - v_imag, u_imag + v_real)
    minus = jax.lax.complex(u_real + v_imag, v_real - u_imag)
    values = _samples(plus, minus, count)
    return jnp.concatenate([values.real, values.imag], -2)


def fourier_along_last_axis(kind: str, values: jax.Array, count: int) -> jax.Array:
    """An FFT, unscaled both ways, that under jit leaves the other axes sharded as they are.

    Args:
      kind: "FFT", "IFFT" (complex to complex), "RFFT" or "IRFFT".
      values: filled with zeros along the last axis to what the kind takes.
      count: number of samples.

    Returns:
      Same shape but for the last axis: count, or count // 2 + 1 after "RFFT".
    """
    length = count // 2 + 1 if kind == "IRFFT" else count
    if values.shape[-1] < length:
        filling = [(0, 0)] * (values.ndim - 1) + [(0, length - values.shape[-1])]
        values = jnp.pad(values, filling)
    result = _partitioned(kind, count)(values)
    return result * count if kind in ("IFFT", "IRFFT") else result


@functools.lru_cache(maxsize=256)
def _partitioned(kind: str, count: int) -> Any:
    """An FFT with a rule for sharding, that only the last axis must be whole.

    XLA's partitioner (jax 0.10) gathers the operand of an FFT, whichever axis is sharded.
    """

    def fourier(values: jax.Array) -> jax.Array:
        return jax.lax.fft(values, jax.lax.FftType[kind], (count,))

    transform = custom_partitioning(fourier)

    def whole_last_axis(mesh: Any, operand: Any) -> NamedSharding:
        spec = list(operand.sharding.spec) + [None] * len(operand.shape)
        return NamedSharding(mesh, PartitionSpec(*spec[: len(operand.shape) - 1], None))

    def partition(mesh: Any, operands: Any, result: Any) -> Any:
        sharding = whole_last_axis(mesh, operands[0])
        return mesh, fourier, sharding, (sharding,)

    def infer(mesh: Any, operands: Any, result: Any) -> NamedSharding:
        return whole_last_axis(mesh, operands[0])

    transform.def_partition(
        partition=partition,
        infer_sharding_from_operands=infer,
        sharding_rule="... samples -> ... orders",
    )
    return transform
