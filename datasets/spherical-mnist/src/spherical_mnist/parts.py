"""The work of a build in parts, made by threads and kept on disk until the build is done.

A build that is broken off goes on from the parts that are there. Each is written under another name
and renamed, so that it is whole or not there.
"""

import contextlib
import hashlib
import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

__all__ = ["Parts"]

_EXAMPLES = 2_000  # in a part: 8 MB of bytes at 64 x 64


class Parts:
    """Arrays under a folder.

    Args:
        folder: where they are kept; made when the first is written.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def each(
        self, name: str, count: int, make: Callable[[slice], np.ndarray], *, key: bytes
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Makes or reads the parts of `count` examples, one after another.

        Args:
            name: what they are kept under.
            count: the number of examples.
            make: from a range of examples to their array; called by threads, one part ahead.
            key: what the arrays are made from: parts made from something else are not used.

        Yields:
            The index of the part's first example, and its array.

        Raises:
            OSError: a part cannot be written.
        """
        name = f"{name}-{hashlib.sha256(key).hexdigest()[:16]}"
        starts = range(0, count, _EXAMPLES)
        threads = max(1, min(4, os.cpu_count() or 1))
        with ThreadPoolExecutor(threads) as pool:
            # Threads that are as many as parts in hand bound the memory.
            pending = []
            try:
                for start in starts:
                    chunk = slice(start, min(start + _EXAMPLES, count))
                    pending.append((start, pool.submit(self._part, name, chunk, make)))
                    if len(pending) > threads:
                        first, future = pending.pop(0)
                        yield first, future.result()
                for first, future in pending:
                    yield first, future.result()
            finally:
                for _, future in pending:
                    future.cancel()

    def remove(self) -> None:
        """Removes the folder with all parts."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _part(self, name: str, chunk: slice, make: Callable[[slice], np.ndarray]) -> np.ndarray:
        path = self._folder / f"{name}-{chunk.start:06d}-{chunk.stop:06d}.npz"
        # Not there, or damaged, as the archive's own checksum tells: made anew.
        with (
            contextlib.suppress(OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile),
            path.open("rb") as kept,
            np.load(kept, allow_pickle=False) as archive,
        ):
            return np.asarray(archive["part"])
        array = make(chunk)
        content = io.BytesIO()  # np.savez to a file itself would hide why a write fails
        np.savez(content, part=array)
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        return array
