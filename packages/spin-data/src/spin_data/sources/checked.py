"""A source that checks every record that is read."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spin_data.dataset import Batch, RandomAccessSource, Record
from spin_data.field_values import problem_of_values
from spin_data.sources.array import ArraySource
from spin_data.sources.batches import read_batch
from spin_data.sources.concatenated import ConcatenatedSource
from spin_data.sources.placement import InMemorySource
from spin_registry import ClassSpec, FieldSpec

__all__ = ["CheckedSource", "checked_source"]


class CheckedSource:
    """Checks the records of another source when they are read. Errors name the bad record.

    All records must have fields of the same names, shapes and dtypes as the first, with finite
    values. Class labels must be integers in [0, num_classes).

    Args:
      source: the source to read.
      output: the specification of the labels.
      name: the name of the source in errors, such as "split 'train'".
    """

    def __init__(self, source: RandomAccessSource, output: ClassSpec | FieldSpec, name: str):
        self.source = source
        self.name = name
        self._num_classes = output.num_classes if isinstance(output, ClassSpec) else None
        self._form: Any = None  # of the first record; read when it is needed

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Record:
        """Returns a record.

        Raises:
          ValueError: the record's fields or label are not as they should be.
        """
        record = self.source[index]
        if problem := self._problem_of(record):
            raise ValueError(f"{self.name}, record {index}: {problem}")
        return record

    def read_batch(self, indices: np.ndarray) -> Batch:
        """Returns the records at `indices` (batch,), stacked.

        Raises:
          ValueError: a record's fields or label are not as they should be.
        """
        try:
            batch = read_batch(self.source, indices)
            problem = self._problem_of(batch, axes=1)
        except (ValueError, KeyError):
            self._read_one_by_one(indices)  # names the bad record
            raise
        if problem:
            self._read_one_by_one(indices)
            raise ValueError(f"{self.name}: {problem}")
        return batch

    def _read_one_by_one(self, indices: np.ndarray) -> None:
        for index in indices.tolist():
            _ = self[index]

    def _problem_of(self, read: Mapping[str, Any], axes: int = 0) -> str:
        """Returns what is wrong with a record, or with a batch, which has one more axis."""
        if self._form is None:
            self._form = _form_of(self.source[0])
        form = _form_of(read, axes)
        if form != self._form:
            return f"fields of shapes and dtypes {form}, the first record has {self._form}"
        for name, array in _fields_of(read).items():
            if problem := problem_of_values(array):
                return f"{name} has {problem}; clean the data first"
        if self._num_classes is None:
            return ""
        return _problem_of_labels(read["label"], self._num_classes, axes)


def checked_source(
    source: RandomAccessSource, output: ClassSpec | FieldSpec, name: str
) -> RandomAccessSource:
    """Makes a source check its records, where it does not yet.

    Args:
      source: any source.
      output: the specification of the labels.
      name: the name of the source in errors, such as "split 'train'".

    Returns:
      A source of the same records, held in the same place. Arrays in memory are checked at once;
      other records when they are read.

    Raises:
      ValueError: labels in memory are not integers of the specified range.
    """
    if isinstance(source, ConcatenatedSource):
        return ConcatenatedSource(*(checked_source(s, output, name) for s in source.sources))
    if isinstance(source, InMemorySource):
        return InMemorySource(checked_source(source.source, output, name), source.name)
    if not isinstance(source, ArraySource):
        return CheckedSource(source, output, name)
    number = output.num_classes if isinstance(output, ClassSpec) else None
    if number and (problem := _problem_of_labels(source.labels, number, axes=1)):
        raise ValueError(f"{name}: {problem}")
    return source


def _fields_of(read: Mapping[str, Any]) -> dict[str, np.ndarray]:
    fields = {name: np.asarray(array) for name, array in read["input"].items()}
    if isinstance(read["label"], Mapping):
        fields |= {f"label {name}": np.asarray(array) for name, array in read["label"].items()}
    return fields


def _form_of(read: Mapping[str, Any], axes: int = 0) -> dict[str, tuple[tuple[int, ...], str]]:
    return {
        name: (array.shape[axes:], str(array.dtype)) for name, array in _fields_of(read).items()
    }


def _problem_of_labels(labels: Any, num_classes: int, axes: int) -> str:
    array = np.asarray(labels)
    if array.ndim != axes or array.dtype.kind not in "iu":
        if not axes:
            return f"label {labels!r}, expected an integer"
        return f"labels of shape {array.shape} and dtype {array.dtype}, expected integers"
    if (wrong := np.flatnonzero((array < 0) | (array >= num_classes))).size:
        return f"label {array.ravel()[wrong[0]]}, expected one in [0, {num_classes})"
    return ""
