"""A model of every sort of variable, and datasets of every sort of trouble."""

import dataclasses
import os
import sys

import jax.numpy as jnp
import numpy as np
from flax import linen, nnx

import spin_registry as sr
from sphere_transforms import EquiangularGrid, RingGrid
from spin_data import ArraySource, Dataset

SIZES = {"train": 70, "validation": 20, "test": 30}
NUM_CLASSES = 4


@dataclasses.dataclass(frozen=True)
class ShiftedGrid(RingGrid):
    """An equiangular grid whose first longitude is half a step from zero."""

    size: int

    @property
    def shape(self):
        return self.size, self.size

    @property
    def band_limit(self):
        return self.size // 2

    @property
    def colatitudes(self):
        return EquiangularGrid(self.size).colatitudes

    @property
    def quadrature_weights(self):
        return EquiangularGrid(self.size).quadrature_weights

    @property
    def longitude_offset(self):
        return np.pi / self.size

    def coarser(self):
        return ShiftedGrid(self.size // 2)


class TinyNet(nnx.Module):
    """A dense layer, batch norm, complex weights, a constant table, dropout, and a mean."""

    def __init__(self, input, output, *, rngs, width=6, dropout=0.0):
        if width < 1:
            raise ValueError(f"width must be positive, got {width}")
        channels = sum(input.channels.values())
        colatitudes = np.linspace(0, np.pi, input.grid.shape[0], dtype=np.float32)
        self.table = nnx.Variable(jnp.asarray(np.cos(colatitudes))[:, None, None])
        self.layers = nnx.List([nnx.Linear(channels, width, use_bias=False, rngs=rngs)])
        self.norm = nnx.BatchNorm(width, momentum=0.9, rngs=rngs)
        self.turn = nnx.Param(jnp.full((width,), 1 + 0.5j, jnp.complex64))
        self.dropout = nnx.Dropout(dropout, rngs=rngs)
        self.head = nnx.Linear(3 * width, output.num_classes, rngs=rngs)

    def __call__(self, field, *, train):
        x = jnp.concatenate([jnp.abs(field[spin]) for spin in sorted(field)], axis=-1)
        x = jnp.tanh(self.norm(self.layers[0](x), use_running_average=not train))
        z = jnp.mean(x * self.turn[None, None, None], axis=(1, 2))
        tilted = jnp.mean(x * self.table[None], axis=(1, 2))
        features = jnp.concatenate([z.real, jnp.abs(z), tilted], axis=-1)
        return self.head(self.dropout(features, deterministic=not train))


def load(*, kind, resolution=8):
    """Classes that differ in brightness and in its slope from pole to pole."""
    if kind == "not_downloaded":
        raise FileNotFoundError("no archive\nhere: set TINY_SPHERES_DIR to where it is")
    if kind == "exits":
        sys.exit(0)
    grid = ShiftedGrid(resolution) if kind == "own_grid" else EquiangularGrid(resolution)
    channels = {0: 1, 1: 2} if kind == "spins" else {0: 1}
    num_classes = 3 if kind == "three_classes" else NUM_CLASSES
    output = sr.FieldSpec(grid) if kind == "dense" else sr.ClassSpec(num_classes)
    splits = {
        split: _source(kind, grid.shape, size, num_classes, number)
        for number, (split, size) in enumerate(SIZES.items())
        if (kind, split) != ("no_test", "test")
    }
    if kind.startswith("bad_label_in_"):
        split = kind.removeprefix("bad_label_in_")
        splits[split] = [splits[split][index] for index in range(SIZES[split])]
        splits[split][5]["label"] = num_classes
    version = os.environ.get("TINY_SPHERES_VERSION", "")
    dataset = Dataset(sr.FieldSpec(grid, channels), output, splits, version=version)
    if kind in ("exiting_records", "failing_records"):
        faulty = {name: FaultySource(source, kind) for name, source in splits.items()}
        return dataclasses.replace(dataset, splits=faulty)
    others = {
        "none": None,
        "dict": {"input": dataset.input, "output": output, "splits": splits},
        "few_names": dataclasses.replace(dataset, class_names=("a", "b")),
        "number_names": dataclasses.replace(dataset, class_names=(0, 1, 2, 3)),
        "no_source": dataclasses.replace(dataset, splits={"train": iter([])}),
    }
    return others.get(kind, dataset)


class FaultySource:
    """A source whose records fail, but not the first, middle and last, which are checked."""

    def __init__(self, source, kind):
        self.source, self.kind = source, kind

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        if index in (0, len(self) // 2, len(self) - 1):
            return self.source[index]
        if self.kind == "exiting_records":
            sys.exit(0)
        raise LookupError(f"no record {index}")


def _source(kind, shape, size, num_classes, seed):
    random = np.random.default_rng(seed)
    labels = random.integers(num_classes, size=size)
    slope = np.linspace(-1, 1, shape[0])[:, None, None]
    brightness = labels[:, None, None, None]
    noise = 0.02 * random.random((size, *shape, 1))
    values = 0.2 * brightness + 0.05 * slope * (brightness % 2) + noise
    values = np.clip(values, 0, 1) * (0.1 if kind == "dark" else 1.0)
    if kind == "dense":
        values = values.astype(np.float32)
        return ArraySource({"spin_0": values}, {"spin_0": values})
    if kind == "nan":
        # Finite, as a dataset must be, but too large for float32 arithmetic.
        return ArraySource({"spin_0": np.full((size, *shape, 1), 3e38, np.float32)}, labels)
    fields = {"spin_0": np.rint(255 * values).astype(np.uint8)}
    if kind == "spins":
        noise = random.normal(size=(size, *shape, 2, 2)).astype(np.float32)
        fields["spin_1"] = noise.view(np.complex64)[..., 0]
    return ArraySource(fields, labels)


def make_faulty(input, output, *, rngs, fault):
    return None if fault == "none" else FaultyNet(input, output, rngs=rngs, fault=fault)


class FaultyNet(TinyNet):
    """Returns what is no logits, or does not return."""

    def __init__(self, input, output, *, rngs, fault):
        super().__init__(input, output, rngs=rngs)
        self.fault = fault

    def __call__(self, field, *, train):
        if self.fault == "exits":
            sys.exit(0)
        if self.fault == "fails":
            raise RuntimeError("a defect of the net")
        logits = super().__call__(field, train=train)
        others = {"one_too_few": logits[:, 1:], "tuple": (logits, 0), "complex": logits * 1j}
        return others[self.fault]


class LinenNet(linen.Module):
    """Dense layers, batch norm and dropout, in Linen."""

    num_classes: int

    @linen.compact
    def __call__(self, field, *, train):
        x = linen.Dense(6)(field[0])
        x = jnp.tanh(linen.BatchNorm(use_running_average=not train, momentum=0.9)(x))
        x = linen.Dropout(0.1, deterministic=not train)(x)
        return linen.Dense(self.num_classes)(x.mean(axis=(1, 2)))


class BridgedNet(nnx.Module):
    """The same as an NNX module."""

    def __init__(self, input, output, *, rngs):
        self.net = nnx.bridge.ToNNX(LinenNet(output.num_classes), rngs=rngs)
        example = {s: jnp.zeros((1, *input.grid.shape, n)) for s, n in input.channels.items()}
        nnx.bridge.lazy_init(self.net, example, train=False)

    def __call__(self, field, *, train=False):
        return self.net(field, train=train, mutable=["batch_stats"] if train else False)
