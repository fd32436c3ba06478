"""Batch normalisation of spin-weighted fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import sphere_transforms as st
from spin_layers.channels import Channels, along_channels, check_field, checked_channels
from spin_layers.initialization import filled
from spin_layers.modulus import squared_modulus
from spin_layers.one_program import one_program
from spin_layers.pooling import sphere_mean
from spin_layers.promotion import difference, product, total
from spin_layers.running_statistics import MANY_UPDATES, checked_momentum, without_start


class SpinBatchNormalization(nnx.Module):
    """Normalises each spin and channel by its statistics over sphere and batch.

    - Spin 0: subtract the mean, divide by the root of the second moment E|z|^2, multiply by a
      complex scale, add a complex bias. As in the published code, the second moment is that of z
      before the subtraction.
    - Other spins: divide by the root of the second moment, multiply by a complex scale. Subtracting
      a mean or adding a bias would break equivariance.

    Means over the sphere are computed by the grid's quadrature. In training, the layer normalises
    with the batch's statistics and updates the running ones: running = momentum * running +
    (1 - momentum) * batch.

    After n updates, the start value still has the weight momentum^n in a running statistic. In
    evaluation it is removed: the layer normalises with (running - momentum^n start) /
    (1 - momentum^n), as Adam does with its moments. After many updates this changes nothing.

    Attributes:
      scale: by spin ("spin_0"), complex parameters (channel,).
      bias: only for spin 0, complex parameter (channel,).
      mean: only for spin 0, complex running statistic (channel,).
      second_moment: by spin, real running statistics (channel,).
      updates: number of updates of the running statistics, int32.
    """

    def __init__(
        self,
        grid: st.Grid,
        channels: Channels,
        *,
        momentum: float = 0.99,
        epsilon: float = 1e-5,
        dtype: Any = jnp.float32,
    ):
        """Initialises scales and second moments to one, and biases and means to zero.

        Args:
          grid: grid of the fields.
          channels: channels per spin.
          momentum: momentum of the running statistics, at least 0 and below 1.
          epsilon: added to the second moment.
          dtype: real dtype of the parameters, float32 or float64.

        Raises:
          ValueError: the channels, the momentum or the dtype is not allowed.
        """
        dtype = st.checked_real_dtype(dtype, "SpinBatchNormalization: dtype")
        self.grid, self.epsilon = grid, epsilon
        self.momentum = checked_momentum(momentum, "SpinBatchNormalization: momentum")
        self.channels = nnx.static(checked_channels(channels, "channels"))
        complex_dtype = np.result_type(dtype, np.complex64)
        names = {f"spin_{spin}": count for spin, count in self.channels.items()}
        self.scale = nnx.Dict({k: nnx.Param(filled(1, c, complex_dtype)) for k, c in names.items()})
        self.second_moment = nnx.Dict(
            {name: nnx.BatchStat(filled(1, count, dtype)) for name, count in names.items()}
        )
        self.updates = nnx.BatchStat(jnp.zeros((), jnp.int32))
        if 0 in self.channels:
            self.bias = nnx.Param(filled(0, self.channels[0], complex_dtype))
            self.mean = nnx.BatchStat(filled(0, self.channels[0], complex_dtype))

    def __call__(self, field: Mapping[int, jax.Array], *, train: bool) -> dict[int, jax.Array]:
        """Normalises a field.

        Args:
          field: mapping from spin to (batch, lat, long, channel).
          train: normalise with the batch's statistics and update the running ones, instead of
            normalising with the running ones.

        Returns:
          Mapping from spin to complex (batch, lat, long, channel).

        Raises:
          ValueError: the field has the wrong spins, channels, shape or dtype.
        """
        check_field(field, self.channels, "SpinBatchNormalization", self.grid)
        return self._applied(field, train=train)

    @one_program
    def _applied(self, field: Mapping[int, jax.Array], *, train: bool) -> dict[int, jax.Array]:
        if train:
            self.count_update()
        return {spin: self._normalize(spin, values, train) for spin, values in field.items()}

    def factor_and_offset(
        self, spin: int, power: jax.Array | None, mean: jax.Array | None
    ) -> tuple[jax.Array, jax.Array | None]:
        """Returns the normalisation as one factor and one offset per channel.

        Given the batch's statistics, this also updates the running ones. Call `count_update` once
        before, for all spins.

        Args:
          spin: spin weight of the field.
          power: the batch's second moment (channel,); None for the running one.
          mean: the batch's mean (channel,); None for the running one. Ignored unless spin is 0.

        Returns:
          Complex factor (channel,), and the offset to add after multiplying by it: complex
          (channel,) for spin 0, None for other spins.
        """
        power = self._recorded(self.second_moment[f"spin_{spin}"], power, start=1.0)
        factor = product(self.scale[f"spin_{spin}"][...], jax.lax.rsqrt(power + self.epsilon))
        if spin != 0:
            return factor, None
        shift = product(self._recorded(self.mean, mean, start=0.0), factor)
        return factor, difference(self.bias[...], shift)

    def count_update(self) -> None:
        """Counts an update of the running statistics."""
        # It stops where the start value has no weight any more, and cannot overflow.
        self.updates[...] = jnp.minimum(self.updates[...] + 1, MANY_UPDATES)

    def _normalize(self, spin: int, values: jax.Array, train: bool) -> jax.Array:
        power = mean = None
        if train:
            power = jnp.mean(sphere_mean(squared_modulus(values), self.grid), axis=0)
            if spin == 0:
                mean = jnp.mean(sphere_mean(values, self.grid), axis=0)
        factor, offset = self.factor_and_offset(spin, power, mean)
        scaled = product(values, along_channels(factor, values))
        return scaled if offset is None else total(scaled, along_channels(offset, scaled))

    def _recorded(
        self, statistic: nnx.BatchStat, batch: jax.Array | None, *, start: float
    ) -> jax.Array:
        """Records and returns the batch's statistic; returns the running one if that is None."""
        if batch is None:
            return without_start(statistic[...], start, self.momentum, self.updates[...])
        running = total(self.momentum * statistic[...], (1 - self.momentum) * batch)
        statistic[...] = jax.lax.stop_gradient(running).astype(statistic.dtype)
        return batch
