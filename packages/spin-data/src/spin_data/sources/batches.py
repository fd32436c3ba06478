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
    """
    if hasattr(source, "read_batch"):
        return source.read_batch(indices)
    if hasattr(source, "__getitems__"):
        records = source.__getitems__(indices.tolist())
    else:
        records = [source[index] for index in indices.tolist()]
    return stack_records(records)


def stack_records(records: Sequence[Record]) -> Batch:
    """Stacks one or more records into a batch."""
    both = [{"input": record["input"], "label": record["label"]} for record in records]
    return with_int32_labels(map_arrays(lambda *arrays: np.stack(arrays), *both))


def with_int32_labels(batch: Batch) -> Batch:
    """Converts integer labels of a batch to int32; labels that are fields are not changed.

    Raises:
      ValueError: a label is outside of the range of int32.
    """
    labels = batch["label"]
    if isinstance(labels, Mapping):
        return batch
    limits = np.iinfo(np.int32)
    if labels.size and not (limits.min <= labels.min() and labels.max() <= limits.max):
        raise ValueError(f"labels from {labels.min()} to {labels.max()}, beyond the range of int32")
    return batch | {"label": labels.astype(np.int32)}


def map_arrays(function: Callable[..., Any], *trees: Any) -> Any:
    """Applies a function to the corresponding leaves of nested mappings with the same keys."""
    if not isinstance(trees[0], Mapping):
        return function(*trees)
    return {key: map_arrays(function, *(tree[key] for tree in trees)) for key in trees[0]}
