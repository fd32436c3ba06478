"""A source of indices, for records that are held elsewhere, such as on the device."""

import numpy as np

from spin_data.dataset import Batch, Record

__all__ = ["IndexSource"]


class IndexSource:
    """Stands for arrays that are held elsewhere; a batch has the indices of its examples."""

    def __init__(self, size: int):
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> Record:
        return {"index": range(self._size)[index]}

    def read_batch(self, indices: np.ndarray) -> Batch:
        """Returns `{"index": int32 (batch,)}`."""
        return {"index": indices.astype(np.int32)}
