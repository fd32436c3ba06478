"""The block that the networks repeat."""

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
from spin_layers.gated_nonlinearity import GatedNonlinearity
from spin_layers.nonlinearity import MagnitudeNonlinearity
from spin_layers.normalization import SpinBatchNormalization
from spin_layers.packed import pack, unpack
from spin_layers.pooling import pooled_grid, weighted_pool


class SpinBlock(nnx.Module):
    """Pooling where asked for, convolution, batch normalisation, nonlinearity.

    The published networks pool by weighted means of samples, which is equivariant only in part.
    Spectral pooling drops the degrees that the coarser grid does not carry, between the
    convolution's two transforms: it is exactly equivariant for what the finer grid carries, and
    costs less, for nothing is made on that grid. (Esteves, Slotine, Makadia 2023, arXiv
    2306.05420.)

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
        pooling: str = "weighted",
        nonlinearity: str = "magnitude",
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
          pooling: how, "weighted" or "spectral".
          nonlinearity: "magnitude" or "gated": `MagnitudeNonlinearity`, `GatedNonlinearity`.
          dtype: of the parameters' real part, float32 or float64.
          precision: of the matrix products.
          rngs: its "params" stream draws the filters.

        Raises:
          ValueError: another `pooling` or `nonlinearity`, or what the layers refuse.
        """
        if pooling not in ("weighted", "spectral"):
            raise ValueError(f"SpinBlock: pooling is {pooling!r}; take 'weighted' or 'spectral'.")
        if nonlinearity not in ("magnitude", "gated"):
            raise ValueError(
                f"SpinBlock: nonlinearity is {nonlinearity!r}; take 'magnitude' or 'gated'."
            )
        self.grid = grid
        self.pools_samples = pool and pooling == "weighted"
        self.output_grid = pooled_grid(grid) if pool else grid
        analyzed_grid = self.output_grid if self.pools_samples else grid
        self.convolution = SpinConvolution(
            analyzed_grid,
            channels_in,
            channels_out,
            filter_values=filter_values,
            output_grid=self.output_grid,
            dtype=dtype,
            precision=precision,
            rngs=rngs,
        )
        self.normalization = SpinBatchNormalization(self.output_grid, channels_out, dtype=dtype)
        self.nonlinearity: MagnitudeNonlinearity | GatedNonlinearity
        if nonlinearity == "gated":
            self.nonlinearity = GatedNonlinearity(
                channels_out, dtype=dtype, precision=precision, rngs=rngs
            )
        else:
            self.nonlinearity = MagnitudeNonlinearity(channels_out, dtype=dtype)
        spins_in, spins_out = self.convolution.channels_in, self.convolution.channels_out
        band_limit = self.output_grid.band_limit
        self.analysis = Constant(
            RealBasisTransform(analyzed_grid, spins_in, band_limit, precision=precision)
        )
        self.synthesis = Constant(
            RealBasisTransform(self.output_grid, spins_out, precision=precision)
        )

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
        if self.pools_samples:
            field, _ = weighted_pool(field, self.grid)
        return self.nonlinearity(self.normalization(self.convolution(field), train=train))
