"""The sums along the rings of a grid with equal rings: samples to orders m, and back.

Analysis: F_m(theta_j) = sum over k of f(theta_j, phi_k) exp(-i m phi_k). Synthesis: the field
sum over m of G_m(theta_j) exp(i m phi_k). Both by FFT along the last axis.

The orders of a complex field are held as (m, lat, 2, ...), m from 0 to L - 1, with m and -m side by
side and zero for the second copy of m = 0: what symmetry makes of the one serves the other. Those
of a real field are held for m >= 0 alone, as (m, lat, 1, ...).
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec


def orders_from_samples(values: jax.Array, band_limit: int) -> jax.Array:
    """F_m of a field.

    Args:
      values: (batch, lat, long, *rest), real or complex.
      band_limit: L, with 2 L - 1 <= long.

    Returns:
      Complex (m, lat, 2, batch, *rest), or (m, lat, 1, batch, *rest) for real values.
    """
    count = values.shape[2]
    values = jnp.moveaxis(values, 2, -1)
    is_complex = jnp.iscomplexobj(values)
    sums = fourier_along_last_axis("FFT" if is_complex else "RFFT", values, count)
    # (batch, lat, *rest, m) to (m, lat, batch, *rest)
    last = sums.ndim - 1
    sums = jnp.transpose(sums, (last, 1, 0, *range(2, last)))
    plus = sums[:band_limit]
    if not is_complex:
        return plus[:, :, None]
    minus = jnp.concatenate([jnp.zeros_like(plus[:1]), sums[count - band_limit + 1 :][::-1]])
    return jnp.stack([plus, minus], 2)


def samples_from_orders(orders: jax.Array, longitude_count: int) -> jax.Array:
    """The field of given G_m.

    Args:
      orders: complex (m, lat, 2, batch, *rest); or (m, lat, 1, batch, *rest), m >= 0 of a real
        field, whose orders -m are the conjugates.
      longitude_count: of each ring.

    Returns:
      (batch, lat, long, *rest), complex or real.
    """
    band_limit = orders.shape[0]
    plus = orders[:, :, 0]
    is_complex = orders.shape[2] == 2
    if is_complex:
        minus = orders[1:, :, 1][::-1]
        between = longitude_count - 2 * band_limit + 1
        filling = jnp.zeros((between, *plus.shape[1:]), plus.dtype)
        plus = jnp.concatenate([plus, filling, minus])
    # (m, lat, batch, *rest) to (batch, lat, *rest, m)
    spectrum = jnp.transpose(plus, (2, 1, *range(3, plus.ndim), 0))
    kind = "IFFT" if is_complex else "IRFFT"
    return jnp.moveaxis(fourier_along_last_axis(kind, spectrum, longitude_count), -1, 2)


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
