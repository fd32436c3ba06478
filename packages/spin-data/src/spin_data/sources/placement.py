"""Decides whether a source's records are read from their files or held in memory."""

import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from spin_data.dataset import Batch, RandomAccessSource, Record
from spin_data.sources.array import ArraySource
from spin_data.sources.batches import map_arrays, read_batch
from spin_data.sources.concatenated import ConcatenatedSource

__all__ = ["InMemorySource", "place_source", "place_splits", "source_bytes"]

PLACEMENTS = ("auto", "disk", "memory")

_RECORDS_AT_A_TIME = 500
_NAMED = 20  # of the records that cannot be read
_SHARE = 4  # "auto" uses at most 1 / _SHARE of the machine's memory


class InMemorySource:
    """Reads all records of another source into memory when the first batch is requested.

    On an accelerator, reading a record from a file takes longer than training on it. Until the
    first batch, single records are read from the file. A progress bar is shown while reading.

    Args:
      source: the source to read.
      name: the name of the source in the progress bar.
    """

    def __init__(self, source: RandomAccessSource, name: str):
        self.source = source
        self.name = name
        self._in_memory: ArraySource | None = None
        self._failure: Exception | None = None  # of reading; raised again in other threads
        self._lock = threading.Lock()  # because several threads read ahead

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Record:
        return (self._in_memory or self.source)[range(len(self))[index]]

    def read_batch(self, indices: np.ndarray) -> Batch:
        """Returns the records at `indices` (batch,), stacked."""
        return self.arrays().read_batch(indices)

    def arrays(self) -> ArraySource:
        """Returns all records in memory; the first call reads them.

        Raises:
          ValueError: a record differs from the first in its fields, shapes or dtypes, or has
            values that are not finite.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._in_memory is None:
                try:
                    self._in_memory = _read_all(self.source, self.name)
                except Exception as error:
                    self._failure = error
                    raise
            return self._in_memory

    def __getstate__(self) -> dict[str, Any]:
        # A worker process gets the arrays if they are already read, and a lock of its own.
        return {key: value for key, value in vars(self).items() if key != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.Lock()


def place_source(
    source: RandomAccessSource, placement: str = "auto", name: str = "the dataset"
) -> RandomAccessSource:
    """Decides where a source's records are held.

    Args:
      source: any source.
      placement: "disk" reads each record from its file when it is used. "memory" reads all
        records at the first batch. "auto" is "memory" if the records need at most a quarter of
        the machine's memory, otherwise "disk".
      name: the name of the source in the progress bar.

    Returns:
      The source, or one that holds the same records in memory. A source that already consists of
      arrays in memory is returned unchanged.

    Raises:
      ValueError: the placement is unknown.
    """
    if placement not in PLACEMENTS:
        raise ValueError(f"placement is {placement!r}, expected one of {', '.join(PLACEMENTS)}")
    if placement == "auto":
        placement = _by_size(source)
    if isinstance(source, ConcatenatedSource):
        return ConcatenatedSource(*(place_source(each, placement, name) for each in source.sources))
    if isinstance(source, ArraySource):
        return source
    if isinstance(source, InMemorySource):
        return source if placement == "memory" else source.source
    return InMemorySource(source, name) if placement == "memory" else source


def place_splits(
    splits: Mapping[str, RandomAccessSource], placement: str = "auto", name: str = "the dataset"
) -> dict[str, RandomAccessSource]:
    """Decides where the records of a dataset are held. "auto" uses the total size of all splits.

    Args:
      splits: mapping from the name of a split to its source.
      placement: "auto", "disk" or "memory", as for `place_source`.
      name: the name of the dataset in progress bars.

    Returns:
      Mapping from the name of a split to its source.

    Raises:
      ValueError: the placement is unknown.
    """
    if placement == "auto":
        placement = _by_size(*splits.values())
    return {
        split: place_source(source, placement, f"{name} {split}")
        for split, source in splits.items()
    }


def source_bytes(source: RandomAccessSource) -> int:
    """Estimates the bytes that a source's records take in memory, from its first record."""
    sizes: list[int] = []
    record = source[0]
    map_arrays(
        lambda array: sizes.append(np.asarray(array).nbytes),
        {"input": record["input"], "label": record["label"]},
    )
    return len(source) * sum(sizes)


def _read_all(source: RandomAccessSource, name: str) -> ArraySource:
    size = len(source)

    def read(start: int, stop: int) -> Batch:
        try:
            return read_batch(source, np.arange(start, stop))
        except (ValueError, OSError):
            _name_all_unreadable(source, range(start, size))
            raise

    first = read(0, 1)
    whole = map_arrays(lambda array: np.empty((size, *array.shape[1:]), array.dtype), first)

    def put(target: np.ndarray, array: np.ndarray, chunk: slice) -> None:
        if array.shape[1:] != target.shape[1:] or array.dtype != target.dtype:
            raise ValueError(
                f"{name}: among records {chunk.start} to {chunk.stop - 1} one has shape "
                f"{array.shape[1:]} and dtype {array.dtype}, the first has {target.shape[1:]} and "
                f"{target.dtype}; all records must have the same shapes and dtypes"
            )
        target[chunk] = array

    with tqdm(total=size, desc=f"Reading {name}", unit=" examples", disable=None) as progress:
        for start in range(0, size, _RECORDS_AT_A_TIME):
            chunk = slice(start, min(start + _RECORDS_AT_A_TIME, size))
            batch = read(chunk.start, chunk.stop)
            map_arrays(lambda target, array, chunk=chunk: put(target, array, chunk), whole, batch)
            progress.update(chunk.stop - chunk.start)
    return ArraySource(whole["input"], whole["label"])


def _name_all_unreadable(source: RandomAccessSource, indices: range) -> None:
    """Raises one error for all records that cannot be read, so that they are mended in one go."""
    errors: list[ValueError | OSError] = []
    for index in indices:
        try:
            _ = source[index]
        except (ValueError, OSError) as error:
            errors.append(error)
    if not errors:
        return
    if len(errors) == 1:
        raise errors[0]
    more = f"; and {len(errors) - _NAMED} more" if len(errors) > _NAMED else ""
    named = "; ".join(map(str, errors[:_NAMED]))
    raise ValueError(f"{len(errors)} records cannot be read: {named}{more}") from errors[0]


def _by_size(*sources: RandomAccessSource) -> str:
    fits = sum(map(source_bytes, sources)) <= _total_memory() // _SHARE
    return "memory" if fits else "disk"


def _total_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
