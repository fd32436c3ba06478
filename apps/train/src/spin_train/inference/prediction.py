"""Predicts the classes of a user's images with a trained model."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

import spin_data
from spin_train.errors import ConfigurationError, DatasetError, ModelError, as_user_error
from spin_train.model.building import load_trained_model
from spin_train.model.trained import TrainedModel
from spin_train.training.evaluation import open_run

PROJECTIONS = ("auto", "image", "panorama")


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The classes that a model predicts for an image.

    Attributes:
      path: path of the image.
      label: number of the most probable class.
      class_name: name of the most probable class.
      probabilities: probability of each class, by class name; the most probable class first.
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
    """Predicts the classes of images.

    Args:
      model: a model from `model_of_run` or `model_of_weights`. Its input must have spin 0 and one
        or three channels.
      images: path of an image, or paths of several.
      projection: "image" for flat images, which are projected around the south pole; "panorama" for
        equirectangular images; "auto" for a panorama if the image is twice as wide as high.
      inverted: whether to swap dark and bright first, for images drawn in ink.

    Returns:
      A prediction for each image, in the same order.

    Raises:
      ConfigurationError: if there is no such projection.
      ModelError: if the model has another input.
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
            fields.append(np.rint(values).astype(np.uint8))  # as in records
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
    return run.setup.trained_model(run.state)


def model_of_weights(path: str | Path) -> TrainedModel:
    """Loads a model from a file written by `spin-export`.

    Raises:
      ModelError: if the file is missing or damaged, or the model is not registered.
    """
    return load_trained_model(path)


def _is_panorama(path: Path, projection: str) -> bool:
    if projection != "auto":
        return projection == "panorama"
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.width == 2 * image.height
    except Image.DecompressionBombError:
        return False  # reading it raises an error
