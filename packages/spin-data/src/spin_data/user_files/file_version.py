"""Describes the contents of users' files, so that a change of them is noticed."""

import hashlib
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

__all__ = ["version_of_files"]

# Files of this size together are read in a fraction of a second. Larger ones are not read as a
# whole, because that would delay every command.
_READ_IN_FULL = 100_000_000
_FEW_FILES = 16
_BLOCKS = 64
_BLOCK_SIZE = 65_536


def version_of_files(files: Iterable[Path], folder: Path) -> str:
    """Returns a description that differs if files are added, removed, renamed or changed.

    It does not depend on the folder's own place or on times, so that copies of the files on several
    hosts have the same version. It covers:

    - of an `.npz` file: the names, sizes and checksums of its arrays, which the file lists;
    - of other files, if they have at most 100 MB together: their contents;
    - of up to 16 larger files: their sizes, and 64 evenly spaced blocks of each;
    - of more files: their sizes. An image whose pixels change has another size in nearly every
      format that compresses.

    Args:
      files: the files.
      folder: the folder that their names are relative to.

    Returns:
      "contents", "blocks" or "sizes", and a hash of twelve hexadecimal digits.

    Raises:
      OSError: a file cannot be read.
    """
    named = sorted((file.relative_to(folder).as_posix(), file) for file in files)
    sizes = [file.stat().st_size for name, file in named if file.suffix != ".npz"]
    if sum(sizes) <= _READ_IN_FULL:
        covered = "contents"
    else:
        covered = "blocks" if len(sizes) <= _FEW_FILES else "sizes"
    digest = hashlib.sha256()
    for name, file in named:
        if file.suffix == ".npz":
            content = _hash_of_arrays(file)
        else:
            content = b"" if covered == "sizes" else _hash_of_contents(file, covered == "contents")
            content = b"%d %s" % (file.stat().st_size, content)
        digest.update(b"%s\0%s\0" % (os.fsencode(name), content))
    return f"{covered} {digest.hexdigest()[:12]}"


def _hash_of_arrays(file: Path) -> bytes:
    """Hashes the list of an archive's members; reading a member compares it with this list."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = sorted((m.filename, m.file_size, m.CRC) for m in archive.infolist())
    except zipfile.BadZipFile:  # the loader says so more precisely
        return b""
    return hashlib.sha256(repr(members).encode()).digest()


def _hash_of_contents(file: Path, in_full: bool) -> bytes:
    with file.open("rb") as content:
        if in_full:
            return hashlib.file_digest(content, "sha256").digest()
        digest = hashlib.sha256()
        last = max(0, file.stat().st_size - _BLOCK_SIZE)
        for number in range(_BLOCKS):
            content.seek(last * number // (_BLOCKS - 1))
            digest.update(content.read(_BLOCK_SIZE))
        return digest.digest()
