"""Predicts the classes of a user's images with a trained model."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import spin_data
from spin_train.errors import ConfigurationError, DatasetError, ModelError, as_user_error
from spin_train.model.building import load_trained_model
from spin_train.model.trained import TrainedModel
from spin_train.training.saved_model import open_model

PROJECTIONS = ("auto", *spin_data.PROJECTIONS)


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


@dataclasses.dataclass(frozen=True)
class UnreadableImage:
    """An image that cannot be read, or a folder without images.

    Attributes:
      path: path of the image or the folder.
      error: the reason, in one line, which names it.
    """

    path: str
    error: str


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
      images: path of an image or a folder, or several paths. A folder stands for all images in
        it and in its subfolders, sorted by name.
      projection: "image" for flat images, which are projected around the south pole; "panorama" for
        equirectangular images. "auto" projects as the images were that the model was trained on; if
        that is not known, an image that is twice as wide as high is a panorama.
      inverted: whether to swap dark and bright. Use it if the images are dark on bright and those
        of the training are bright on dark, or the other way round.

    Returns:
      A prediction for each image, in the same order.

    Raises:
      ConfigurationError: if there is no such projection.
      ModelError: if the model has another input.
      DatasetError: if an image cannot be read, or a folder has none. The message names all of them.
    """
    found = list(predict_each(model, images, projection=projection, inverted=inverted))
    if errors := [each.error for each in found if isinstance(each, UnreadableImage)]:
        raise DatasetError("; ".join(errors))
    return [each for each in found if isinstance(each, Prediction)]


def predict_each(
    model: TrainedModel,
    images: Sequence[str | Path] | str | Path,
    *,
    projection: str = "auto",
    inverted: bool = False,
) -> Iterator[Prediction | UnreadableImage]:
    """Predicts the classes of images one after another, whether or not others can be read.

    Args and errors are those of `predict`, except for images that cannot be read: for these, an
    `UnreadableImage` is yielded.
    """
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
    for path in _images_of(images):
        if isinstance(path, UnreadableImage):
            yield path
            continue
        try:
            with as_user_error(DatasetError, "cannot read the image", ValueError, OSError):
                field = _field_of(path, model, channels[0] == 1, projection, inverted)
        except DatasetError as error:
            yield UnreadableImage(str(path), str(error))
            continue
        decoded = spin_data.decode_fields({"spin_0": field[None]})
        probabilities = np.asarray(model.probabilities(decoded))[0]
        order = np.argsort(-probabilities, kind="stable")
        yield Prediction(
            str(path),
            int(order[0]),
            model.class_name(int(order[0])),
            {model.class_name(int(i)): float(probabilities[i]) for i in order},
        )


def _images_of(images: Sequence[str | Path] | str | Path) -> Iterator[Path | UnreadableImage]:
    """Yields the paths of images, with those in a folder instead of the folder.

    A folder without images, or one that cannot be read, is yielded as an unreadable image.
    """
    for path in map(Path, [images] if isinstance(images, str | Path) else images):
        path = path.expanduser()
        if not path.is_dir():
            yield path
            continue
        try:
            found = spin_data.images_within(path)
        except OSError as error:
            yield UnreadableImage(str(path), f"cannot read the folder: {error}")
            continue
        if not found:
            yield UnreadableImage(str(path), f"{path}: no images in this folder")
        yield from found


def _field_of(
    path: Path, model: TrainedModel, grayscale: bool, projection: str, inverted: bool
) -> np.ndarray:
    """Reads an image as a field of spin 0, as the records of the training: uint8."""
    trained = model.images
    if projection == "auto" and trained is not None:
        projection = trained.projection
    elif projection == "auto":
        width, height = spin_data.image_size(path)
        projection = "panorama" if width == 2 * height else "image"
    inverted_in_training = trained is not None and trained.inverted
    reading = spin_data.ImageReading(projection, inverted != inverted_in_training)
    return spin_data.field_of_image(path, model.input.grid, reading, grayscale=grayscale)


def model_of_run(workdir: str | Path, checkpoint: str = "last") -> TrainedModel:
    """Returns the model of a run, with the weights of a checkpoint.

    Raises:
      WorkdirError: if there is no run or no such checkpoint.
      ModelError: if the model is not registered.
    """
    return open_model(workdir, checkpoint).trained_model()


def model_of_weights(path: str | Path) -> TrainedModel:
    """Loads a model from a file written by `spin-export`.

    Raises:
      ModelError: if the file is missing or damaged, or the model is not registered.
    """
    return load_trained_model(path)
