"""The pointwise nonlinearity that respects spin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from spin_layers.channels import Channels, check_field, checked_channels
from spin_layers.initialization import filled
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

    def _apply(self, spin: int, values: jax.Array) -> jax.Array:
        if spin == 0:
            return jax.nn.leaky_relu(values.real, self.negative_slope)
        size = modulus(values)
        bias = self.bias[f"spin_{spin}"][...][None, None, None, :]
        return values * (jax.nn.relu(size + bias) / (size + self.epsilon))
