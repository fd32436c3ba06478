"""Phase collapse: replaces spin 0 by half the sum of a map of spin 0 and a map of all moduli."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import sphere_transforms as st
from spin_layers.channels import Channels, along_channels, check_field, checked_channels
from spin_layers.initialization import complex_normal, filled
from spin_layers.modulus import modulus
from spin_layers.one_program import one_program


class PhaseCollapse(nnx.Module):
    """Replaces spin 0 by half of [dense of spin 0 + dense of the moduli of all spins' channels].

    Other spins pass unchanged. Source: Esteves, Slotine, Makadia 2023, arXiv 2306.05420, section
    4.1.

    Attributes:
      scalar_kernel: complex parameter (channels of spin 0, channels of spin 0).
      modulus_kernel: complex parameter (all channels, channels of spin 0).
      bias: complex parameter (channels of spin 0,).
    """

    def __init__(
        self,
        channels: Channels,
        *,
        dtype: Any = jnp.float32,
        precision: Any = jax.lax.Precision.HIGHEST,
        rngs: nnx.Rngs,
    ):
        """Draws both kernels from complex normal distributions of variance 1 / channels in.

        Args:
          channels: channels per spin; they include spin 0.
          dtype: real dtype of the parameters, float32 or float64.
          precision: precision of the matrix products.
          rngs: the "params" stream draws the kernels.

        Raises:
          ValueError: `channels` lacks spin 0, or the dtype is not allowed.
        """
        dtype = st.checked_real_dtype(dtype, "PhaseCollapse: dtype")
        self.channels = nnx.static(checked_channels(channels, "channels"))
        if 0 not in self.channels:
            raise ValueError(
                f"PhaseCollapse: channels is {self.channels}; the layer needs spin 0, to which it "
                "adds the moduli of all spins."
            )
        self.precision = precision
        scalars, everything = self.channels[0], sum(self.channels.values())
        complex_dtype = np.result_type(dtype, np.complex64)

        def kernel(size_in: int) -> nnx.Param:
            shape, scale = (size_in, scalars), 1 / np.sqrt(size_in)
            return nnx.Param(complex_normal(rngs.params(), shape, complex_dtype, scale))

        self.scalar_kernel, self.modulus_kernel = kernel(scalars), kernel(everything)
        self.bias = nnx.Param(filled(0, scalars, complex_dtype))

    def __call__(self, field: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
        """Applies the phase collapse.

        Args:
          field: mapping from spin to (batch, lat, long, channel).

        Returns:
          A field of the same shapes; spin 0 is complex.

        Raises:
          ValueError: the field has the wrong spins, channels or dtype.
        """
        check_field(field, self.channels, "PhaseCollapse")
        return self._applied(field)

    @one_program
    def _applied(self, field: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
        moduli = jnp.concatenate([modulus(field[spin]) for spin in self.channels], -1)
        dense = self._dense(field[0], self.scalar_kernel) + self._dense(moduli, self.modulus_kernel)
        collapsed = (dense + along_channels(self.bias[...], dense)) / 2
        return {**field, 0: collapsed}

    def _dense(self, values: jax.Array, kernel: nnx.Param) -> jax.Array:
        return jnp.einsum(
            "...i,io->...o", values.astype(kernel.dtype), kernel[...], precision=self.precision
        )
