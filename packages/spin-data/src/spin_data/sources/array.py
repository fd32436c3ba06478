"""A source of records in memory."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from spin_data.dataset import Batch, Record
from spin_data.field_values import problem_of_values
from spin_data.sources.batches import map_arrays, with_int32_labels

__all__ = ["ArraySource"]


@dataclasses.dataclass(frozen=True, eq=False)
class ArraySource:
    """A source over arrays in memory, which are checked at construction.

    Attributes:
      fields: mapping from spin name to array (example, lat, long, channel).
      labels: integers (example,), or a mapping like `fields` for a dense task.
      num_classes: if given, labels must be in [0, num_classes).
      originals: optional integers (example,): the index of the original that each example was
        made from, for data with several versions of an original.

    Raises:
      ValueError: lengths differ, labels are not integers or out of range, or values are not
        finite.
    """

    fields: Mapping[str, np.ndarray]
    labels: np.ndarray | Mapping[str, np.ndarray]
    num_classes: int | None = None
    originals: np.ndarray | None = None

    def __post_init__(self) -> None:
        arrays = dict(self.fields)
        if isinstance(self.labels, Mapping):
            arrays |= {f"label {name}": array for name, array in self.labels.items()}
        else:
            _check_class_labels(self.labels, self.num_classes)
            arrays["label"] = self.labels
        if self.originals is not None:
            arrays["originals"] = self.originals
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"arrays have different numbers of examples: {lengths}")
        for name, array in arrays.items():
            if problem := problem_of_values(array):
                raise ValueError(f"{name} has {problem}; clean the data first")

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))

    def __getitem__(self, index: int) -> Record:
        record = map_arrays(
            lambda array: array[index], {"input": self.fields, "label": self.labels}
        )
        if not isinstance(self.labels, Mapping):
            record["label"] = int(record["label"])
        return record

    def read_batch(self, indices: np.ndarray) -> Batch:
        """Returns the records at `indices` (batch,), stacked."""
        batch = map_arrays(
            lambda array: array[indices], {"input": self.fields, "label": self.labels}
        )
        return with_int32_labels(batch)


def _check_class_labels(labels: np.ndarray, num_classes: int | None) -> None:
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels have shape {labels.shape} and dtype {labels.dtype}, "
            "expected integers of shape (example,)"
        )
    limit = np.iinfo(np.int32).max if num_classes is None else num_classes
    if (wrong := labels[(labels < 0) | (labels >= limit)]).size:
        raise ValueError(f"label {wrong[0]}, expected labels in [0, {limit})")
