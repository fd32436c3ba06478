"""A source that keeps its records in memory from the first batch on."""

import threading

import numpy as np
from tqdm.auto import tqdm

from spin_data import ArraySource, Batch, RandomAccessSource, Record, read_batch

__all__ = ["InMemorySource"]

_RECORDS_AT_A_TIME = 500


class InMemorySource:
    """Reads another source whole when the first batch is asked for, with a progress bar.

    Reading a record from a file takes longer than its part in a training step on an accelerator;
    70,000 images of 64x64 bytes take 287 MB. Single records are read from the file until then.

    Args:
        source: of class labels.
        name: what the progress bar calls it.
    """

    def __init__(self, source: RandomAccessSource, name: str):
        self._source = source
        self._name = name
        self._in_memory: ArraySource | None = None
        self._lock = threading.Lock()  # threads that read ahead ask for batches at the same time

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> Record:
        record = (self._in_memory or self._source)[range(len(self))[index]]
        return {"input": record["input"], "label": int(record["label"])}

    def read_batch(self, indices: np.ndarray) -> Batch:
        """The records at `indices` (batch,), stacked."""
        with self._lock:
            if self._in_memory is None:
                self._in_memory = self._read_all()
        return self._in_memory.read_batch(indices)

    def _read_all(self) -> ArraySource:
        size, first = len(self), read_batch(self._source, np.arange(1))
        fields = {
            name: np.empty((size, *array.shape[1:]), array.dtype)
            for name, array in first["input"].items()
        }
        labels = np.empty(size, np.int32)
        with tqdm(total=size, desc=f"Reading {self._name}", unit=" examples") as progress:
            for start in range(0, size, _RECORDS_AT_A_TIME):
                chunk = slice(start, min(start + _RECORDS_AT_A_TIME, size))
                batch = read_batch(self._source, np.arange(chunk.start, chunk.stop))
                for name, array in batch["input"].items():
                    fields[name][chunk] = array
                labels[chunk] = batch["label"]
                progress.update(len(batch["label"]))
        return ArraySource(fields, labels)
