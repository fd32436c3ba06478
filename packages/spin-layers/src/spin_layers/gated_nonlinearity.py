"""A pointwise nonlinearity that exchanges information between spin 0 and the other spins."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import sphere_transforms as st
from spin_layers.channels import Channels, along_channels, check_field, checked_channels
from spin_layers.initialization import filled, lecun_normal
from spin_layers.modulus import modulus, modulus_of
from spin_layers.one_program import one_program
from spin_layers.packed_field import PackedField
from spin_layers.promotion import product


class GatedNonlinearity(nnx.Module):
    """Gates the other spins by spin 0, and adds their moduli to spin 0.

    Let x be the real part of spin 0, and z all channels of the other spins. M and G are matrices
    that act on the channels.

      spin 0:       leaky_relu(x + |z| M)
      other spins:  2 sigmoid(x G + b) z.

    A rotation moves the values of x and |z| and does not change them, so the layer is equivariant.

    - M is the phase collapse of Esteves, Slotine, Makadia 2023 (arXiv 2306.05420, section 4.1).
      There it replaces the nonlinearity; `PhaseCollapse` is that layer.
    - The gates are those of Weiler et al. 2018 (arXiv 1807.02547, section 4.3). With the factor 2,
      a gate whose argument is zero does not change the field.

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
        """Draws both kernels, and initialises the biases to zero.

        Args:
          channels: channels per spin; they include spin 0 and at least one other spin.
          negative_slope: slope of the leaky ReLU for negative values.
          dtype: dtype of the parameters, float32 or float64.
          precision: precision of the matrix products.
          rngs: the "params" stream draws the kernels.

        Raises:
          ValueError: `channels` lacks spin 0, or has no other spin, or the dtype is not allowed.
        """
        dtype = st.checked_real_dtype(dtype, "GatedNonlinearity: dtype")
        self.channels = nnx.static(checked_channels(channels, "channels"))
        self.negative_slope, self.precision = negative_slope, precision
        others = {spin: count for spin, count in self.channels.items() if spin != 0}
        if 0 not in self.channels or not others:
            raise ValueError(
                f"GatedNonlinearity: channels is {self.channels}; the layer needs both spin 0 and "
                "another spin: add the missing one, or use MagnitudeNonlinearity."
            )
        scalars, gated = self.channels[0], sum(others.values())
        edges = np.cumsum([0, *others.values()]).tolist()
        self._columns = nnx.static(dict(zip(others, itertools.pairwise(edges), strict=True)))
        # Halved, so that |z| M is initially smaller than x, which has about unit variance.
        self.modulus_kernel = nnx.Param(lecun_normal(rngs.params(), (gated, scalars), dtype) / 2)
        self.gate_kernel = nnx.Param(lecun_normal(rngs.params(), (scalars, gated), dtype))
        self.gate_bias = nnx.Param(filled(0, gated, dtype))

    def __call__(self, field: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
        """Applies the nonlinearity.

        Args:
          field: mapping from spin to (batch, lat, long, channel).

        Returns:
          A field of the same shapes; spin 0 is real, the others are complex.

        Raises:
          ValueError: the field has the wrong spins, channels or dtype.
        """
        check_field(field, self.channels, "GatedNonlinearity")
        return self._applied(field)

    @one_program
    def _applied(self, field: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
        others = [spin for spin in self.channels if spin != 0]
        moduli = jnp.concatenate([modulus(field[spin]) for spin in others], -1)
        collapsed = self._dense(moduli, self.modulus_kernel[...])
        opened = self._opened(self._dense(field[0].real, self.gate_kernel[...]), 0, None)
        result = {
            spin: product(field[spin], opened[..., slice(*self._columns[spin])]) for spin in others
        }
        result[0] = jax.nn.leaky_relu(field[0].real + collapsed, self.negative_slope)
        return {spin: result[spin] for spin in field}

    def on_packed(self, packed: PackedField) -> PackedField:
        """Applies the nonlinearity to a packed field with a real spin 0, without concatenations."""
        (scalars,) = packed[0]
        result: PackedField = {}
        collapsed = scalars
        for spin, components in packed.items():
            if spin == 0:
                continue
            real, imag = components
            start, stop = self._columns[spin]
            moduli = modulus_of(real, imag)
            collapsed += self._dense(moduli, self.modulus_kernel[start:stop])
            gate = self._dense(scalars, self.gate_kernel[:, start:stop])
            opened = self._opened(gate, start, stop)
            result[spin] = real * opened, imag * opened
        result[0] = (jax.nn.leaky_relu(collapsed, self.negative_slope),)
        return {spin: result[spin] for spin in packed}

    def _opened(self, gate: jax.Array, start: int, stop: int | None) -> jax.Array:
        return 2 * jax.nn.sigmoid(gate + along_channels(self.gate_bias[start:stop], gate))

    def _dense(self, values: jax.Array, kernel: jax.Array) -> jax.Array:
        return jnp.einsum("...i,io->...o", values, kernel, precision=self.precision)
