"""Phase collapse: invariant information of every spin, gathered in spin 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from spin_layers.channels import Channels, check_field, checked_channels
from spin_layers.initialization import complex_normal, filled
from spin_layers.pooling import modulus


class PhaseCollapse(nnx.Module):
    """Spin 0 becomes half of [dense of spin 0 + dense of the moduli of all spins' channels].

    Other spins pass unchanged. (Esteves, Slotine, Makadia 2023, arXiv 2306.05420, section 4.1.)

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
        """Draws both kernels from complex normals of variance 1 / channels in.

        Args:
          channels: channels per spin; spin 0 among them.
          dtype: of the parameters' real part, float32 or float64.
          precision: of the matrix products.
          rngs: its "params" stream draws the kernels.

        Raises:
          ValueError: there is no spin 0 to collapse into.
        """
        self.channels = nnx.static(checked_channels(channels, "channels"))
        if 0 not in self.channels:
            raise ValueError(
                f"PhaseCollapse: channels is {self.channels}; it needs spin 0, into which the "
                "moduli of all spins go."
            )
        self.precision = precision
        scalars, everything = self.channels[0], sum(self.channels.values())
        complex_dtype = jnp.result_type(dtype, jnp.complex64)

        def kernel(size_in: int) -> nnx.Param:
            shape, scale = (size_in, scalars), 1 / np.sqrt(size_in)
            return nnx.Param(complex_normal(rngs.params(), shape, complex_dtype, scale))

        self.scalar_kernel, self.modulus_kernel = kernel(scalars), kernel(everything)
        self.bias = nnx.Param(filled(0, scalars, complex_dtype))

    def __call__(self, field: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
        """Collapses.

        Args:
          field: mapping from spin to (batch, lat, long, channel).

        Returns:
          The same shapes; spin 0 complex.

        Raises:
          ValueError: a field of other spins or channels.
        """
        check_field(field, self.channels, "PhaseCollapse")
        moduli = jnp.concatenate([modulus(field[spin]) for spin in self.channels], -1)
        dense = self._dense(field[0], self.scalar_kernel) + self._dense(moduli, self.modulus_kernel)
        collapsed = (dense + self.bias[...][None, None, None, :]) / 2
        return {**field, 0: collapsed}

    def _dense(self, values: jax.Array, kernel: nnx.Param) -> jax.Array:
        return jnp.einsum(
            "bjki,io->bjko", values.astype(kernel.dtype), kernel[...], precision=self.precision
        )
