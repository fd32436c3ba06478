"""Checksums of a built dataset's files, to detect damaged files."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from spin_data.atomic_files import replaced_file

__all__ = [
    "check_descriptions",
    "check_sizes",
    "damaged",
    "has_checksums",
    "verify",
    "write_checksums",
]

CHECKSUMS = "checksums.json"

_BLOCK = 2**20  # bytes


def has_checksums(folder: str | os.PathLike[str]) -> bool:
    """Returns whether a dataset's folder has checksums of its files."""
    return (Path(folder) / CHECKSUMS).is_file()


def verify(folder: str | os.PathLike[str]) -> int:
    """Reads every file of a built dataset and compares its checksum.

    Args:
      folder: the dataset's folder.

    Returns:
      The total size of the files in bytes.

    Raises:
      ValueError: a file is missing, or its content has changed; the message names the file.
      FileNotFoundError: the folder has no checksums.
    """
    folder = Path(folder)
    check_sizes(folder)
    entries = _read_checksums(folder)
    for name, entry in entries.items():
        if _sha256(folder / name) != entry["sha256"]:
            raise damaged(folder, name, "its content is not what was built")
    return sum(entry["bytes"] for entry in entries.values())


def check_sizes(folder: Path) -> None:
    """Compares the sizes of the files with the recorded ones, if the folder has checksums.

    Raises:
      ValueError: a file is missing, or has another size.
    """
    if not has_checksums(folder):
        return
    for name, entry in _read_checksums(folder).items():
        path = folder / name
        if not path.is_file():
            raise damaged(folder, name, "it is missing")
        if (size := path.stat().st_size) != entry["bytes"]:
            raise damaged(folder, name, f"it has {size} bytes, was built with {entry['bytes']}")


def check_descriptions(folder: Path) -> None:
    """Compares the checksums of the files that describe a dataset, such as dataset_info.json.

    They are small, and an error in them changes the meaning of all records. A folder without
    checksums is accepted.

    Raises:
      ValueError: a file is missing, or its content has changed.
    """
    if not has_checksums(folder):
        return
    for name, entry in _read_checksums(folder).items():
        path = folder / name
        if path.suffix != ".json" and not name.endswith(".labels.txt"):
            continue
        if not path.is_file():
            raise damaged(folder, name, "it is missing")
        if _sha256(path) != entry["sha256"]:
            raise damaged(folder, name, "its content is not what was built")


def write_checksums(folder: Path) -> None:
    """Writes the checksums of all files in a folder.

    Raises:
      OSError: the folder cannot be written to.
    """
    with replaced_file(folder / CHECKSUMS) as partial:
        # Names that begin with a dot are temporary: this file, or one that a killed process left.
        paths = [p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
        entries = {
            path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
            for path in sorted(paths)
        }
        partial.write_text(json.dumps(entries, indent=2), encoding="utf-8")


def damaged(folder: Path, name: str, what: str) -> ValueError:
    """Returns the error for a damaged file of a built dataset."""
    return ValueError(f"{folder / name}: {what}; delete the folder {folder}, and it is built anew")


def _read_checksums(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / CHECKSUMS
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, so the files cannot be verified")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: {"bytes": int(entry["bytes"]), "sha256": str(entry["sha256"])}
            for name, entry in entries.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise damaged(folder, CHECKSUMS, f"it is no list of checksums ({error})") from error


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
