"""Reader of IDX files, the format of MNIST.

Two zero bytes, a type code (8 is uint8), the number of dimensions, each dimension as a big-endian
32-bit integer, then the values (http://yann.lecun.com/exdb/mnist).
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
        path: the file, plain or, if its name ends with ".gz", compressed.
        ndim: the number of dimensions it must have: 3 for images, 1 for labels.
        md5: the checksum of the uncompressed content, if it is known.

    Returns:
        uint8, read-only.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, is of another kind, or has another checksum.
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
            f"{path}: begins with {magic or 'nothing'}, expected {expected}, the mark of an IDX "
            f"file of bytes in {ndim} dimensions; {_REMEDY}"
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
