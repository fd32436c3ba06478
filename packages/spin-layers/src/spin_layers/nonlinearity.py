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
from spin_layers.packed import PackedField
from spin_layers.pooling import modulus


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

    def on_parts(self, packed: PackedField) -> PackedField:
        """The same of a packed field whose spin 0 is real, in few passes."""
        result: PackedField = {}
        for spin, parts in packed.items():
            if spin == 0:
                result[0] = (jax.nn.leaky_relu(parts[0], self.negative_slope),)
            else:
                real, imag = parts
                bias = self.bias[f"spin_{spin}"][...]
                result[spin] = scaled_by_modulus(real, imag, bias, self.epsilon)
        return result

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
    _, slope = _reciprocals(real, imag, epsilon)
    gain = jax.nn.relu(1 + (bias[None, None, None, :] - epsilon) * slope)
    return real * gain, imag * gain


@scaled_by_modulus.defjvp
def _scaled_by_modulus_jvp(epsilon: float, primals: Any, tangents: Any) -> tuple[Any, Any]:
    # With g the gain, d(g z) = g dz + z (g' d|z| + dg/db db), where the gain is positive with
    # g' = (epsilon - b) / (|z| + epsilon)^2, dg/db = 1 / (|z| + epsilon), d|z| = Re(z* dz) / |z|.
    real, imag, bias = primals
    real_tangent, imag_tangent, bias_tangent = tangents
    reciprocal, slope = _reciprocals(real, imag, epsilon)
    excess = (bias[None, None, None, :] - epsilon) * slope
    positive = excess > -1
    gain = jnp.where(positive, 1 + excess, 0)
    slope = jnp.where(positive, slope, 0)
    along = (real * real_tangent + imag * imag_tangent) * reciprocal
    change = slope * (bias_tangent[None, None, None, :] - excess * along)
    tangent = gain * real_tangent + real * change, gain * imag_tangent + imag * change
    return scaled_by_modulus(real, imag, bias, epsilon), tangent


def _reciprocals(real: jax.Array, imag: jax.Array, epsilon: float) -> tuple[jax.Array, jax.Array]:
    """1 / |z|, or 0 where |z| < 1e-12, and 1 / (|z| + epsilon).

    All else that value and derivative need follows from these by products, which XLA computes
    again in each loop that needs them; roots and quotients it writes to memory and reads again. So
    the gain relu(|z| + b) / (|z| + epsilon) is had as relu(1 + (b - epsilon) / (|z| + epsilon)).
    """
    squared = real**2 + imag**2
    # Below, 1 / |z| counts as zero, so that derivatives of any order are finite at zero.
    nonzero = squared > 1e-24
    reciprocal = jnp.where(nonzero, jax.lax.rsqrt(jnp.where(nonzero, squared, 1)), 0)
    return reciprocal, 1 / (squared * reciprocal + epsilon)
