"""One layer of a spin-weighted network: pooling, convolution, normalisation, nonlinearity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

import sphere_transforms as st
from spin_layers import folded_filter
from spin_layers.channels import Channels, check_field
from spin_layers.convolution import SpinFilter, check_output_grid
from spin_layers.gated_nonlinearity import GatedNonlinearity
from spin_layers.nonlinearity import MagnitudeNonlinearity
from spin_layers.normalization import SpinBatchNormalization
from spin_layers.one_program import one_program
from spin_layers.packed_field import PackedField, pack, unpack
from spin_layers.pooling import halved_grid, weighted_pool, weighted_pool_packed
from spin_layers.shared_transforms import SharedTransforms


class SpinBlock(nnx.Module):
    """Optional pooling, spin convolution, batch normalisation and a nonlinearity.

    There are two kinds of pooling:

    - "weighted" averages two by two samples before the convolution, as the published networks do.
      It is only approximately equivariant.
    - "spectral" drops the degrees above the coarser grid's band limit, between the two transforms
      of the convolution (Esteves, Slotine, Makadia 2023, arXiv 2306.05420). It is exactly
      equivariant for fields below the band limit of the finer grid. It also costs less, because the
      block synthesises no field on the finer grid.

    A call outside of `jit` is compiled as one program (see `one_program`), so a subclass cannot
    branch on values in `on_packed`.

    Attributes:
      output_grid: grid of the output.
      convolution: the filter of the convolution.
    """

    def __init__(
        self,
        grid: st.Grid,
        channels_in: Channels,
        channels_out: Channels,
        *,
        filter_values: int | None = None,
        pool: bool = False,
        pooling: str = "weighted",
        nonlinearity: str = "magnitude",
        momentum: float = 0.99,
        dtype: Any = jnp.float32,
        precision: Any = jax.lax.Precision.HIGHEST,
        transforms: SharedTransforms | None = None,
        rngs: nnx.Rngs,
    ):
        """Makes the layers.

        Args:
          grid: grid of the input.
          channels_in: channels per spin of the input.
          channels_out: channels per spin of the output.
          filter_values: learned values per filter; None for one per degree.
          pool: whether to halve the resolution.
          pooling: "weighted" or "spectral".
          nonlinearity: "magnitude" for `MagnitudeNonlinearity`, "gated" for `GatedNonlinearity`.
          momentum: momentum of the normalisation's running statistics, at least 0 and below 1.
          dtype: real dtype of the parameters, float32 or float64.
          precision: precision of the matrix products.
          transforms: the transforms of the blocks of a network, which share their tables; None for
            the block's own.
          rngs: the "params" stream draws the filters.

        Raises:
          ValueError: `pool`, `pooling` or `nonlinearity` is not allowed, or a layer rejects its
            arguments.
        """
        if pool not in (True, False):
            raise ValueError(f"SpinBlock: pool is {pool!r}; it must be True or False.")
        if pooling not in ("weighted", "spectral"):
            raise ValueError(f"SpinBlock: pooling is {pooling!r}; take 'weighted' or 'spectral'.")
        if nonlinearity not in ("magnitude", "gated"):
            raise ValueError(
                f"SpinBlock: nonlinearity is {nonlinearity!r}; take 'magnitude' or 'gated'."
            )
        self.grid = grid
        self.pools_samples = pool and pooling == "weighted"
        self.output_grid = grid
        if pool:
            self.output_grid = halved_grid(grid) if self.pools_samples else grid.coarser()
        self.analyzed_grid = self.output_grid if self.pools_samples else grid
        check_output_grid(self.analyzed_grid, self.output_grid)
        band_limit = self.output_grid.band_limit
        self.convolution = SpinFilter(
            band_limit,
            channels_in,
            channels_out,
            filter_values=filter_values,
            dtype=dtype,
            precision=precision,
            rngs=rngs,
        )
        self.normalization = SpinBatchNormalization(
            self.output_grid, channels_out, momentum=momentum, dtype=dtype
        )
        self.nonlinearity: MagnitudeNonlinearity | GatedNonlinearity
        if nonlinearity == "gated":
            self.nonlinearity = GatedNonlinearity(
                channels_out, dtype=dtype, precision=precision, rngs=rngs
            )
        else:
            self.nonlinearity = MagnitudeNonlinearity(channels_out, dtype=dtype)
        spins_in, spins_out = self.convolution.channels_in, self.convolution.channels_out
        shared = transforms or SharedTransforms()
        # On one grid, one transform serves both directions.
        same = self.analyzed_grid == self.output_grid
        analyzed, synthesized = {*spins_in, *(spins_out if same else ())}, {*spins_out}
        self.analysis = shared.real_basis(
            self.analyzed_grid, analyzed, band_limit, precision=precision
        )
        self.synthesis = shared.real_basis(self.output_grid, synthesized, precision=precision)

    def __call__(self, field: Mapping[int, jax.Array], *, train: bool) -> dict[int, jax.Array]:
        """Applies the block to a field: packs it, calls `on_packed`, and unpacks the result.

        Args:
          field: mapping from spin to (batch, *grid.shape, channel).
          train: normalise with the batch's statistics, and update the running ones.

        Returns:
          Mapping from spin to (batch, *output_grid.shape, channel); spin 0 is real.

        Raises:
          ValueError: the field has the wrong spins, channels, shape or dtype.
        """
        check_field(field, self.convolution.channels_in, "SpinBlock", self.grid)
        return self._applied(field, train=train)

    def composed(self, field: Mapping[int, jax.Array], *, train: bool) -> dict[int, jax.Array]:
        """Applies the layers one after another. `__call__` computes the same result faster.

        The block does not hold the tables of these transforms: each call makes them.
        """
        if self.pools_samples:
            field, _ = weighted_pool(field, self.grid)
        filters, band_limit = self.convolution, self.output_grid.band_limit
        analysis, synthesis = (
            st.SpinTransform(grid, tuple(channels), band_limit, precision=filters.precision)
            for grid, channels in (
                (self.analyzed_grid, filters.channels_in),
                (self.output_grid, filters.channels_out),
            )
        )
        convolved = synthesis.inverse(filters.multiply(analysis.forward(field)))
        return self.nonlinearity(self.normalization(convolved, train=train))

    @one_program
    def _applied(self, field: Mapping[int, jax.Array], *, train: bool) -> dict[int, jax.Array]:
        return unpack(self.on_packed(pack(field), train=train), self.output_grid)

    @one_program
    def on_packed(self, packed: PackedField, *, train: bool) -> PackedField:
        """Applies the block to a packed field, with fewer operations and less memory traffic.

        Everything between two nonlinearities is linear, so it is folded into the filter
        (`folded_filter`). The block then analyses the field, multiplies it once, and synthesises
        the result. A test checks that the result equals that of `composed`.

        Args:
          packed: by spin, real arrays (long, lat, batch, channel) on `grid`, on HEALPix (1, pixel,
            batch, channel). They are not checked.
          train: normalise with the batch's statistics, and update the running ones.

        Returns:
          Packed field on `output_grid`; spin 0 is real.
        """
        if self.pools_samples:
            packed = weighted_pool_packed(packed, self.grid, self.output_grid)
        analysis, synthesis = self.analysis.get_value(), self.synthesis.get_value()
        precision = self.convolution.precision
        coefficients = {
            spin: analysis.analyze(spin, components) for spin, components in sorted(packed.items())
        }
        rows = folded_filter.gather_rows(coefficients)
        filters = folded_filter.filters_by_spin(
            self.convolution.block_filters(),
            tuple((both[0].shape[-1], len(both) == 2) for both in coefficients.values()),
            tuple(self.convolution.channels_out.items()),
        )
        statistics = None
        if train:
            statistics = folded_filter.batch_statistics(rows, filters, precision)
            self.normalization.count_update()
        filters, offsets = self._normalized(filters, statistics)
        columns = folded_filter.multiply_rows(rows, tuple(filters.values()), precision)

        linear: PackedField = {}
        for (spin, matrix), values in zip(filters.items(), columns, strict=True):
            if spin == 0:
                (real,) = synthesis.synthesize(0, (values,))
                linear[0] = (real + offsets[0].real[None, None, None, :],)
            else:
                width = matrix.shape[-1] // 2
                both = (values[..., :width], values[..., width:])
                linear[spin] = synthesis.synthesize(spin, both)
        with jax.named_scope("nonlinearity"):
            return self.nonlinearity.on_packed(linear)

    def _normalized(
        self, filters: folded_filter.Filters, statistics: folded_filter.Statistics | None
    ) -> tuple[folded_filter.Filters, dict[int, jax.Array]]:
        """Multiplies the filters by the normalisation factors.

        Args:
          filters: by output spin, (ell, channels in, E and B out).
          statistics: the batch's statistics; None for the running ones.

        Returns:
          The filters, with only the E columns for spin 0; and the offset (channel,) of spin 0.
        """
        result, offsets = {}, {}
        for spin, matrix in filters.items():
            power, mean = statistics[spin] if statistics else (None, None)
            factor, offset = self.normalization.factor_and_offset(spin, power, mean)
            electric, magnetic = jnp.split(matrix, 2, axis=-1)
            real, imag = factor.real[None, None, :], factor.imag[None, None, :]
            scaled = [electric * real - magnetic * imag]
            if offset is None:
                scaled.append(electric * imag + magnetic * real)
            else:
                offsets[spin] = offset
            result[spin] = jnp.concatenate(scaled, -1)
        return result, offsets
