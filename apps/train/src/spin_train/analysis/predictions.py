"""A classifier's predictions for a split, and the examples with the largest losses."""

from __future__ import annotations

import dataclasses

import numpy as np

import spin_data
from spin_train.model.trained import BATCH_SIZE, TrainedModel


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Predictions for some or all of a split's examples.

    Attributes:
      indices: indices of the examples in the split, (n,).
      labels: true classes of the examples, (n,).
      probabilities: predicted probability of each class, (n, num_classes).
    """

    indices: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """The most probable classes, (n,)."""
        return np.argmax(self.probabilities, axis=-1)

    @property
    def losses(self) -> np.ndarray:
        """Cross entropies in nats, (n,)."""
        likelihoods = self.probabilities[np.arange(len(self.labels)), self.labels]
        return -np.log(np.maximum(likelihoods, np.finfo(np.float64).tiny))


@dataclasses.dataclass(frozen=True)
class LargeLossExample:
    """An example with a large loss.

    Attributes:
      index: index of the example in the split.
      label: the true class.
      predicted: the predicted class, which is the most probable one.
      probability: probability of the predicted class.
      field: the example, as a dict from spin to array (lat, long, channel).
    """

    index: int
    label: int
    predicted: int
    probability: float
    field: dict[int, np.ndarray]


def predict_split(
    model: TrainedModel, source: spin_data.RandomAccessSource, most: int
) -> Predictions:
    """Predicts the classes of a split's examples.

    Args:
      model: a classifier.
      source: the split.
      most: largest number of examples. From a larger split, evenly spaced examples are taken.
    """
    count = min(most, len(source))
    indices = np.arange(count) * len(source) // count
    labels, probabilities = [], []
    for start in range(0, count, BATCH_SIZE):
        chosen = indices[start : start + BATCH_SIZE]
        # The last batch is padded with its last example, so that one shape is compiled.
        filled = np.concatenate([chosen, np.repeat(chosen[-1:], BATCH_SIZE - len(chosen))])
        field, true_labels = spin_data.read_fields(source, filled)
        probabilities.append(np.asarray(model.probabilities(field))[: len(chosen)])
        labels.append(true_labels[: len(chosen)])
    return Predictions(
        indices, np.concatenate(labels), np.concatenate(probabilities).astype(np.float64)
    )


def confusion_matrix(predictions: Predictions, num_classes: int) -> np.ndarray:
    """Returns the number of examples of class i (row) that were predicted as j (column)."""
    matrix = np.zeros((num_classes, num_classes), int)
    np.add.at(matrix, (predictions.labels, predictions.predicted), 1)
    return matrix


def largest_losses(
    predictions: Predictions, source: spin_data.RandomAccessSource, count: int
) -> list[LargeLossExample]:
    """Returns the examples with the largest losses, the largest first."""
    found = []
    for place in np.argsort(-predictions.losses, kind="stable")[:count]:
        fields, _ = spin_data.read_fields(source, predictions.indices[place : place + 1])
        predicted = int(predictions.predicted[place])
        found.append(
            LargeLossExample(
                index=int(predictions.indices[place]),
                label=int(predictions.labels[place]),
                predicted=predicted,
                probability=float(predictions.probabilities[place, predicted]),
                field={spin: np.asarray(values)[0] for spin, values in fields.items()},
            )
        )
    return found
