"""The pointwise nonlinearity that respects spin."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from spin_layers.channels import Channels, check_field, checked_channels
from spin_layers.initialization import filled
from spin_layers.pooling import modulus, safe_root


class MagnitudeNonlinearity(nnx.Module):
    """Acts on the modulus and leaves the phase, which turns with the sphere, alone.

    Spin 0, whose values do not turn: leaky ReLU of the real part. Other spins:
    relu(|z| + b) z / (|z| + 1e-6) with a real bias b per channel. (Esteves et al. 2020, section 4.)

    Attributes:
      bias: by nonzero spin ("spin_1"), real parameters (channel,).
    """

    def __init__(
        self,
        channels: Channels,
        *,
        negative_slope: float = 0.01,
        epsilon: float = 1e-6,
        dtype: Any = jnp.float32,
    ):
        """Makes zero biases.

        Args:
          channels: channels per spin.
          negative_slope: of the leaky ReLU.
          epsilon: added to the modulus divided by.
          dtype: of the biases, float32 or float64.
        """
        self.channels = nnx.static(checked_channels(channels, "channels"))
        self.negative_slope, self.epsilon = negative_slope, epsilon
        self.bias = nnx.Dict(
            {
                f"spin_{spin}": nnx.Param(filled(0, count, dtype))
                for spin, count in self.channels.items()
                if spin != 0
            }
        )

    def __call__(self, field: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
        """Applies the nonlinearity.

        Args:
          field: mapping from spin to (batch, lat, long, channel).

        Returns:
          The same shapes; spin 0 is real, the others complex.

        Raises:
          ValueError: a field of other spins or channels.
        """
        check_field(field, self.channels, "MagnitudeNonlinearity")
        return {spin: self._apply(spin, values) for spin, values in field.items()}

    def _apply(self, spin: int, values: jax.Array) -> jax.Array:
        if spin == 0:
            return jax.nn.leaky_relu(values.real, self.negative_slope)
        size = modulus(values)
        bias = self.bias[f"spin_{spin}"][...][None, None, None, :]
        return values * (jax.nn.relu(size + bias) / (size + self.epsilon))


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def scaled_by_modulus(
    real: jax.Array, imag: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[jax.Array, jax.Array]:
    """relu(|z| + b) z / (|z| + epsilon) of z in two parts, and its derivative in few passes.

    Args:
      real: Re z, (long, lat, batch, channel).
      imag: Im z, the same.
      bias: b, (channel,).
      epsilon: added to the modulus divided by.

    Returns:
      Real and imaginary part.
    """
    size = safe_root(real**2 + imag**2)
    gain = jax.nn.relu(size + bias[None, None, None, :]) / (size + epsilon)
    return real * gain, imag * gain


@scaled_by_modulus.defjvp
def _scaled_by_modulus_jvp(epsilon: float, primals: Any, tangents: Any) -> tuple[Any, Any]:
    # With g the gain, d(g z) = g dz + z (g' d|z| + dg/db db), where g' = (1 - g) / (|z| + epsilon)
    # and d|z| = Re(conj(z) dz) / |z| where the gain is positive. From the reciprocal root, not the
    # root: what value and derivative have in common XLA would write to memory and read again.
    real, imag, bias = primals
    real_tangent, imag_tangent, bias_tangent = tangents
    squared = real**2 + imag**2
    reciprocal = jax.lax.rsqrt(squared + jnp.finfo(squared.dtype).tiny)
    size = squared * reciprocal
    slope = 1 / (size + epsilon)
    before = size + bias[None, None, None, :]
    positive = before > 0
    gain = jnp.where(positive, before * slope, 0)
    slope = jnp.where(positive, slope, 0)
    turned = (1 - gain) * slope * reciprocal
    change = turned * (real * real_tangent + imag * imag_tangent)
    change = change + slope * bias_tangent[None, None, None, :]
    tangent = gain * real_tangent + real * change, gain * imag_tangent + imag * change
    return scaled_by_modulus(real, imag, bias, epsilon), tangent
