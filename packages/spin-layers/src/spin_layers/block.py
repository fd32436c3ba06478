"""The block that the published networks repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

import sphere_transforms as st
from sphere_transforms.real_basis import RealBasisTransform
from spin_layers.channels import Channels, check_field
from spin_layers.constant import Constant
from spin_layers.convolution import SpinConvolution
from spin_layers.fused_block import fused_block
from spin_layers.nonlinearity import MagnitudeNonlinearity
from spin_layers.normalization import SpinBatchNormalization
from spin_layers.packed import pack, unpack
from spin_layers.pooling import pooled_grid, weighted_pool


class SpinBlock(nnx.Module):
    """Weighted pooling where asked for, convolution, batch normalisation, nonlinearity.

    Attributes:
      output_grid: grid of the output.
    """

    def __init__(
        self,
        grid: st.EquiangularGrid,
        channels_in: Channels,
        channels_out: Channels,
        *,
        filter_values: int | None = None,
        pool: bool = False,
        dtype: Any = jnp.float32,
        precision: Any = jax.lax.Precision.HIGHEST,
        rngs: nnx.Rngs,
    ):
        """Makes the layers.

        Args:
          grid: of the input.
          channels_in: channels per spin of the input.
          channels_out: channels per spin of the output.
          filter_values: learned values per filter; None for one per degree.
          pool: halve the resolution first.
          dtype: of the parameters' real part, float32 or float64.
          precision: of the matrix products.
          rngs: its "params" stream draws the filters.
        """
        self.grid = grid
        self.pool = pool
        self.output_grid = pooled_grid(grid) if pool else grid
        self.convolution = SpinConvolution(
            self.output_grid,
            channels_in,
            channels_out,
            filter_values=filter_values,
            dtype=dtype,
            precision=precision,
            rngs=rngs,
        )
        self.normalization = SpinBatchNormalization(self.output_grid, channels_out, dtype=dtype)
        self.nonlinearity = MagnitudeNonlinearity(channels_out, dtype=dtype)
        spins = {*self.convolution.channels_in, *self.convolution.channels_out}
        self.transform = Constant(RealBasisTransform(self.output_grid, spins, precision=precision))

    def __call__(self, field: Mapping[int, jax.Array], *, train: bool) -> dict[int, jax.Array]:
        """Applies the block.

        Args:
          field: mapping from spin to (batch, lat, long, channel) on `grid`.
          train: use and record the batch's statistics.

        Returns:
          Mapping from spin to (batch, lat, long, channel) on `output_grid`; spin 0 real.
        """
        check_field(field, self.convolution.channels_in, "SpinBlock", self.grid)
        return unpack(fused_block(self, pack(field), train=train))

    def composed(self, field: Mapping[int, jax.Array], *, train: bool) -> dict[int, jax.Array]:
        """The definition: the layers in turn. `__call__` computes the same, faster."""
        if self.pool:
            field, _ = weighted_pool(field, self.grid)
        return self.nonlinearity(self.normalization(self.convolution(field), train=train))
