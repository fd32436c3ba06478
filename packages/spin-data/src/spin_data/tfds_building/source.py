"""The source of records for a split that tfds has built."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spin_data.dataset import Batch, Record
from spin_data.sources.batches import stack_records
from spin_data.tfds_building.checksums import damaged

__all__ = ["PreparedSource"]


class PreparedSource:
    """The records of a split. Errors while reading name the file and the record.

    Args:
      source: the data source of the split, from tfds.
      info: the information about the split, from tfds: its files and their numbers of records.
    """

    def __init__(self, source: Sequence[Any], info: Any):
        self._source = source
        self._files = [Path(path) for path in info.filepaths]
        self._ends = np.cumsum(info.shard_lengths)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> Record:
        index = range(len(self))[index]
        try:
            record = self._source[index]
        except Exception as error:  # every error of the reader is about the file
            shard = int(np.searchsorted(self._ends, index, side="right"))
            within = index - (int(self._ends[shard - 1]) if shard else 0)
            file = self._files[shard]
            what = f"record {within} cannot be read ({error})"
            raise damaged(file.parent, file.name, what) from error
        return {"input": record["input"], "label": record["label"]}

    def read_batch(self, indices: np.ndarray) -> Batch:
        """Returns the records at `indices` (batch,), stacked."""
        try:
            records = self._source.__getitems__(indices.tolist())  # type: ignore[attr-defined]
        except Exception:
            records = [self[index] for index in indices.tolist()]  # names the bad record
        return stack_records(records)
