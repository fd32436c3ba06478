"""Trained models that come with the package."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable

from flax import nnx

from spin_models.loading import load

_FOLDER = "weights"
_SUFFIX = ".safetensors"


def load_pretrained(model_name: str, dataset: str) -> nnx.Module:
    """Loads a trained model that comes with the package: nothing is downloaded.

    Args:
      model_name: the registered name, "spin_classifier_6_layers".
      dataset: the dataset that it was trained on, "spherical_mnist/rotated"; or
        "spherical_mnist/bilinear_rotated", for images of your own, which `spin_data` draws
        bilinearly. "gated_spin_classifier_6_layers" is there as trained on upright digits alone,
        "spherical_mnist/bilinear_canonical".

    Returns:
      The model, with its parameters and batch statistics, as `load` returns one. How it was trained
      stands in the main repository's `results/`.

    Raises:
      KeyError: there are no such weights; `pretrained_names` lists those that there are.
    """
    weights = _weights().get((model_name, dataset))
    if weights is None:
        there = ", ".join(f"({name!r}, {data!r})" for name, data in pretrained_names())
        raise KeyError(
            f"no weights of {model_name!r} trained on {dataset!r} come with spin-models: there are "
            f"{there}. Train it by spin-train, then spin-export and spin_models.load"
        )
    with resources.as_file(weights) as path:
        return load(path)


def pretrained_names() -> list[tuple[str, str]]:
    """Returns what `load_pretrained` accepts: pairs of a model's and a dataset's name."""
    return sorted(_weights())


def _weights() -> dict[tuple[str, str], Traversable]:
    """The files weights/DATASET/MODEL.safetensors; a dataset's name may have slashes."""
    found = {}

    def collect(folder: Traversable, dataset: str) -> None:
        for entry in folder.iterdir():
            if entry.is_dir():
                collect(entry, f"{dataset}/{entry.name}" if dataset else entry.name)
            elif entry.name.endswith(_SUFFIX):
                found[entry.name.removesuffix(_SUFFIX), dataset] = entry

    collect(resources.files("spin_models") / _FOLDER, "")
    return found
