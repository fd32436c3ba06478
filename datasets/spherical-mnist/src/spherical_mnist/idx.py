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
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: no intact gzip file ({error}); {_REMEDY}") from error
    header_size = 4 + 4 * ndim
    magic, expected = content[:4].hex(), bytes([0, 0, _UINT8, ndim]).hex()
    if magic != expected:
        raise ValueError(
            f"{path}: begins with {magic or 'nothing'}, expected {expected}, the magic number of "
            f"an IDX file of bytes in {ndim} dimensions; {_REMEDY}"
        )
    shape = None
    if len(content) >= header_size:
        shape = struct.unpack(f">{ndim}I", content[4:header_size])
    size = None if shape is None else header_size + math.prod(shape)
    if len(content) != size:
        promised = "a whole header" if shape is None else f"{size} for shape {shape}"
        raise ValueError(f"{path}: {len(content)} bytes, expected {promised}; {_REMEDY}")
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 is not None and found != md5:
        raise ValueError(f"{path}: the content's md5 is {found}, expected {md5}; {_REMEDY}")
    return np.frombuffer(content, np.uint8, offset=header_size).reshape(shape)
