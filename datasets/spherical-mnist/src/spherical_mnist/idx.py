"""Reads IDX files, the format of MNIST.

An IDX file consists of two zero bytes, a type code (8 is uint8), the number of dimensions, each
dimension as a big-endian 32-bit integer, and the values (http://yann.lecun.com/exdb/mnist).
"""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np

__all__ = ["read_idx"]

_UINT8 = 8
_LARGEST_RATIO = 1100  # of decompressed to compressed bytes; deflate's own limit is 1032
_REMEDY = "fetch the file anew"


def read_idx(path: Path, *, ndim: int, md5: str | None = None) -> np.ndarray:
    """Reads an IDX file of bytes.

    Args:
      path: the file; it is decompressed if its name ends in ".gz".
      ndim: the required number of dimensions, 3 for images and 1 for labels.
      md5: the required checksum of the uncompressed content; None for no check.

    Returns:
      uint8 array with `ndim` axes, read-only.

    Raises:
      FileNotFoundError: the file does not exist.
      ValueError: the file is damaged, is not an IDX file of bytes with `ndim` dimensions, or has
        another checksum.
    """
    header_size = 4 + 4 * ndim
    compressed = path.suffix == ".gz"
    try:
        with gzip.open(path) if compressed else path.open("rb") as file:
            content = file.read(header_size)
            magic, expected = content[:4].hex(), bytes([0, 0, _UINT8, ndim]).hex()
            if magic != expected:
                raise ValueError(
                    f"{path}: begins with {magic or 'nothing'}, expected {expected}, the magic "
                    f"number of an IDX file of bytes in {ndim} dimensions; {_REMEDY}"
                )
            if len(content) < header_size:
                raise ValueError(
                    f"{path}: {len(content)} bytes, expected a whole header; {_REMEDY}"
                )
            shape = struct.unpack(f">{ndim}I", content[4:])
            size = math.prod(shape)
            if size > path.stat().st_size * (_LARGEST_RATIO if compressed else 1):
                raise ValueError(
                    f"{path}: has {path.stat().st_size} bytes, too few for shape {shape}; {_REMEDY}"
                )
            # No more than is promised: a small file may decompress to more than fits in memory.
            values = file.read(size + 1)
            if len(values) != size:
                found = header_size + len(values) if len(values) < size else "more"
                raise ValueError(
                    f"{path}: {found} bytes, expected {header_size + size} for shape {shape}; "
                    f"{_REMEDY}"
                )
    except (OSError, EOFError, zlib.error) as error:
        if not compressed or isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{path}: no intact gzip file ({error}); {_REMEDY}") from error
    content += values
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 is not None and digest != md5:
        raise ValueError(f"{path}: the content's md5 is {digest}, expected {md5}; {_REMEDY}")
    return np.frombuffer(content, np.uint8, offset=header_size).reshape(shape)
