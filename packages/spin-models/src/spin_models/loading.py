"""Trained models from files of weights, ready to call."""

from __future__ import annotations

import os
from typing import Any

from flax import nnx

import spin_registry as sr
from sphere_transforms import grid_from_description
from spin_layers import fill_weights, read_weights


def load(path: str | os.PathLike[str]) -> nnx.Module:
    """Loads a trained model: one of this package, or of any that is registered.

    Args:
      path: a file that `spin-export` wrote.

    Returns:
      The model, as its factory makes it, with the file's parameters and batch statistics. Its call
      takes a field, {spin: (batch, lat, long, channel)}. `spin_layers.read_weights(path).metadata`
      tells the grid, the classes' names, and what it was trained on.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: the file is damaged, holds something else, or does not fit the registered model.
      spin_registry.RegistryError: the model is not registered: its package is not installed.
    """
    weights = read_weights(path)
    try:
        model = create(weights.metadata)
    except KeyError as error:
        raise ValueError(
            f"{os.fspath(path)!r} does not say which model it is of: it lacks {error}; write it by "
            "spin-export"
        ) from error
    fill_weights(model, weights)
    return model


def create(metadata: dict[str, Any]) -> Any:
    """Creates the model that a file's metadata describe, with new parameters."""
    spec = metadata["input"]
    channels = {int(spin): count for spin, count in spec["channels"].items()}
    return sr.get_model(metadata["model_name"]).create(
        input=sr.FieldSpec(grid_from_description(spec["grid"]), channels),
        output=sr.ClassSpec(metadata["output"]["num_classes"]),
        rngs=nnx.Rngs(0),
        **metadata["model_options"],
    )
