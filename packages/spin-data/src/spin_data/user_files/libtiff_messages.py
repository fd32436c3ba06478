"""Keeps the lines that the C library libtiff prints away from the user's terminal."""

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

__all__ = ["captured_libtiff_messages"]

_LINE = re.compile(r"[\w.]+: .*\.")  # "ZIPDecode: Decoding error at scanline 0."
_lock = threading.Lock()  # one thread at a time redirects the process's stderr


@contextlib.contextmanager
def captured_libtiff_messages() -> Iterator[list[str]]:
    """Collects what libtiff prints to the process's stderr, which it does beside Python's errors.

    Lines of other threads that do not look like libtiff's are printed afterwards.

    Yields:
      A list, which has libtiff's lines when the context ends.
    """
    lines: list[str] = []
    with _lock, tempfile.TemporaryFile() as printed:
        try:
            before = os.dup(2)
        except OSError:  # the process has no stderr
            yield lines
            return
        _flush()
        os.dup2(printed.fileno(), 2)
        try:
            yield lines
        finally:
            _flush()
            os.dup2(before, 2)
            os.close(before)
            printed.seek(0)
            for line in printed.read().decode(errors="replace").splitlines(keepends=True):
                if _LINE.fullmatch(line.strip()):
                    lines.append(line.strip())
                else:
                    os.write(2, line.encode())


def _flush() -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
