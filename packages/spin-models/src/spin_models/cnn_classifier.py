"""A planar CNN on the equirectangular map, the baseline that is not rotation-equivariant."""

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
from spin_models.per_layer import check_per_layer, check_widths


class CNNClassifier(nnx.Module):
    """3x3 convolutions with batch normalisation and ReLU, a mean over the map, a dense layer.

    The network treats the map as a flat image, with zero padding and unweighted means. It reads
    only spin 0.

    Attributes:
      convolutions: one `flax.nnx.Conv` per layer.
      normalizations: one `BatchNormalization` per layer.
      head: the dense layer from means to logits.
    """

    def __init__(
        self,
        input: sr.FieldSpec,
        output: sr.ClassSpec,
        *,
        widths: Sequence[int],
        pool: Sequence[bool],
        momentum: float = 0.99,
        dtype: Any = jnp.float32,
        precision: Any = jax.lax.Precision.HIGHEST,
        rngs: nnx.Rngs,
    ):
        """Makes the layers.

        Args:
          input: grid and channels of the fields to classify; spin 0 only.
          output: the number of classes.
          widths: number of channels of each layer.
          pool: for each layer, whether it first averages over 2x2 pixels.
          momentum: momentum of the running statistics, at least 0 and below 1.
          dtype: dtype of the parameters, float32 or float64.
          precision: precision of the convolutions and of the dense layer.
          rngs: the "params" stream draws the parameters.

        Raises:
          ValueError: the input has spins other than 0 or a grid of pixels, or the sequences differ
            in length.
        """
        if tuple(input.channels) != (0,):
            raise ValueError(
                f"CNNClassifier reads spin 0 alone, and the input has spins {tuple(input.channels)}"
                "; use a spin classifier for such fields."
            )
        if len(input.grid.shape) != 2:
            raise ValueError(
                f"CNNClassifier reads a map of latitudes and longitudes, and {input.grid!r} has "
                "pixels; use a spin classifier, or another grid."
            )
        check_per_layer("CNNClassifier", widths=widths, pool=pool)
        check_widths("CNNClassifier", widths)
        if not all(halves in (True, False) for halves in pool):
            raise ValueError(f"CNNClassifier: pool is {pool!r}; each entry is True or False.")
        momentum = sl.checked_momentum(momentum, "CNNClassifier: momentum")
        dtype = st.checked_real_dtype(dtype, "CNNClassifier: dtype")
        self.grid = input.grid
        self.channels = nnx.static(dict(input.channels))
        self.pool = tuple(pool)
        widths = [int(width) for width in widths]
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
            BatchNormalization(width, momentum=momentum, epsilon=1e-5, param_dtype=dtype, rngs=rngs)
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
        """Classifies a batch of fields.

        Args:
          field: {0: real (batch, lat, long, channel)}.
          train: normalise with the batch's statistics, and update the running ones.

        Returns:
          Logits, (batch, num_classes).

        Raises:
          ValueError: the field has the wrong spins, channels, shape or dtype.
        """
        return self._logits({0: self._checked(field)}, train=train)

    @sl.one_program
    def _logits(self, field: Mapping[int, jax.Array], *, train: bool) -> jax.Array:
        x = field[0]
        for layer in range(len(self.pool)):
            x = self._layer(layer, x, train=train)
        return self.head(x.mean(axis=(1, 2)))

    def features(
        self, field: Mapping[int, jax.Array]
    ) -> dict[str, tuple[st.Grid, dict[int, jax.Array]]]:
        """Returns the output of every layer in evaluation mode, as a field of spin 0.

        Args:
          field: {0: real (batch, lat, long, channel)}.

        Returns:
          For each layer, by its name ("layer 1"): a grid of the map's shape, and the map,
          {0: (batch, lat, long, channel)}.

        Raises:
          ValueError: the field has the wrong spins, channels, shape or dtype.
        """
        found: dict[str, tuple[st.Grid, dict[int, jax.Array]]] = {}
        x, grid = self._checked(field), self.grid
        for layer, pools in enumerate(self.pool):
            x = self._layer(layer, x, train=False)
            grid = grid.coarser() if pools else grid
            found[f"layer {layer + 1}"] = (grid, {0: x})
        return found

    def _layer(self, number: int, x: jax.Array, *, train: bool) -> jax.Array:
        if self.pool[number]:
            x = nnx.avg_pool(x, (2, 2), strides=(2, 2))
        normalization = self.normalizations[number]
        x = normalization(self.convolutions[number](x), train=train)
        return nnx.relu(x)

    def _checked(self, field: Mapping[int, jax.Array]) -> jax.Array:
        sl.check_field(field, self.channels, "CNNClassifier", self.grid)
        if jnp.iscomplexobj(field[0]):
            raise ValueError(
                f"CNNClassifier: spin 0 has dtype {field[0].dtype}; a planar network needs real "
                "values, for example the real part."
            )
        return field[0]


class BatchNormalization(nnx.BatchNorm):
    """`flax.nnx.BatchNorm` that evaluates without the start values of the running statistics.

    Attributes:
      updates: number of updates of the running statistics, int32.
    """

    def __init__(self, num_features: int, **options: Any):
        """Takes the options of `flax.nnx.BatchNorm`."""
        super().__init__(num_features, **options)
        self.updates = nnx.BatchStat(jnp.zeros((), jnp.int32))

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:  # type: ignore[override]
        """Normalises with the batch's statistics, or with the running ones."""
        if train:
            self.updates[...] = jnp.minimum(self.updates[...] + 1, sl.MANY_UPDATES)
            return super().__call__(x, use_running_average=False)
        updates = self.updates[...]
        mean = sl.without_start(self.mean[...], 0.0, self.momentum, updates)
        variance = sl.without_start(self.var[...], 1.0, self.momentum, updates)
        assert self.scale is not None
        assert self.bias is not None
        factor = jax.lax.rsqrt(variance + self.epsilon) * self.scale[...]
        mean, factor, bias = (
            values[None, None, None, :] for values in (mean, factor, self.bias[...])
        )
        return (x - mean) * factor + bias
