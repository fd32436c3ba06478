"""A small stand-in for MNIST: four gzipped IDX files, and a builder that expects just those."""

import gzip
import hashlib
import struct
from types import SimpleNamespace

import numpy as np
import pytest

NUM_TRAIN, NUM_TEST = 30, 7


@pytest.fixture(scope="session")
def mnist(tmp_path_factory):
    """The folder of the files, their arrays by name, and their checksums."""
    folder = tmp_path_factory.mktemp("mnist")
    generator = np.random.default_rng(0)
    arrays, md5 = {}, {}
    for prefix, size in (("train", NUM_TRAIN), ("t10k", NUM_TEST)):
        images = generator.integers(0, 256, (size, 28, 28), dtype=np.uint8)
        arrays[f"{prefix}-images-idx3-ubyte"] = images
        arrays[f"{prefix}-labels-idx1-ubyte"] = np.arange(size, dtype=np.uint8) % 10
    for name, array in arrays.items():
        content = idx_bytes(array)
        md5[name] = hashlib.md5(content, usedforsecurity=False).hexdigest()
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return SimpleNamespace(folder=folder, arrays=arrays, md5=md5)


def idx_bytes(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(scope="session")
def tiny_builder(mnist):
    """The builder's class for the small files, with five validation images."""
    from spherical_mnist import SphericalMnist

    class TinyMnist(SphericalMnist, skip_registration=True):
        MD5 = mnist.md5
        NUM_VALIDATION = 5

    # tfds finds the code by the module's name, and this one's is pytest's invention.
    TinyMnist.__module__ = SphericalMnist.__module__
    return TinyMnist
