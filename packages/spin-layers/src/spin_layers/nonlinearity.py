"""The pointwise, equivariant nonlinearity of the published networks."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

import sphere_transforms as st
from spin_layers.channels import Channels, along_channels, check_field, checked_channels
from spin_layers.initialization import filled
from spin_layers.modulus import modulus
from spin_layers.one_program import one_program
from spin_layers.packed_field import PackedField
from spin_layers.promotion import product


class MagnitudeNonlinearity(nnx.Module):
    """Applies a leaky ReLU to spin 0, and a ReLU to the modulus of other spins.

    A rotation of the sphere moves the values of spin 0 and does not change them. It changes the
    phase of other spins, so the nonlinearity must keep the phase to be equivariant.

    - Spin 0: leaky ReLU of the real part.
    - Other spins: relu(|z| + b) z / (|z| + 1e-6), with a real bias b per channel.

    Source: Esteves et al. 2020, arXiv 2006.10731, section 4.

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
        """Initialises the biases to zero.

        Args:
          channels: channels per spin.
          negative_slope: slope of the leaky ReLU for negative values.
          epsilon: added to the modulus in the denominator.
          dtype: dtype of the biases, float32 or float64.
        """
        dtype = st.checked_real_dtype(dtype, "MagnitudeNonlinearity: dtype")
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
          A field of the same shapes; spin 0 is real, the others are complex.

        Raises:
          ValueError: the field has the wrong spins, channels or dtype.
        """
        check_field(field, self.channels, "MagnitudeNonlinearity")
        return self._applied(field)

    @one_program
    def _applied(self, field: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
        return {spin: self._scaled(spin, values) for spin, values in field.items()}

    def on_packed(self, packed: PackedField) -> PackedField:
        """Applies the nonlinearity to a packed field with a real spin 0, in fewer passes."""
        result: PackedField = {}
        for spin, components in packed.items():
            if spin == 0:
                result[0] = (jax.nn.leaky_relu(components[0], self.negative_slope),)
            else:
                real, imag = components
                bias = self.bias[f"spin_{spin}"][...]
                result[spin] = scaled_by_modulus(real, imag, bias, self.epsilon)
        return result

    def _scaled(self, spin: int, values: jax.Array) -> jax.Array:
        if spin == 0:
            return jax.nn.leaky_relu(values.real, self.negative_slope)
        size = modulus(values)
        bias = along_channels(self.bias[f"spin_{spin}"][...], values)
        # relu(|z| + b) / (|z| + epsilon), in a form whose derivative is right for huge |z| too.
        gain = jax.nn.relu(1 + (bias - self.epsilon) / (size + self.epsilon))
        return product(values, gain)


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def scaled_by_modulus(
    real: jax.Array, imag: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[jax.Array, jax.Array]:
    """Computes relu(|z| + b) z / (|z| + epsilon), with a derivative that takes few passes.

    Args:
      real: Re z, (long, lat, batch, channel).
      imag: Im z, (long, lat, batch, channel).
      bias: b, (channel,).
      epsilon: added to the modulus in the denominator.

    Returns:
      Real and imaginary component of the result.
    """
    _, slope = _reciprocals(real, imag, epsilon)
    gain = jax.nn.relu(1 + (bias[None, None, None, :] - epsilon) * slope)
    return real * gain, imag * gain


@scaled_by_modulus.defjvp
def _scaled_by_modulus_jvp(epsilon: float, primals: Any, tangents: Any) -> tuple[Any, Any]:
    # With the gain g, d(g z) = g dz + z (g' d|z| + dg/db db). Where g is positive,
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
    """Computes 1 / |z| (0 where |z| < 1e-12) and 1 / (|z| + epsilon).

    The value and the derivative use only these two and products. XLA recomputes products inside
    each fused loop, but stores roots and quotients in memory. For the same reason, the gain
    relu(|z| + b) / (|z| + epsilon) is written as relu(1 + (b - epsilon) / (|z| + epsilon)).
    """
    squared = real**2 + imag**2
    # Below the limit 1 / |z| is set to zero, so that derivatives of any order are finite at zero.
    # So it is where the square overflows: there the gain is 1 to the last bit.
    overflows = squared > float(jnp.finfo(squared.dtype).max)
    nonzero = (squared > 1e-24) & ~overflows
    bounded = jnp.where(nonzero, squared, 1)
    reciprocal = jnp.where(nonzero, jax.lax.rsqrt(bounded), 0)
    return reciprocal, jnp.where(overflows, 0, 1 / (bounded * reciprocal + epsilon))
