"""A planar CNN on the equirectangular map: the baseline that rotations confuse."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

import sphere_transforms as st
import spin_layers as sl
import spin_registry as sr


class CNNClassifier(nnx.Module):
    """3x3 convolutions with batch normalisation and ReLU, a mean over the map, a dense layer.

    Knows nothing of the sphere: zero padding, unweighted means. Reads spin 0 alone.

    Attributes:
      convolutions: one per layer.
      normalizations: one per layer.
      head: the dense layer.
    """

    def __init__(
        self,
        input: sr.FieldSpec,
        output: sr.ClassSpec,
        *,
        widths: Sequence[int],
        pool: Sequence[bool],
        dtype: Any = jnp.float32,
        precision: Any = jax.lax.Precision.HIGHEST,
        rngs: nnx.Rngs,
    ):
        """Makes the layers.

        Args:
          input: grid and channels of the fields to classify; spin 0 alone.
          output: the number of classes.
          widths: channels, layer by layer.
          pool: whether a layer averages over 2x2 pixels first.
          dtype: of the parameters, float32 or float64.
          precision: of the convolutions.
          rngs: its "params" stream draws the parameters.

        Raises:
          ValueError: the input has other spins than 0, or the sequences differ in length.
        """
        if tuple(input.channels) != (0,):
            raise ValueError(
                f"CNNClassifier reads spin 0 alone, and the input has spins {tuple(input.channels)}"
                "; choose a spin classifier for such fields."
            )
        if not len(widths) == len(pool) > 0:
            raise ValueError(
                f"CNNClassifier: widths has {len(widths)} entries, pool {len(pool)}; each needs "
                "one for every layer."
            )
        self.grid = input.grid
        self.channels = nnx.static(dict(input.channels))
        self.pool = tuple(pool)
        sizes = (input.channels[0], *widths)
        self.convolutions = nnx.List(
            nnx.Conv(
                size_in,
                size_out,
                (3, 3),
                param_dtype=dtype,
                precision=precision,
                kernel_init=sl.lecun_normal,
                rngs=rngs,
            )
            for size_in, size_out in itertools.pairwise(sizes)
        )
        self.normalizations = nnx.List(
            nnx.BatchNorm(width, momentum=0.99, epsilon=1e-5, param_dtype=dtype, rngs=rngs)
            for width in widths
        )
        self.head = nnx.Linear(
            widths[-1],
            output.num_classes,
            param_dtype=dtype,
            precision=precision,
            kernel_init=sl.lecun_normal,
            rngs=rngs,
        )

    def __call__(self, field: Mapping[int, jax.Array], *, train: bool = False) -> jax.Array:
        """Classifies.

        Args:
          field: {0: real (batch, lat, long, channel)}.
          train: use and record the batch's statistics.

        Returns:
          Logits, (batch, num_classes).

        Raises:
          ValueError: a field that the network was not made for.
        """
        x = self._checked(field)
        for layer in range(len(self.pool)):
            x = self._layer(layer, x, train=train)
        return self.head(x.mean(axis=(1, 2)))

    def features(
        self, field: Mapping[int, jax.Array]
    ) -> dict[str, tuple[st.Grid, dict[int, jax.Array]]]:
        """The maps between the layers, in evaluation, as if they were fields of spin 0.

        Args:
          field: as in a call.

        Returns:
          Of every layer, by its name: the grid of as many points, and the map, {0: (batch, lat,
          long, channel)}.

        Raises:
          ValueError: a field that the network was not made for.
        """
        found: dict[str, tuple[st.Grid, dict[int, jax.Array]]] = {}
        x = self._checked(field)
        for layer in range(len(self.pool)):
            x = self._layer(layer, x, train=False)
            found[f"layer {layer + 1}"] = (st.EquiangularGrid(x.shape[1]), {0: x})
        return found

    def _layer(self, number: int, x: jax.Array, *, train: bool) -> jax.Array:
        if self.pool[number]:
            x = nnx.avg_pool(x, (2, 2), strides=(2, 2))
        normalization = self.normalizations[number]
        x = normalization(self.convolutions[number](x), use_running_average=not train)
        return nnx.relu(x)

    def _checked(self, field: Mapping[int, jax.Array]) -> jax.Array:
        sl.check_field(field, self.channels, "CNNClassifier", self.grid)
        if jnp.iscomplexobj(field[0]):
            raise ValueError(
                f"CNNClassifier: spin 0 has dtype {field[0].dtype}; a planar network takes real "
                "values, for example the real part."
            )
        return field[0]
