"""Builds a tfds dataset if it does not exist yet, and opens it."""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from spin_data.dataset import RandomAccessSource
from spin_data.tfds_building.checksums import (
    check_descriptions,
    check_sizes,
    damaged,
    has_checksums,
    write_checksums,
)
from spin_data.tfds_building.source import PreparedSource

__all__ = ["prepare"]

_INFORMATION = "dataset_info.json"  # tfds's
_MAY_NOT_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS}


def prepare(
    make_builder: Callable[[], Any], folder: Path | None = None
) -> dict[str, RandomAccessSource]:
    """Builds a dataset if it does not exist yet, and opens it.

    Args:
      make_builder: function that makes the `tfds.core.GeneratorBasedBuilder`, with
        `file_format="array_record"`. It is called again when the lock is held, because a
        builder reads the state of the folder only when it is made.
      folder: the dataset's folder, if it is known before the builder is made. Its descriptions,
        which the builder reads, are then checked first: tfds believes what they say, and its
        errors do not name them.

    Returns:
      Mapping from the name of a split to its source.

    Raises:
      OSError: the folder cannot be written, or the disk is full. No partial dataset is left.
      ValueError: a file of the dataset is damaged.
      Exception: any error that the builder raises about its own input.
    """
    builder = _checked_builder(make_builder, folder)
    folder = Path(builder.data_dir)
    if not has_checksums(folder):
        try:
            builder = _build_under_lock(make_builder, folder)
        except OSError as error:
            if not _may_be_used_as_it_is(error, folder):
                raise
            builder = make_builder()
    check_sizes(folder)
    return {
        split: PreparedSource(builder.as_data_source(split), info)
        for split, info in builder.info.splits.items()
    }


def _checked_builder(make_builder: Callable[[], Any], folder: Path | None) -> Any:
    if folder is None:
        return make_builder()
    check_descriptions(folder)
    try:
        return make_builder()
    except Exception as error:
        # Without checksums, tfds's parsers meet the damage, and raise what they like.
        if has_checksums(folder) or not (folder / _INFORMATION).is_file():
            raise
        why = f"it does not describe this dataset ({' '.join(str(error).split())})"
        raise damaged(folder, _INFORMATION, why) from error


def _build_under_lock(make_builder: Callable[[], Any], folder: Path) -> Any:
    """Builds the dataset unless another process has built it meanwhile; returns its builder."""
    import tensorflow_datasets as tfds

    with _locked(folder):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()  # a user emptied the folder to build the dataset again
        builder = make_builder()
        if not folder.is_dir():
            _remove_leftovers(folder)
            _build(builder, tfds.download.DownloadConfig(try_download_gcs=False), folder)
        if not builder.info.splits:
            raise damaged(folder, _INFORMATION, "it is missing, or lists no splits")
        if not has_checksums(folder):
            write_checksums(folder)
    return builder


def _may_be_used_as_it_is(error: OSError, folder: Path) -> bool:
    """Returns whether the dataset is complete, and the error only means that it is read-only.

    Raises:
      OSError: the dataset does not exist, and its folder cannot be written to.
    """
    of_input = not _is_within(error.filename, folder.parent)
    if error.errno not in _MAY_NOT_WRITE or (of_input and not folder.is_dir()):
        return False
    if not folder.is_dir():
        raise OSError(
            f"{folder} cannot be built here ({error}); choose another folder with TFDS_DATA_DIR"
        ) from error
    return True  # another user's dataset, without checksums


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a dataset's folder; a process that has to wait prints a message."""
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
            "Check that the disk has space and is writable, or choose another with TFDS_DATA_DIR"
        ) from error


def _is_within(name: Any, folder: Path) -> bool:
    """Returns whether a file name is in a folder; True if it is None (an error names no file)."""
    return name is None or Path(os.fsdecode(name)).is_relative_to(folder)


def _remove_leftovers(folder: Path) -> None:
    """Removes folders that killed builds left. The lock is held, so no other build is running."""
    for path in folder.parent.glob(f"incomplete.*_{folder.name}"):
        shutil.rmtree(path, ignore_errors=True)
