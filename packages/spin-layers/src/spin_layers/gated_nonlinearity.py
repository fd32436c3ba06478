"""A pointwise nonlinearity in which the spins learn from each other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from spin_layers.channels import Channels, check_field, checked_channels
from spin_layers.initialization import filled, lecun_normal
from spin_layers.packed import PackedField
from spin_layers.pooling import modulus, safe_root


class GatedNonlinearity(nnx.Module):
    """Scalars gate the other spins, whose moduli the scalars learn from.

    With x the real part of spin 0, z all channels of the other spins, and products over channels,

      spin 0:       leaky_relu(x + |z| M)
      other spins:  2 sigmoid(x G + b) z.

    x and |z| do not turn with the sphere, so that this is equivariant. M is the phase collapse of
    Esteves, Slotine, Makadia 2023 (arXiv 2306.05420, section 4.1), where it takes the place of the
    nonlinearity (`PhaseCollapse`); gates are those of Weiler et al. 2018 (arXiv 1807.02547, section
    4.3), and their factor 2 leaves fields as they are where the gate's argument is zero.

    Attributes:
      modulus_kernel: M, real parameter (channels of all other spins, channels of spin 0).
      gate_kernel: G, real parameter (channels of spin 0, channels of all other spins).
      gate_bias: b, real parameter (channels of all other spins,).
    """

    def __init__(
        self,
        channels: Channels,
        *,
        negative_slope: float = 0.01,
        dtype: Any = jnp.float32,
        precision: Any = jax.lax.Precision.HIGHEST,
        rngs: nnx.Rngs,
    ):
        """Draws both kernels, and makes zero biases.

        Args:
          channels: channels per spin; spin 0 and another spin among them.
          negative_slope: of the leaky ReLU.
          dtype: of the parameters, float32 or float64.
          precision: of the matrix products.
          rngs: its "params" stream draws the kernels.

        Raises:
          ValueError: there is no spin 0, or no other.
        """
        self.channels = nnx.static(checked_channels(channels, "channels"))
        self.negative_slope, self.precision = negative_slope, precision
        others = {spin: count for spin, count in self.channels.items() if spin != 0}
        if 0 not in self.channels or not others:
            raise ValueError(
                f"GatedNonlinearity: channels is {self.channels}; it is between spin 0 and other "
                "spins, and needs both: take MagnitudeNonlinearity, or add what is missing."
            )
        scalars, gated = self.channels[0], sum(others.values())
        edges = np.cumsum([0, *others.values()]).tolist()
        self._columns = nnx.static(dict(zip(others, itertools.pairwise(edges), strict=True)))
        # Halved: next to x, of about unit variance, |z| counts for less at the start.
        self.modulus_kernel = nnx.Param(lecun_normal(rngs.params(), (gated, scalars), dtype) / 2)
        self.gate_kernel = nnx.Param(lecun_normal(rngs.params(), (scalars, gated), dtype))
        self.gate_bias = nnx.Param(filled(0, gated, dtype))

    def __call__(self, field: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
        """Applies the nonlinearity.

        Args:
          field: mapping from spin to (batch, lat, long, channel).

        Returns:
          The same shapes; spin 0 is real, the others complex.

        Raises:
          ValueError: a field of other spins or channels.
        """
        check_field(field, self.channels, "GatedNonlinearity")
        others = [spin for spin in self.channels if spin != 0]
        moduli = jnp.concatenate([modulus(field[spin]) for spin in others], -1)
        collapsed = self._dense(moduli, self.modulus_kernel[...])
        opened = self._opened(self._dense(field[0].real, self.gate_kernel[...]), 0, None)
        result = {spin: field[spin] * opened[..., slice(*self._columns[spin])] for spin in others}
        result[0] = jax.nn.leaky_relu(field[0].real + collapsed, self.negative_slope)
        return {spin: result[spin] for spin in field}

    def on_parts(self, packed: PackedField) -> PackedField:
        """The same of a packed field whose spin 0 is real: nothing is laid side by side."""
        (scalars,) = packed[0]
        result: PackedField = {}
        collapsed = scalars
        for spin, parts in packed.items():
            if spin == 0:
                continue
            real, imag = parts
            start, stop = self._columns[spin]
            moduli = safe_root(real**2 + imag**2)
            collapsed += self._dense(moduli, self.modulus_kernel[start:stop])
            gate = self._dense(scalars, self.gate_kernel[:, start:stop])
            opened = self._opened(gate, start, stop)
            result[spin] = real * opened, imag * opened
        result[0] = (jax.nn.leaky_relu(collapsed, self.negative_slope),)
        return {spin: result[spin] for spin in packed}

    def _opened(self, gate: jax.Array, start: int, stop: int | None) -> jax.Array:
        return 2 * jax.nn.sigmoid(gate + self.gate_bias[start:stop][None, None, None, :])

    def _dense(self, values: jax.Array, kernel: jax.Array) -> jax.Array:
        return jnp.einsum("...i,io->...o", values, kernel, precision=self.precision)
