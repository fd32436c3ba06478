"""Loads trained models from weights files."""

from __future__ import annotations

import os

from flax import nnx

import spin_registry as sr
from spin_layers import create_with_weights, read_weights


def load(path: str | os.PathLike[str]) -> nnx.Module:
    """Loads a trained model from a weights file.

    The model may be one of this package, or any other registered model.

    Args:
      path: a file that `spin-export` wrote.

    Returns:
      The model that its factory creates, with the parameters and batch statistics of the file. Call
      it with a field, {spin: (batch, lat, long, channel)}. The grid, the class names and the
      training data are in `spin_layers.read_weights(path).metadata`.

    Raises:
      FileNotFoundError: the file does not exist.
      ValueError: the file is damaged, is not a weights file of a model, or does not fit the
        registered model.
      spin_registry.RegistryError: the model is not registered (its package is not installed), or
        its factory does not accept the options in the file.
    """
    weights = read_weights(path)
    try:
        description = sr.ModelDescription.from_json(weights.metadata)
    except ValueError as error:
        raise ValueError(
            f"{os.fspath(path)!r} does not say which model it is of ({error}); write the file with "
            "spin-export"
        ) from error
    return create_with_weights(
        lambda: description.create(nnx.Rngs(0)), weights, description.sizes()
    )
