"""Datasets that tensorflow-datasets builds: once, by one builder at a time, whole or not at all.

tfds writes into a folder of another name and renames it at the end, so what has its name is whole.
Here are added: a lock, so that a second builder waits for the first and takes what it made; the
removal of what a killed builder left; and checksums, so that later damage is found and named.

Needs `pip install "spin-data[tfds]"`, which does not install TensorFlow.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from spin_data.dataset import Batch, RandomAccessSource, Record, stack_records

__all__ = ["PreparedSource", "prepare", "verify"]

CHECKSUMS = "checksums.json"
INFORMATION = "dataset_info.json"  # tfds's

_BLOCK = 2**20  # bytes
_MAY_NOT_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS}


def prepare(make_builder: Callable[[], Any]) -> dict[str, RandomAccessSource]:
    """Builds a dataset where it is not there yet, and opens it.

    Args:
        make_builder: makes the `tfds.core.GeneratorBasedBuilder`, with
            `file_format="array_record"`. It is called again once the lock is held, because a
            builder knows only what was there when it was made.

    Returns:
        The split's sources by name.

    Raises:
        OSError: the folder cannot be written, or has no room; no half of it is left then.
        ValueError: a file is not the one that was built.
        Exception: what the builder raises about its own input.
    """
    import tensorflow_datasets as tfds

    builder = make_builder()
    folder = Path(builder.data_dir)
    if not (folder / CHECKSUMS).is_file():
        try:
            with _locked(folder):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()  # somebody emptied it, to have it built anew
                builder = make_builder()
                if not folder.is_dir():
                    _remove_leftovers(folder)
                    _build(builder, tfds.download.DownloadConfig(try_download_gcs=False), folder)
                if not builder.info.splits:
                    raise _damaged(folder, INFORMATION, "it is missing, or tells of no splits")
                if not (folder / CHECKSUMS).is_file():
                    _write_checksums(folder)
        except OSError as error:
            whole = folder.is_dir()  # somebody else's, without checksums: of use all the same
            of_input = not _is_within(error.filename, folder.parent)
            if error.errno not in _MAY_NOT_WRITE or (of_input and not whole):
                raise
            if not whole:
                raise OSError(
                    f"{folder} cannot be built here ({error}); choose another place with "
                    "TFDS_DATA_DIR"
                ) from error
    _check_sizes(folder)
    return {
        split: PreparedSource(builder.as_data_source(split), info)
        for split, info in builder.info.splits.items()
    }


def verify(folder: str | os.PathLike[str]) -> int:
    """Reads every file of a built dataset and compares its checksum.

    Args:
        folder: the dataset's.

    Returns:
        The number of bytes that were read.

    Raises:
        ValueError: a file is missing or is not the one that was built; the message names it.
        FileNotFoundError: the folder has no checksums.
    """
    folder = Path(folder)
    _check_sizes(folder)
    entries = _read_checksums(folder)
    for name, entry in entries.items():
        if _sha256(folder / name) != entry["sha256"]:
            raise _damaged(folder, name, "its content is not what was built")
    return sum(entry["bytes"] for entry in entries.values())


class PreparedSource:
    """A split's records, whose reading errors name file and record.

    Args:
        source: tfds's data source of the split.
        info: tfds's information about the split: its files and how many records each has.
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
        except Exception as error:  # whatever the file's reader raises is about the file
            shard = int(np.searchsorted(self._ends, index, side="right"))
            within = index - (int(self._ends[shard - 1]) if shard else 0)
            file = self._files[shard]
            what = f"record {within} cannot be read ({error})"
            raise _damaged(file.parent, file.name, what) from error
        return {"input": record["input"], "label": record["label"]}

    def read_batch(self, indices: np.ndarray) -> Batch:
        """The records at `indices` (batch,), stacked."""
        try:
            records = self._source.__getitems__(indices.tolist())  # type: ignore[attr-defined]
        except Exception:
            records = [self[index] for index in indices.tolist()]  # which names the bad one
        return stack_records(records)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a dataset's folder; of two processes one waits, and says so."""
    import filelock

    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder.parent / f".{folder.name}.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        tqdm.write(f"{folder}: another process is building it; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _build(builder: Any, download_config: Any, folder: Path) -> None:
    try:
        builder.download_and_prepare(download_config=download_config)
    except (OSError, RuntimeError, SystemError) as error:
        if folder.is_dir() or isinstance(error, FileNotFoundError | ConnectionError):
            raise
        if isinstance(error, OSError) and error.errno in _MAY_NOT_WRITE:
            raise
        raise OSError(
            f"{folder} cannot be built ({' '.join(str(error).split())}); no half of it is left. "
            "See that the disk has room and may be written to, or choose another with TFDS_DATA_DIR"
        ) from error


def _is_within(name: Any, folder: Path) -> bool:
    """Whether a file that an error names, or does not name, is in a folder."""
    return name is None or Path(os.fsdecode(name)).is_relative_to(folder)


def _remove_leftovers(folder: Path) -> None:
    """Removes what builders that were killed have left; the lock is held, so none is at work."""
    for path in folder.parent.glob(f"incomplete.*_{folder.name}"):
        shutil.rmtree(path, ignore_errors=True)


def _write_checksums(folder: Path) -> None:
    partial = folder / f"{CHECKSUMS}.partial"  # perhaps there, of a process that was killed
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path != partial)
    entries = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": _sha256(folder / name)}
        for name in names
    }
    try:
        partial.write_text(json.dumps(entries, indent=2), encoding="utf-8")
        partial.replace(folder / CHECKSUMS)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _read_checksums(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / CHECKSUMS
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: nothing to compare the files with")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: {"bytes": int(entry["bytes"]), "sha256": str(entry["sha256"])}
            for name, entry in entries.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(folder, CHECKSUMS, f"it is no list of checksums ({error})") from error


def _check_sizes(folder: Path) -> None:
    if not (folder / CHECKSUMS).is_file():
        return
    for name, entry in _read_checksums(folder).items():
        path = folder / name
        if not path.is_file():
            raise _damaged(folder, name, "it is missing")
        if (size := path.stat().st_size) != entry["bytes"]:
            raise _damaged(folder, name, f"it has {size} bytes, was built with {entry['bytes']}")


def _damaged(folder: Path, name: str, what: str) -> ValueError:
    return ValueError(f"{folder / name}: {what}; delete the folder {folder}, and it is built anew")


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
