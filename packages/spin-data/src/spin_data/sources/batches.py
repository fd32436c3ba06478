"""Makes batches from records."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from spin_data.dataset import Batch, RandomAccessSource, Record

__all__ = ["map_arrays", "read_batch", "stack_records", "with_int32_labels"]


def read_batch(source: RandomAccessSource, indices: np.ndarray) -> Batch:
    """Reads several records into one batch.

    Args:
      source: any source. Its own method `read_batch` is used if it has one, otherwise its method
        `__getitems__`, otherwise `__getitem__`.
      indices: integers (batch,) in [0, len(source)).

    Returns:
      `{"input": {"spin_0": (batch, lat, long, channel)}, "label": (batch,) int32}`.

    Raises:
      ValueError: a label is neither an integer in the range of int32 nor a mapping of fields.
    """
    if hasattr(source, "read_batch"):
        batch = source.read_batch(indices)
        return with_int32_labels(batch) if "label" in batch else batch
    if hasattr(source, "__getitems__"):
        records = source.__getitems__(indices.tolist())
    else:
        records = [source[index] for index in indices.tolist()]
    return stack_records(records)


def stack_records(records: Sequence[Record]) -> Batch:
    """Stacks one or more records into a batch.

    Raises:
      ValueError: fields differ in shape or dtype, or a label is not an integer.
    """
    both = [{"input": record["input"], "label": record["label"]} for record in records]
    return with_int32_labels(map_arrays(_stack, *both))


def with_int32_labels(batch: Batch) -> Batch:
    """Converts integer labels of a batch to int32; labels that are fields are not changed.

    Raises:
      ValueError: a label is not an integer, or outside of the range of int32.
    """
    if isinstance(batch["label"], Mapping):
        return batch
    labels = np.asarray(batch["label"])
    if labels.dtype.kind not in "iu":
        # Converting floats would truncate them silently.
        raise ValueError(f"labels of dtype {labels.dtype}, such as {labels[:1]}; expected integers")
    limits = np.iinfo(np.int32)
    if labels.size and not (limits.min <= labels.min() and labels.max() <= limits.max):
        raise ValueError(f"labels from {labels.min()} to {labels.max()}, beyond the range of int32")
    return batch | {"label": labels.astype(np.int32)}


def map_arrays(function: Callable[..., Any], *trees: Any) -> Any:
    """Applies a function to the corresponding leaves of nested mappings with the same keys."""
    if not isinstance(trees[0], Mapping):
        return function(*trees)
    return {key: map_arrays(function, *(tree[key] for tree in trees)) for key in trees[0]}


def _stack(*arrays: Any) -> np.ndarray:
    forms = {(array.shape, array.dtype) for array in arrays if isinstance(array, np.ndarray)}
    if len(forms) > 1:
        # Stacking uint8 with float32 would silently give other values.
        found = " and ".join(sorted(f"{shape} of {dtype}" for shape, dtype in forms))
        raise ValueError(f"records of different shapes or dtypes: {found}")
    return np.stack(arrays)
