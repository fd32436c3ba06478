"""Tasks, which score a model's outputs. The dataset's output specification selects the task."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from spin_registry import ClassSpec
from spin_train.errors import DatasetError

Scores = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Task:
    """Defines the loss and the reported scores.

    Attributes:
      name: name of the task.
      scores: a function of the model's outputs and the batch. It returns one number per example
        for each score, as arrays (batch,). "loss" is minimised; every score is averaged and
        reported.
    """

    name: str
    scores: Callable[[Any, Mapping[str, Any]], Scores]


def task_for(output: object) -> Task:
    """Returns the task for a dataset's output specification.

    Raises:
      DatasetError: if no task is known for the specification's type.
    """
    for kind, task in TASKS.items():
        if isinstance(output, kind):
            return task
    raise DatasetError(
        f"no task for an output of type {type(output).__name__}; "
        f"known: {', '.join(kind.__name__ for kind in TASKS)}"
    )


def classification_scores(logits: jax.Array, batch: Mapping[str, Any]) -> Scores:
    """Scores a classifier.

    Args:
      logits: (batch, num_classes), float32.
      batch: contains the classes as "label", (batch,), int32.

    Returns:
      "loss", the cross entropy in nats, and "accuracy", 0 or 1; each (batch,), float32.
    """
    labels = batch["label"]
    return {
        "loss": optax.softmax_cross_entropy_with_integer_labels(logits, labels),
        "accuracy": (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32),
    }


TASKS: dict[type, Task] = {ClassSpec: Task("classification", classification_scores)}
