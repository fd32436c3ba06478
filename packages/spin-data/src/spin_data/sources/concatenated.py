"""Concatenation of sources."""

import numpy as np

from spin_data.dataset import Batch, RandomAccessSource, Record
from spin_data.sources.batches import map_arrays, read_batch

__all__ = ["ConcatenatedSource"]


class ConcatenatedSource:
    """Concatenates several sources, for example the training and the validation data."""

    def __init__(self, *sources: RandomAccessSource):
        self.sources = sources
        self._starts = np.cumsum([0, *map(len, sources)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> Record:
        index = range(len(self))[index]
        which = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self.sources[which][index - int(self._starts[which])]

    def read_batch(self, indices: np.ndarray) -> Batch:
        """Returns the records at `indices` (batch,), stacked."""
        which = np.searchsorted(self._starts, indices, side="right") - 1
        batches = [
            read_batch(self.sources[source], indices[which == source] - self._starts[source])
            for source in np.unique(which)
        ]
        back = np.argsort(np.argsort(which, kind="stable"))
        return map_arrays(lambda *arrays: np.concatenate(arrays)[back], *batches)
