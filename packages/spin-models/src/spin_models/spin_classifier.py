"""A rotation-invariant classifier of spin-weighted fields on the sphere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import sphere_transforms as st
import spin_layers as sl
import spin_registry as sr
from spin_models.per_layer import check_per_layer, check_widths, is_whole_number


class SpinClassifier(nnx.Module):
    """Blocks of spin convolutions, a mean over the sphere, and a dense layer.

    Attributes:
      blocks: list of `spin_layers.SpinBlock`.
      head: the dense layer from means to logits.
    """

    def __init__(
        self,
        input: sr.FieldSpec,
        output: sr.ClassSpec,
        *,
        widths: Sequence[int],
        spins: Sequence[int] = (0, 1),
        filter_values: Sequence[int | None],
        pool: Sequence[bool],
        pooling: str = "weighted",
        nonlinearity: str = "magnitude",
        momentum: float = 0.99,
        dtype: Any = jnp.float32,
        precision: Any = jax.lax.Precision.HIGHEST,
        rngs: nnx.Rngs,
    ):
        """Makes the layers.

        Args:
          input: grid and channels of the fields to classify.
          output: the number of classes.
          widths: for each block, the number of channels of every spin.
          spins: spin weights of every block's output.
          filter_values: for each block, the learned values per filter; None for one per degree.
          pool: for each block, whether it halves the resolution.
          pooling: "weighted" or "spectral", see `spin_layers.SpinBlock`.
          nonlinearity: "magnitude" or "gated", see `spin_layers.SpinBlock`.
          momentum: momentum of the running statistics, at least 0 and below 1.
          dtype: real dtype of the parameters, float32 or float64.
          precision: precision of the matrix products.
          rngs: the "params" stream draws the parameters.

        Raises:
          ValueError: an option is no sequence, the sequences differ in length, the grid is too
            coarse for the pooling, or a layer rejects its arguments.
        """
        options = {"widths": widths, "filter_values": filter_values, "pool": pool}
        check_per_layer("SpinClassifier", **options)
        check_widths("SpinClassifier", widths)
        is_list = isinstance(spins, Sequence | np.ndarray)
        if not is_list or not all(is_whole_number(spin) for spin in spins):
            raise ValueError(
                f"SpinClassifier: spins is {spins!r}; it needs a sequence of whole numbers, in "
                "Python such as (0, 1), on the command line such as 0,1."
            )
        grid, channels = input.grid, dict(input.channels)
        blocks, transforms = [], sl.SharedTransforms()
        for width, values, halve in zip(widths, filter_values, pool, strict=True):
            channels_out = dict.fromkeys(spins, width)
            block = sl.SpinBlock(
                grid,
                channels,
                channels_out,
                filter_values=values,
                pool=halve,
                pooling=pooling,
                nonlinearity=nonlinearity,
                momentum=momentum,
                dtype=dtype,
                precision=precision,
                transforms=transforms,
                rngs=rngs,
            )
            blocks.append(block)
            grid, channels = block.output_grid, channels_out
        self.blocks = nnx.List(blocks)
        self.head = nnx.Linear(
            sum(channels.values()),
            output.num_classes,
            param_dtype=dtype,
            precision=precision,
            kernel_init=sl.lecun_normal,
            rngs=rngs,
        )

    def __call__(self, field: Mapping[int, jax.Array], *, train: bool = False) -> jax.Array:
        """Classifies a batch of fields.

        Args:
          field: mapping from spin to (batch, *grid.shape, channel) on the input's grid.
          train: normalise with the batch's statistics, and update the running ones.

        Returns:
          Logits, (batch, num_classes).

        Raises:
          ValueError: the field has the wrong spins, channels, shape or dtype.
        """
        self._check(field)
        return self._logits(field, train=train)

    @sl.one_program
    def _logits(self, field: Mapping[int, jax.Array], *, train: bool) -> jax.Array:
        packed = sl.pack(field)
        for block in self.blocks:
            packed = block.on_packed(packed, train=train)
        return self.head(sl.global_pool_packed(packed, self.blocks[-1].output_grid))

    def features(
        self, field: Mapping[int, jax.Array]
    ) -> dict[str, tuple[st.Grid, dict[int, jax.Array]]]:
        """Returns the output of every block in evaluation mode.

        Args:
          field: mapping from spin to (batch, *grid.shape, channel) on the input's grid.

        Returns:
          For each block, by its name ("block 1"): the grid, and the field, a mapping from spin to
          (batch, *grid.shape, channel).

        Raises:
          ValueError: the field has the wrong spins, channels, shape or dtype.
        """
        found: dict[str, tuple[st.Grid, dict[int, jax.Array]]] = {}
        self._check(field)
        packed = sl.pack(field)
        for number, block in enumerate(self.blocks, start=1):
            packed = block.on_packed(packed, train=False)
            found[f"block {number}"] = (block.output_grid, sl.unpack(packed, block.output_grid))
        return found

    def _check(self, field: Mapping[int, jax.Array]) -> None:
        first = self.blocks[0]
        sl.check_field(field, first.convolution.channels_in, "SpinClassifier", first.grid)
