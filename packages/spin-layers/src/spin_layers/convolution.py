"""Spin-weighted spherical convolution, with full or localized filters, and spectral pooling."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import sphere_transforms as st
from spin_layers.buffer import Buffer
from spin_layers.channels import Channels, check_field, checked_channels, is_whole_number
from spin_layers.initialization import complex_normal


class SpinFilter(nnx.Module):
    """The filter of a spin convolution, which acts on coefficients.

    A full filter learns one value per degree. A localized filter learns a few values and
    interpolates them linearly over the degrees. A filter that is smooth in ell is localized on the
    sphere, and its number of parameters does not grow with the resolution.

    Attributes:
      kernel: complex parameter (channels in, channels out, values). The channel axes list the spins
        in increasing order, and the channels of each spin together.
    """

    def __init__(
        self,
        band_limit: int,
        channels_in: Channels,
        channels_out: Channels,
        *,
        filter_values: int | None = None,
        dtype: Any = jnp.float32,
        precision: Any = jax.lax.Precision.HIGHEST,
        rngs: nnx.Rngs,
    ):
        """Draws the filter from a complex normal distribution.

        The variance is that of the published code, whose learning rate is tuned for it:
        E|K|^2 = 1 / (number of input spins * all input channels * all output channels).

        Args:
          band_limit: L, the number of degrees.
          channels_in: channels per spin of the input.
          channels_out: channels per spin of the output.
          filter_values: learned values per filter, at least 2; None for one per degree.
          dtype: real dtype of the parameters, float32 or float64.
          precision: precision of the matrix products.
          rngs: the "params" stream draws the filter.

        Raises:
          ValueError: the filter has too many or too few values.
        """
        dtype = st.checked_real_dtype(dtype, f"{type(self).__name__}: dtype")
        self.channels_in = nnx.static(checked_channels(channels_in, "channels_in"))
        self.channels_out = nnx.static(checked_channels(channels_out, "channels_out"))
        self.precision = precision
        values = band_limit if filter_values is None else filter_values
        self.interpolation = Buffer(
            jax.device_put(localized_filter_matrix(band_limit, values).astype(dtype))
        )
        size_in, size_out = sum(self.channels_in.values()), sum(self.channels_out.values())
        scale = 1 / np.sqrt(len(self.channels_in) * size_in * size_out)
        complex_dtype = np.result_type(dtype, np.complex64)
        shape = (size_in, size_out, values)
        self.kernel = nnx.Param(complex_normal(rngs.params(), shape, complex_dtype, scale))

    def multiply(self, coefficients: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
        """Multiplies coefficients by the filter.

        Args:
          coefficients: mapping from spin to (batch, ell, m, channel), below the output's band
            limit.

        Returns:
          Mapping from output spin to complex (batch, ell, m, channel).
        """
        stacked = jnp.concatenate([coefficients[spin] for spin in self.channels_in], -1)
        # This is one real product of twice the width. On CPU, XLA's complex products run at a third
        # of the speed of real ones.
        components = jnp.concatenate([stacked.real, stacked.imag], -1)
        product = jnp.einsum(
            "blmi,lio->blmo", components, self.block_filters(), precision=self.precision
        )
        product = jax.lax.complex(*jnp.split(product, 2, axis=-1))
        ends = np.cumsum(list(self.channels_out.values()))[:-1]
        return dict(zip(self.channels_out, jnp.split(product, ends, axis=-1), strict=True))

    def block_filters(self) -> jax.Array:
        """Real filters (ell, 2 in, 2 out), which act on [real, imaginary] channels per degree."""
        return _block_filters(self.kernel[...], self.interpolation[...], self.precision)


class SpinConvolution(SpinFilter):
    r"""g^{s'}_{ell m} = sum over spins s and channels of f^s_{ell m} K^{s s'}_ell.

    The filter K is complex and the same for every m. It mixes all spins and channels of the input
    into every spin and channel of the output. This is an anisotropic filter on the sphere, and the
    layer is exactly equivariant (Esteves, Makadia, Daniilidis 2020, arXiv 2006.10731, equation 7).
    The filter is full or localized: see `SpinFilter`.

    If the output grid is coarser than the input grid, the layer drops the degrees above the output
    grid's band limit between the forward and the inverse transform. This is spectral pooling
    (Esteves, Slotine, Makadia 2023, arXiv 2306.05420).
    """

    def __init__(
        self,
        grid: st.Grid,
        channels_in: Channels,
        channels_out: Channels,
        *,
        filter_values: int | None = None,
        output_grid: st.Grid | None = None,
        dtype: Any = jnp.float32,
        precision: Any = jax.lax.Precision.HIGHEST,
        rngs: nnx.Rngs,
    ):
        """Draws the filter as `SpinFilter` does, and makes the tables of both transforms.

        Args:
          grid: grid of the input.
          channels_in: channels per spin of the input.
          channels_out: channels per spin of the output.
          filter_values: learned values per filter, at least 2; None for one per degree.
          output_grid: grid of the output, no finer than the input grid; None for the input grid.
          dtype: real dtype of the parameters, float32 or float64.
          precision: precision of the matrix products.
          rngs: the "params" stream draws the filter.

        Raises:
          ValueError: the filter has too many or too few values, or the output grid is finer than
            the input grid.
        """
        output_grid = grid if output_grid is None else output_grid
        check_output_grid(grid, output_grid)
        band_limit = output_grid.band_limit
        super().__init__(
            band_limit,
            channels_in,
            channels_out,
            filter_values=filter_values,
            dtype=dtype,
            precision=precision,
            rngs=rngs,
        )
        self.analysis = Buffer(
            st.SpinTransform(grid, tuple(self.channels_in), band_limit, precision=precision)
        )
        self.synthesis = Buffer(
            st.SpinTransform(output_grid, tuple(self.channels_out), precision=precision)
        )

    def __call__(self, field: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
        """Convolves a field.

        Args:
          field: mapping from spin to (batch, *grid.shape, channel), with the spins and channels of
            `channels_in`.

        Returns:
          Mapping from spin to complex (batch, *output_grid.shape, channel), with the spins and
          channels of `channels_out`.

        Raises:
          ValueError: the field has the wrong spins, channels, shape or dtype.
        """
        check_field(field, self.channels_in, "SpinConvolution", self.analysis.get_value().grid)
        coefficients = self.analysis.get_value().forward(field)
        return self.synthesis.get_value().inverse(self.multiply(coefficients))


def check_output_grid(grid: st.Grid, output_grid: st.Grid) -> None:
    """Raises ValueError if a convolution cannot get from one grid to the other."""
    if output_grid.band_limit > grid.band_limit:
        raise ValueError(
            f"output_grid {output_grid!r} has a larger band limit than the input's, {grid!r}; "
            "spectral pooling can only drop degrees."
        )


def localized_filter_matrix(band_limit: int, values: int) -> np.ndarray:
    """Returns the matrix that interpolates learned values linearly over the degrees.

    Args:
      band_limit: L. The values are at equal steps from degree 0 to L - 1, both ends included.
      values: number of learned values, from 2 to L.

    Returns:
      float64, shape (L, values). It is the identity if values = L.

    Raises:
      ValueError: `values` is out of range.
    """
    if not is_whole_number(values) or not 2 <= values <= band_limit:
        raise ValueError(
            f"filter_values is {values!r}; a filter over {band_limit} degrees takes from 2 to "
            f"{band_limit} values, or None for one per degree."
        )
    knots = np.linspace(0, band_limit - 1, values)
    degrees = np.arange(band_limit)
    return np.stack([np.interp(degrees, knots, row) for row in np.eye(values)], axis=1)


@functools.partial(jax.jit, static_argnums=2)
def _block_filters(kernel: jax.Array, interpolation: jax.Array, precision: Any) -> jax.Array:
    real, imag = (
        jnp.einsum("lv,iov->lio", interpolation, component, precision=precision)
        for component in (kernel.real, kernel.imag)
    )
    return jnp.concatenate(
        [jnp.concatenate([real, imag], -1), jnp.concatenate([-imag, real], -1)], -2
    )
