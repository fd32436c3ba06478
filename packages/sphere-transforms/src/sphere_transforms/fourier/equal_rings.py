"""Fourier sums along rings that share their longitudes.

Analysis computes the order sums F_m(theta_j) = sum over k of f(theta_j, phi_k) exp(-i m phi_k).
Synthesis computes the field sum over m of G_m(theta_j) exp(i m phi_k). Both are FFTs along the last
axis. The module `order_layout` describes the arrays of order sums.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec

from sphere_transforms.fourier.order_layout import (
    order_sums_from_spectra,
    spectra_from_order_sums,
)
from sphere_transforms.jax_extensions import Form, unless_exported


def order_sums_from_samples(
    values: jax.Array, band_limit: int, offset: float = 0.0, *, rings_reversed: bool = False
) -> jax.Array:
    """Computes the order sums F_m of a field.

    Args:
      values: (batch, lat, long, *rest), real or complex.
      band_limit: L, with 2 L - 1 <= long.
      offset: longitude of the first sample of every ring, in radians.
      rings_reversed: return the sums of the orders -m with the rings in reverse order.

    Returns:
      Real (m, lat, 2, component, batch, *rest), or (m, lat, 1, component, batch, *rest) for real
      values.
    """
    count = values.shape[2]
    values = jnp.moveaxis(values, (1, 2), (-2, -1))
    if not jnp.iscomplexobj(values):
        plus = fourier_along_last_axis("RFFT", values, count)[..., :band_limit]
        return order_sums_from_spectra([_shifted(plus, -offset)])
    sums = fourier_along_last_axis("FFT", values, count)
    plus = sums[..., :band_limit]
    minus = sums[..., count - band_limit + 1 :][..., ::-1]
    minus = jnp.concatenate([jnp.zeros_like(plus[..., :1]), minus], -1)
    if rings_reversed:
        minus = minus[..., ::-1, :]
    return order_sums_from_spectra([_shifted(plus, -offset), _shifted(minus, offset)])


def samples_from_order_sums(
    sums: jax.Array, longitude_count: int, offset: float = 0.0, *, rings_reversed: bool = False
) -> jax.Array:
    """Computes the field from its order sums G_m.

    Args:
      sums: real (m, 2, component, batch, *rest, lat), or (m, 1, component, batch, *rest, lat) with
        the orders m >= 0 of a real field (its orders -m are the conjugates).
      longitude_count: number of samples of each ring.
      offset: longitude of the first sample of every ring, in radians.
      rings_reversed: the sums of the orders -m have the rings in reverse order.

    Returns:
      (batch, lat, long, *rest), complex, or real if the sums are those of a real field.
    """
    spectra = spectra_from_order_sums(sums)
    if len(spectra) == 2:
        plus, minus = _shifted(spectra[0], offset), _shifted(spectra[1], -offset)
        minus = minus[..., ::-1, :] if rings_reversed else minus
        values = _samples(plus, minus, longitude_count)
    elif sums.shape[-1] % 2:
        plus = _shifted(spectra[0], offset)
        values = fourier_along_last_axis("IRFFT", plus, longitude_count)
    else:
        values = _real_samples_of_pairs(_shifted(spectra[0], offset), longitude_count)
    return jnp.moveaxis(values, (-2, -1), (1, 2))


def _shifted(spectrum: jax.Array, angle: float) -> jax.Array:
    """The spectrum (..., m) times exp(i m angle)."""
    if not angle:
        return spectrum
    phases = np.exp(1j * angle * np.arange(spectrum.shape[-1]))
    return spectrum * jnp.asarray(phases, spectrum.dtype).reshape(*[1] * (spectrum.ndim - 1), -1)


def _samples(plus: jax.Array, minus: jax.Array, count: int) -> jax.Array:
    """Complex samples (batch, *rest, lat, long) from sums (batch, *rest, lat, m) of m and -m."""
    later = minus[..., 1:][..., ::-1]
    none = [(0, 0)] * (plus.ndim - 1)
    spectrum = jnp.pad(plus, [*none, (0, count - plus.shape[-1])])
    spectrum = spectrum + jnp.pad(later, [*none, (count - later.shape[-1], 0)])
    return fourier_along_last_axis("IFFT", spectrum, count)


def _real_samples_of_pairs(sums: jax.Array, count: int) -> jax.Array:
    """Real samples (batch, *rest, lat, long) from sums (batch, *rest, lat, m), for even lat.

    Combines two real rings u and v into one complex ring u + i v, whose sums are U_m + i V_m for m
    and conj(U_m) + i conj(V_m) for -m. On CPU (jaxlib 0.10), XLA's complex FFT takes less than half
    of the time of its real FFT.
    """
    half = sums.shape[-2] // 2
    # For m = 0 the sums of a real ring are real. The transpose of an analysis gives them an
    # imaginary component, which has no effect and is removed here.
    later = jnp.asarray(np.arange(sums.shape[-1]) > 0, sums.real.dtype)
    real, imag = sums.real, sums.imag * later.reshape(*[1] * (sums.ndim - 1), -1)
    (u_real, v_real), (u_imag, v_imag) = (
        (array[..., :half, :], array[..., half:, :]) for array in (real, imag)
    )
    plus = jax.lax.complex(u_real - v_imag, u_imag + v_real)
    minus = jax.lax.complex(u_real + v_imag, v_real - u_imag)
    values = _samples(plus, minus, count)
    return jnp.concatenate([values.real, values.imag], -2)


def fourier_along_last_axis(kind: str, values: jax.Array, count: int) -> jax.Array:
    """An unscaled FFT along the last axis that keeps the sharding of the other axes under jit.

    Args:
      kind: "FFT" or "IFFT" (complex to complex), "RFFT" or "IRFFT".
      values: the input. It is padded with zeros along the last axis to the length of the FFT.
      count: number of samples.

    Returns:
      The same shape except for the last axis, of length count, or count // 2 + 1 for "RFFT".
    """
    length = count // 2 + 1 if kind == "IRFFT" else count
    if values.shape[-1] < length:
        filling = [(0, 0)] * (values.ndim - 1) + [(0, length - values.shape[-1])]
        values = jnp.pad(values, filling)
    result = unless_exported(*_forms(kind, count), values)
    return result * count if kind in ("IFFT", "IRFFT") else result


@functools.lru_cache(maxsize=256)
def _forms(kind: str, count: int) -> tuple[Form, Form]:
    """The FFT with a sharding rule, by which only the last axis must not be sharded; and without.

    Without the rule, XLA's partitioner (jax 0.10) gathers the operand of an FFT, whichever axis is
    sharded.
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
    return transform, fourier
