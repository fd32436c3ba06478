"""Atomic replacement of files."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["replaced_file"]


@contextlib.contextmanager
def replaced_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path to write to, and then renames it to the file.

    A reader sees either the old content or the new content, never a part of it. If an error occurs
    or the process is killed, the old content stays. The temporary name has the same suffix.

    Args:
      path: the file.

    Yields:
      The temporary path, in the same folder.

    Raises:
      OSError: the file cannot be replaced.
    """
    target = Path(path)
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    try:
        yield partial
        partial.replace(target)
    except OSError as error:
        if error.filename != str(partial):
            raise
        # Users know the target's name, not the temporary one.
        raise OSError(error.errno, error.strerror, str(target)) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
