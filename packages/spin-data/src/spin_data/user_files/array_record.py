"""Reads and writes `.array_record` files, in which each record is an `.npz` archive."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from spin_data.dataset import Record
from spin_data.user_files.field_records import BAD_NPZ, check_record, form_of

__all__ = ["ArrayRecordSource", "write_array_record"]


class ArrayRecordSource:
    """A source of records in an `.array_record` file, in which each record is an `.npz` archive.

    A record is read from the file when it is used. Reading it raises a ValueError if it is damaged,
    its label is out of range, or its fields have other names, shapes or dtypes than those of the
    first record in the file.

    Args:
      path: the file.
      indices: indices of the file's records that belong to this source; None for all records.
      num_classes: if given, labels must be below this number.

    Raises:
      ValueError: the file or its first record is damaged.
    """

    def __init__(
        self, path: Path, indices: np.ndarray | None = None, num_classes: int | None = None
    ):
        from array_record.python.array_record_data_source import ArrayRecordDataSource

        try:
            self._data = ArrayRecordDataSource(str(path))
            self._indices = np.arange(len(self._data)) if indices is None else indices
        except (RuntimeError, OSError, ValueError) as error:
            raise ValueError(f"{path}: not an intact array_record file ({error})") from error
        self._path = path
        self._num_classes = num_classes
        self._form = form_of(self._read(0))

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Record:
        number = int(self._indices[index])
        record = self._read(number)
        if (form := form_of(record)) != self._form:
            raise self._unreadable(number, f"fields {form}, the first has {self._form}")
        return record

    def _read(self, number: int) -> Record:
        try:
            arrays = np.load(io.BytesIO(self._data[number]), allow_pickle=False)
            if isinstance(arrays, np.ndarray):
                raise ValueError("one array, expected an archive of named arrays")
            return check_record(dict(arrays), self._num_classes)
        except BAD_NPZ as error:
            raise self._unreadable(number, error) from error

    def _unreadable(self, number: int, why: object) -> ValueError:
        return ValueError(
            f"{self._path}: record {number} cannot be read ({why}); write the file again"
        )


def write_array_record(path: Path, records: Iterable[Record]) -> int:
    """Writes records to a file one after another, and returns their number."""
    from array_record.python.array_record_module import ArrayRecordWriter

    writer, count = ArrayRecordWriter(str(path), "group_size:1"), 0
    try:
        for record in records:
            content = io.BytesIO()
            np.savez(content, label=record["label"], **record["input"])
            writer.write(content.getvalue())
            count += 1
    finally:
        writer.close()
    return count
