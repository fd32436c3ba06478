"""A classifier of fields on the sphere, invariant to their rotation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

import sphere_transforms as st
import spin_layers as sl
import spin_registry as sr


class SpinClassifier(nnx.Module):
    """Blocks of spin convolutions, a mean over the sphere, a dense layer.

    Attributes:
      blocks: the `spin_layers.SpinBlock`s.
      head: the dense layer from invariants to logits.
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
        dtype: Any = jnp.float32,
        precision: Any = jax.lax.Precision.HIGHEST,
        rngs: nnx.Rngs,
    ):
        """Makes the layers.

        Args:
          input: grid and channels of the fields to classify.
          output: the number of classes.
          widths: channels of each spin, block by block.
          spins: spin weights of every block's output.
          filter_values: learned values per filter, block by block; None for one per degree.
          pool: whether a block halves the resolution first.
          pooling: how, "weighted" or "spectral": see `spin_layers.SpinBlock`.
          nonlinearity: "magnitude" or "gated", likewise.
          dtype: of the parameters' real part, float32 or float64.
          precision: of the matrix products.
          rngs: its "params" stream draws the parameters.

        Raises:
          ValueError: the sequences differ in length, the grid is too coarse for the pooling, or
            what the layers refuse.
        """
        if not len(widths) == len(filter_values) == len(pool) > 0:
            raise ValueError(
                f"SpinClassifier: widths has {len(widths)} entries, filter_values "
                f"{len(filter_values)}, pool {len(pool)}; each needs one for every block."
            )
        grid, channels = input.grid, dict(input.channels)
        blocks = []
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
                dtype=dtype,
                precision=precision,
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
        """Classifies.

        Args:
          field: mapping from spin to (batch, lat, long, channel) on the input's grid.
          train: use and record the batch's statistics.

        Returns:
          Logits, (batch, num_classes).

        Raises:
          ValueError: a field that the network was not made for.
        """
        packed = self._packed(field)
        for block in self.blocks:
            packed = sl.fused_block(block, packed, train=train)
        return self.head(sl.global_pool_packed(packed, self.blocks[-1].output_grid))

    def features(
        self, field: Mapping[int, jax.Array]
    ) -> dict[str, tuple[st.Grid, dict[int, jax.Array]]]:
        """The fields between the blocks, in evaluation.

        Args:
          field: as in a call.

        Returns:
          Of every block, by its name: the grid, and the field, a mapping from spin to (batch, lat,
          long, channel).

        Raises:
          ValueError: a field that the network was not made for.
        """
        found: dict[str, tuple[st.Grid, dict[int, jax.Array]]] = {}
        packed = self._packed(field)
        for number, block in enumerate(self.blocks, start=1):
            packed = sl.fused_block(block, packed, train=False)
            found[f"block {number}"] = (block.output_grid, sl.unpack(packed))
        return found

    def _packed(self, field: Mapping[int, jax.Array]) -> sl.PackedField:
        first = self.blocks[0]
        sl.check_field(field, first.convolution.channels_in, "SpinClassifier", first.grid)
        return sl.pack(field)
