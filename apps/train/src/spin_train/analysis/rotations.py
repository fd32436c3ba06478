"""Measures the effect of rotations of the input on a trained model, and collects pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import sphere_transforms as st
import spin_data
import spin_layers as sl
from spin_train.model.trained import BATCH_SIZE, TrainedModel

DEGREES = (0, 15, 30, 45, 60, 75, 90, 105, 120, 135, 150, 165, 180)
SHOWN_DEGREES = 60  # angle of the rotation in the pictures, about the brightest direction

_LAYER_EXAMPLES = BATCH_SIZE


@dataclasses.dataclass(frozen=True)
class FeatureMap:
    """One channel of one layer's output, for an input and for the rotated input.

    Attributes:
      layer: name of the layer; "input" for the input itself.
      spin: spin weight.
      channel: number of the channel. It is the channel of this spin that varies most.
      grid: the grid of the maps.
      center: colatitude and longitude of the rotation axis, in radians.
      before: map for the input, of the grid's shape.
      after: map for the rotated input, of the grid's shape.
    """

    layer: str
    spin: int
    channel: int
    grid: Any
    center: tuple[float, float]
    before: np.ndarray
    after: np.ndarray


@dataclasses.dataclass(frozen=True)
class Rotations:
    """The measured effect of rotations.

    Attributes:
      examples: number of examples that were rotated.
      layer_examples: number of examples that were used for `layer_errors`.
      accuracy: accuracy by the angle of the rotation, in degrees.
      layer_errors: relative equivariance error by layer, the median over the examples.
      invariance_error: root mean square of the outputs' change under a random rotation, divided by
        the outputs' standard deviation over the examples. None if it was not measured, or the
        outputs do not vary.
      feature_maps: feature maps of one example.
      remarks: what could not be measured, and why.
    """

    examples: int
    layer_examples: int
    accuracy: dict[int, float]
    layer_errors: dict[str, float]
    invariance_error: float | None
    feature_maps: list[FeatureMap]
    remarks: tuple[str, ...] = ()


def measure_rotations(
    model: TrainedModel,
    source: spin_data.RandomAccessSource,
    examples: int,
    seed: int = 0,
) -> Rotations:
    """Rotates a split's first examples, and measures how the model's features and outputs change.

    Inputs are rotated exactly, through their coefficients below the grid's band limit. Higher
    degrees are removed from all inputs, also at angle 0. The error of a layer f is computed from
    the coefficients c of its output: || c(f(R x)) - D c(f(x)) || / || c(f(x)) ||, in the L2 norm
    over all spins and channels, with one random rotation for each example.

    Args:
      model: a classifier.
      source: the split.
      examples: number of examples. Layers are measured on up to 32 of them.
      seed: seed of the random rotations.
    """
    spins = model.input.spins
    try:
        transform = st.SpinTransform(model.input.grid, spins)
    except ValueError as error:
        return Rotations(0, 0, {}, {}, None, [], (f"nothing was rotated: {error}",))
    count = min(examples, len(source))
    fields, labels = spin_data.read_fields(source, np.arange(count))
    real = {spin: not np.iscomplexobj(values) for spin, values in fields.items()}
    rotator = _Rotator(transform, real)
    # In NumPy, whose batches are cut out without a program for each shape.
    coefficients = jax.device_get(transform.forward(fields))

    rng = np.random.default_rng(seed)
    accuracy = {}
    for degrees in DEGREES:
        logits = _in_batches(
            lambda batch, axes, angle: model.logits(rotator.about(batch, axes, angle)),
            coefficients,
            _random_axes(rng, count),
            np.full(count, np.deg2rad(degrees)),
        )
        accuracy[degrees] = float(np.mean(np.argmax(logits, axis=-1) == labels))

    angles = st.random_euler_angles(rng, (count,))
    unrotated = _in_batches(lambda batch: model.logits(rotator.by(batch, None)), coefficients)
    rotated = _in_batches(
        lambda batch, *angles: model.logits(rotator.by(batch, angles)), coefficients, *angles
    )
    invariance = None
    if np.any(np.var(unrotated, axis=0)):
        difference = sl.output_difference(jnp.asarray(rotated), jnp.asarray(unrotated))
        invariance = float(difference)

    if not model.has_features:
        remark = "the model has no method `features`: its layers cannot be measured one by one"
        return Rotations(count, 0, accuracy, {}, invariance, [], (remark,))
    layers = min(count, _LAYER_EXAMPLES)
    chosen = jax.tree.map(lambda values: values[:layers], (coefficients, angles))
    try:
        errors, unmeasured = _layer_errors(model, rotator, *chosen)
        maps = _feature_maps(model, rotator, chosen[0])
    except Exception as error:
        # A plugin's method may raise anything; earlier measurements are kept.
        remark = f"the model's method `features` failed ({type(error).__name__}: {error})"
        return Rotations(count, 0, accuracy, {}, invariance, [], (remark,))
    return Rotations(count, layers, accuracy, errors, invariance, maps, unmeasured)


@dataclasses.dataclass(frozen=True)
class _Rotator:
    """Rotates inputs, given by their coefficients."""

    transform: st.SpinTransform
    is_real: Mapping[int, bool]

    def by(self, coefficients: st.Coefficients, angles: Any | None) -> dict[int, jax.Array]:
        """Returns the input rotated by Euler angles, or not rotated if they are None."""
        if angles is not None:
            coefficients = st.rotate_coefficients(coefficients, angles)
        field = self.transform.inverse(coefficients, real_scalars=self.is_real.get(0, False))
        return {s: values.real if self.is_real[s] else values for s, values in field.items()}

    def about(
        self, coefficients: st.Coefficients, axes: np.ndarray, angle: np.ndarray
    ) -> dict[int, jax.Array]:
        """Returns the input rotated about axes (batch, 2), given as (longitude, colatitude)."""
        longitude, colatitude = axes[:, 0], axes[:, 1]
        upright = st.rotate_coefficients(coefficients, (0.0 * angle, -colatitude, -longitude))
        return self.by(upright, (longitude, colatitude, angle))


def _random_axes(rng: np.random.Generator, count: int) -> np.ndarray:
    longitude = rng.uniform(0, 2 * np.pi, count)
    return np.stack([longitude, np.arccos(rng.uniform(-1, 1, count))], axis=-1)


def _in_batches(function: Any, *arrays: Any) -> np.ndarray:
    """Applies a function to batches of one size, and concatenates the results."""
    count = len(jax.tree.leaves(arrays)[0])
    results = []
    for start in range(0, count, BATCH_SIZE):
        indices = np.minimum(np.arange(start, start + BATCH_SIZE), count - 1)
        batch = jax.tree.map(lambda values, indices=indices: values[indices], arrays)
        results.append(np.asarray(function(*batch))[: count - start])
    return np.concatenate(results)


def _layer_errors(
    model: TrainedModel, rotator: _Rotator, coefficients: st.Coefficients, angles: Any
) -> tuple[dict[str, float], tuple[str, ...]]:
    after = model.features(rotator.by(coefficients, angles))
    before = model.features(rotator.by(coefficients, None))
    errors, unmeasured = {}, []
    for name, (grid, field) in before.items():
        try:
            relative = sl.field_difference(after[name][1], field, grid, angles)
        except ValueError as error:
            unmeasured.append(f"{name}: {error}")
            continue
        errors[name] = float(np.median(np.asarray(relative)))
    return errors, tuple(unmeasured)


def _feature_maps(
    model: TrainedModel, rotator: _Rotator, coefficients: st.Coefficients
) -> list[FeatureMap]:
    """Returns maps of the first example: its input, and the first, middle and last layer."""
    unrotated = rotator.by(coefficients, None)
    spin = min(unrotated, key=abs)
    size = np.abs(np.asarray(unrotated[spin])[0]).mean(-1)
    colatitude, longitude = spin_data.brightest_direction(size, model.input.grid)
    count = len(unrotated[spin])
    axes = np.tile([longitude, colatitude], (count, 1))
    rotated = rotator.about(coefficients, axes, np.full(count, np.deg2rad(SHOWN_DEGREES)))
    before, after = model.features(unrotated), model.features(rotated)
    names = list(before)
    shown = dict.fromkeys((names[0], names[len(names) // 2], names[-1]))
    maps = [("input", model.input.grid, unrotated, rotated)]
    maps += [(name, before[name][0], before[name][1], after[name][1]) for name in shown]
    return [
        _feature_map(name, spin, grid, (colatitude, longitude), field[spin], other[spin])
        for name, grid, field, other in maps
        for spin in sorted(field)
    ]


def _feature_map(
    layer: str,
    spin: int,
    grid: Any,
    center: tuple[float, float],
    before: jax.Array,
    after: jax.Array,
) -> FeatureMap:
    values, others = np.asarray(before)[0], np.asarray(after)[0]
    channel = int(np.argmax(np.var(np.abs(values), axis=tuple(range(values.ndim - 1)))))
    shown = values[..., channel], others[..., channel]
    return FeatureMap(layer, spin, channel, grid, center, *shown)
