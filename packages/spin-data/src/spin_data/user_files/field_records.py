"""Checks named arrays and converts them to records of fields with a label."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spin_data.dataset import Record, spin_weight
from spin_data.field_values import as_field_dtype, problem_of_dtype, problem_of_values

__all__ = ["BAD_NPZ", "channels_of", "check_batch", "check_record", "form_of", "sides_of"]

BAD_NPZ = Exception
"""The errors of reading an `.npz` that is damaged or has other contents.

Damaged members of the archive cause exceptions of many types: of zip files, of the compressors
(`zlib.error`, `lzma.LZMAError`), of headers that ask for impossible arrays (`MemoryError`), and of
encryption (`RuntimeError`). The files are read, and nothing else, where these are caught.
"""


def check_record(
    arrays: Mapping[str, np.ndarray], num_classes: int | None = None, *, finite: bool = True
) -> dict[str, Any]:
    """Makes one record from its named arrays.

    Args:
      arrays: fields such as "spin_0", each (lat, long, channel) or, on a grid of pixels, (pixel,
        channel), and "label", an integer.
      num_classes: if given, the label must be below this number.
      finite: whether values must be finite.

    Returns:
      `{"input": {"spin_0": array}, "label": int}`.

    Raises:
      ValueError: an array is missing, or has the wrong name, shape, dtype or values.
    """
    fields = _fields(arrays, leading=0)
    for name, array in fields.items():
        if finite and (problem := problem_of_values(array)):
            raise ValueError(f"{name} has {problem}")
    labels = _labels(arrays["label"], num_classes, axes=0)
    return {"input": fields, "label": int(labels)}


def check_batch(arrays: Mapping[str, np.ndarray], num_classes: int | None = None) -> dict[str, Any]:
    """Makes a batch of records from their named arrays.

    Args:
      arrays: the arrays of `check_record`, with a first axis of examples.
      num_classes: if given, labels must be below this number.

    Returns:
      `{"input": {"spin_0": array}, "label": int32 (example,)}`.

    Raises:
      ValueError: an array is missing, or has the wrong name, shape, dtype or values. The message
        has the number of the bad record.
    """
    fields = _fields(arrays, leading=1)
    labels = _labels(arrays["label"], num_classes, axes=1)
    for name, array in fields.items():
        if len(array) != len(labels):
            raise ValueError(f"{len(array)} of {name}, but {len(labels)} labels")
        if problem_of_values(array):
            bad = next(i for i, values in enumerate(array) if problem_of_values(values))
            raise ValueError(f"{name} of record {bad} has {problem_of_values(array[bad])}")
    return {"input": fields, "label": labels.astype(np.int32)}


def form_of(record: Record) -> dict[str, tuple[tuple[int, ...], str]]:
    """Returns the shape and dtype of each field; they must be equal for all records of a file."""
    return {name: (array.shape, str(array.dtype)) for name, array in record["input"].items()}


def sides_of(array: np.ndarray) -> tuple[int, ...]:
    """Returns the axes of the sphere of a field without an axis of examples."""
    return array.shape[: array.ndim - 1 - (array.dtype == np.int8)]


def channels_of(fields: Mapping[str, np.ndarray]) -> dict[int, int]:
    """Returns the number of channels by spin weight of fields without an axis of examples."""
    return {spin_weight(name): array.shape[len(sides_of(array))] for name, array in fields.items()}


def _fields(arrays: Mapping[str, np.ndarray], leading: int) -> dict[str, np.ndarray]:
    fields = {name: as_field_dtype(array) for name, array in arrays.items() if name != "label"}
    if "label" not in arrays or not fields:
        raise ValueError(f"arrays {sorted(arrays)}, expected 'label' and 'spin_0' or other spins")
    for name, array in fields.items():
        spin_weight(name)
        if problem := problem_of_dtype(array):
            raise ValueError(f"{name} has {problem}")
        if array.ndim - (array.dtype == np.int8) - leading not in (2, 3):
            axes = "example, " * leading + "lat, long, channel"
            raise ValueError(f"{name} has shape {array.shape}, expected {axes}")
    if len({sides_of(array) for array in fields.values()}) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in fields.items())
        raise ValueError(f"fields on different grids: {shapes}")
    return fields


def _labels(labels: np.ndarray, num_classes: int | None, axes: int) -> np.ndarray:
    if labels.dtype.kind not in "iu" or labels.ndim != axes:
        raise ValueError(
            f"label has shape {labels.shape} and dtype {labels.dtype}, expected integers"
        )
    end = np.iinfo(np.int32).max if num_classes is None else num_classes
    if (wrong := np.flatnonzero((labels < 0) | (labels >= end))).size:
        number = f" of record {wrong[0]}" if axes else ""
        raise ValueError(f"label {labels.ravel()[wrong[0]]}{number}, expected one in [0, {end})")
    return labels
