"""Analyzes a trained classifier for the report: its mistakes, and the effect of rotations."""

import dataclasses

import numpy as np

import spin_data
from spin_train.analysis.predictions import (
    LargeLossExample,
    confusion_matrix,
    largest_losses,
    predict_split,
)
from spin_train.analysis.rotations import Rotations, measure_rotations
from spin_train.model.trained import TrainedModel

_MOST_PREDICTIONS = 10_000
_LARGEST_LOSSES = 12


@dataclasses.dataclass(frozen=True)
class ModelAnalysis:
    """Measurements of a trained model.

    Attributes:
      split: name of the split that was used.
      names: names of the classes.
      confusion: counts, (true class, predicted class).
      largest_losses: the examples with the largest losses.
      rotations: the effect of rotations.
      grid: the grid of the inputs.
    """

    split: str
    names: tuple[str, ...]
    confusion: np.ndarray
    largest_losses: list[LargeLossExample]
    rotations: Rotations
    grid: object


def analyze_model(
    model: TrainedModel, source: spin_data.RandomAccessSource, split: str, examples: int
) -> ModelAnalysis:
    """Analyzes a trained model.

    Args:
      model: a classifier.
      source: the examples to use.
      split: name of the split that contains them.
      examples: number of examples to rotate. Mistakes are counted on up to 10,000 examples.
    """
    predictions = predict_split(model, source, _MOST_PREDICTIONS)
    num_classes = model.num_classes
    return ModelAnalysis(
        split,
        tuple(model.class_name(label) for label in range(num_classes)),
        confusion_matrix(predictions, num_classes),
        largest_losses(predictions, source, _LARGEST_LOSSES),
        measure_rotations(model, source, examples),
        model.input.grid,
    )
