"""The published code's weights, placed in our models, and its results by our names."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import sphere_transforms as st
import spin_registry as sr

FOLDER = pathlib.Path(__file__).parent / "published"
NAMES = ("spin_classifier_6_layers", "spherical_classifier_6_layers", "cnn_classifier_6_layers")


class PublishedCase:
    """One network's numbers; `kind` below is "params", "grad", "batch_stats" and the like."""

    def __init__(self, name):
        self.name = name
        self.numbers = dict(np.load(FOLDER / f"{name}.npz"))
        self.input = {0: jnp.asarray(self.numbers["input"][:, :, :, 0])}
        self.labels = jnp.asarray([7, 2, 1, 0])

    def model(self, dtype=jnp.float32):
        model = sr.get_model(self.name).create(
            input=sr.FieldSpec(st.EquiangularGrid(64), {0: 1}),
            output=sr.ClassSpec(10),
            rngs=nnx.Rngs(0),
            dtype=dtype,
        )
        places = dict(self.parameters(model)) | dict(self.statistics(model))
        for key, (kind, variable) in places.items():
            value = self.ours(kind, key, variable.shape)
            variable[...] = jnp.asarray(value, variable.dtype)
        return model

    def ours(self, kind, key, shape):
        """The published array, in our order of axes."""
        value = self.numbers[f"{kind}/{key}"]
        if value.ndim == 5 and key.endswith("kernel"):
            # (spin in, spin out, channel in, channel out, value): ours run over spins, channels.
            value = value.transpose(0, 2, 1, 3, 4)
        return value.reshape(shape)

    def parameters(self, model):
        """Pairs of published key and ("params", variable)."""
        if self.name.startswith("cnn"):
            for i, convolution in enumerate(model.convolutions):
                yield f"Conv_{i}/kernel", ("params", convolution.kernel)
                yield f"Conv_{i}/bias", ("params", convolution.bias)
            for i, normalization in enumerate(model.normalizations):
                yield f"BatchNorm_{i}/scale", ("params", normalization.scale)
                yield f"BatchNorm_{i}/bias", ("params", normalization.bias)
            head = "Dense_0"
        else:
            for i, block in enumerate(model.blocks):
                yield f"spin_block_{i}/spherical_conv/kernel", ("params", block.convolution.kernel)
                prefix = f"spin_block_{i}/batch_norm_nonlin"
                for spin, scale in block.normalization.scale.items():
                    index = int(spin.removeprefix("spin_"))
                    norm = f"{prefix}/SphericalBatchNormalization_{index}"
                    yield f"{norm}/scale", ("params", scale)
                yield (
                    f"{prefix}/SphericalBatchNormalization_0/bias",
                    ("params", block.normalization.bias),
                )
                for _, bias in block.nonlinearity.bias.items():
                    yield f"{prefix}/magnitude_nonlin_1/bias", ("params", bias)
            head = "final_dense"
        yield f"{head}/kernel", ("params", model.head.kernel)
        yield f"{head}/bias", ("params", model.head.bias)

    def statistics(self, model):
        """Pairs of published key and ("batch_stats", variable)."""
        if self.name.startswith("cnn"):
            for i, normalization in enumerate(model.normalizations):
                yield f"BatchNorm_{i}/mean", ("batch_stats", normalization.mean)
                yield f"BatchNorm_{i}/var", ("batch_stats", normalization.var)
            return
        for i, block in enumerate(model.blocks):
            for spin, moment in block.normalization.second_moment.items():
                norm = f"SphericalBatchNormalization_{spin.removeprefix('spin_')}"
                key = f"spin_block_{i}/batch_norm_nonlin/{norm}"
                yield f"{key}/variance", ("batch_stats", moment)
                if spin == "spin_0":
                    yield f"{key}/mean", ("batch_stats", block.normalization.mean)


def loss_and_logits(model, field, labels, apply):
    """Mean cross-entropy in training mode."""
    logits = apply(model, field)
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    return -jnp.mean(picked), logits
