"""Labels for a person's own images, by a trained model."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

import spin_data
import spin_registry
from sphere_transforms import grid_from_description
from spin_layers import fill_weights, read_weights
from spin_registry import ClassSpec, FieldSpec
from spin_train.analysis import TrainedModel
from spin_train.errors import ConfigurationError, DatasetError, ModelError, as_user_error
from spin_train.evaluation import open_run
from spin_train.model_state import split_model

PROJECTIONS = ("auto", "image", "panorama")


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model says of an image.

    Attributes:
      path: the image.
      label: the most probable class.
      class_name: what it is called.
      probabilities: of each class, by its name, the most probable first.
    """

    path: str
    label: int
    class_name: str
    probabilities: dict[str, float]


def predict(
    model: TrainedModel,
    images: Sequence[str | Path] | str | Path,
    *,
    projection: str = "auto",
    inverted: bool = False,
) -> list[Prediction]:
    """Labels images.

    Args:
      model: as `model_of_run` or `model_of_weights` returns it; of spin 0, one channel or three.
      images: files, or one.
      projection: "image": flat, projected around the south pole; "panorama": equirectangular;
        "auto": a panorama if it is twice as wide as high.
      inverted: dark becomes bright first, for what is drawn in ink.

    Raises:
      ConfigurationError: if there is no such projection.
      ModelError: if the model takes other fields.
      DatasetError: if an image cannot be read.
    """
    if isinstance(images, str | Path):
        images = [images]
    if projection not in PROJECTIONS:
        raise ConfigurationError(
            f"projection is one of {', '.join(PROJECTIONS)}, not {projection!r}"
        )
    channels = dict(model.input.channels)
    if tuple(channels) != (0,) or channels[0] not in (1, 3):
        raise ModelError(
            f"the model takes channels {channels} (spin: number); an image has spin 0 with one "
            "channel (grey) or three (red, green, blue)"
        )
    grayscale = channels[0] == 1
    fields = []
    for path in map(Path, images):
        with as_user_error(DatasetError, "cannot read the image", ValueError, OSError):
            grid = model.input.grid
            if _is_panorama(path, projection):
                values = spin_data.read_panorama(path, grid, grayscale=grayscale, inverted=inverted)
            else:
                values = spin_data.read_image(path, grid, grayscale=grayscale, inverted=inverted)
            fields.append(np.rint(values).astype(np.uint8))  # as records are
    found = []
    for image, field in zip(images, fields, strict=True):
        logits = model.logits(spin_data.decode_fields({"spin_0": field[None]}))
        probabilities = np.asarray(jax.nn.softmax(logits))[0]
        order = np.argsort(-probabilities, kind="stable")
        found.append(
            Prediction(
                str(image),
                int(order[0]),
                model.class_name(int(order[0])),
                {model.class_name(int(i)): float(probabilities[i]) for i in order},
            )
        )
    return found


def model_of_run(workdir: str | Path, checkpoint: str = "last") -> TrainedModel:
    """Returns the model of a run, with the weights of a checkpoint.

    Raises:
      WorkdirError: if there is no run or no such checkpoint.
    """
    run = open_run(workdir, checkpoint=checkpoint)
    return run.experiment.trained(run.state)


def model_of_weights(path: str | Path) -> TrainedModel:
    """Returns the model of a file that `spin-export` wrote.

    Raises:
      ModelError: if the file is not there or not intact, or the model is not registered.
    """
    causes = (ValueError, KeyError, OSError, spin_registry.RegistryError)
    with as_user_error(ModelError, f"weights {str(path)!r}", *causes):
        weights = read_weights(path)
        described: dict[str, Any] = weights.metadata
        channels = {int(s): n for s, n in described["input"]["channels"].items()}
        spec = FieldSpec(grid_from_description(described["input"]["grid"]), channels)
        output = ClassSpec(described["output"]["num_classes"])
        model = spin_registry.get_model(described["model_name"]).create(
            input=spec, output=output, rngs=nnx.Rngs(0), **described["model_options"]
        )
        fill_weights(model, weights)
        parts = split_model(model)
        names = tuple(described.get("class_names", ()))
        return TrainedModel(parts, parts.params, parts.batch_stats, spec, output, names)


def _is_panorama(path: Path, projection: str) -> bool:
    if projection != "auto":
        return projection == "panorama"
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.width == 2 * image.height
    except Image.DecompressionBombError:
        return False  # whoever reads it says what is wrong
