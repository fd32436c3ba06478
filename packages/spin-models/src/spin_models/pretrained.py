"""Loads the trained models that are part of the package."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable

from flax import nnx

from spin_models.loading import load

_FOLDER = "weights"
_SUFFIX = ".safetensors"


def load_pretrained(model_name: str, dataset: str) -> nnx.Module:
    """Loads a trained model from the package; nothing is downloaded.

    `pretrained_names` lists the available pairs. Use a model trained on a "bilinear" dataset for
    your own images, because `spin_data` projects images bilinearly.

    Args:
      model_name: the registered name, for example "spin_classifier_6_layers".
      dataset: the dataset that the model was trained on, for example "spherical_mnist/rotated" or
        "spherical_mnist/bilinear_rotated". "gated_spin_classifier_6_layers" is only available
        trained on digits that are not rotated, "spherical_mnist/bilinear_canonical".

    Returns:
      The model with its parameters and batch statistics, as `load` returns it. `results/` in the
      repository documents how it was trained.

    Raises:
      KeyError: the package has no weights for this model and dataset.
    """
    weights = _weights().get((model_name, dataset))
    if weights is None:
        there = ", ".join(f"({name!r}, {data!r})" for name, data in pretrained_names())
        raise KeyError(
            f"no weights of {model_name!r} trained on {dataset!r} come with spin-models: there are "
            f"{there}. Train it with spin-train, then use spin-export and spin_models.load"
        )
    with resources.as_file(weights) as path:
        return load(path)


def pretrained_names() -> list[tuple[str, str]]:
    """Returns the pairs of model name and dataset that `load_pretrained` accepts."""
    return sorted(_weights())


def _weights() -> dict[tuple[str, str], Traversable]:
    """Finds the files weights/DATASET/MODEL.safetensors; a dataset's name may contain slashes."""
    found = {}

    def collect(folder: Traversable, dataset: str) -> None:
        for entry in folder.iterdir():
            if entry.is_dir():
                collect(entry, f"{dataset}/{entry.name}" if dataset else entry.name)
            elif entry.name.endswith(_SUFFIX):
                found[entry.name.removesuffix(_SUFFIX), dataset] = entry

    collect(resources.files("spin_models") / _FOLDER, "")
    return found
