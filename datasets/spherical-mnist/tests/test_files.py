"""IDX files and where they come from: what is wrong is said in one line."""

import gzip
import os
import shutil
import struct
import tracemalloc

import numpy as np
import pytest

from spherical_mnist import mnist_files, read_idx

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"


@pytest.mark.parametrize("name", ["plain", "compressed.gz"])
def test_reads_plain_and_gzipped_files(tmp_path, name):
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4) + values.tobytes()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    np.testing.assert_array_equal(read_idx(path, ndim=3), values)


HEADER = bytes([0, 0, 8, 1, 0, 0, 0, 5])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a", b"", "begins with nothing, expected 00000801"),
        ("a", b"<html>", "begins with 3c68746d, expected 00000801"),
        ("a", b"\0\0\x08\x03" + bytes(12), "begins with 00000803, expected 00000801.*1 dimensions"),
        ("a", HEADER[:6], "6 bytes, expected a whole header"),
        ("a", HEADER + b"1234", r"12 bytes, expected 13 for shape \(5,\)"),
        ("a", HEADER + b"123456", r"more bytes, expected 13 for shape \(5,\)"),
        ("a", HEADER[:4] + b"\xff" * 4 + b"1", r"has 9 bytes, too few for shape \(4294967295,\)"),
        ("a.gz", gzip.compress(HEADER[:4] + b"\xff" * 4 + b"1", mtime=0), "too few for shape"),
        ("a", HEADER + b"12345", "md5 is [0-9a-f]{32}, expected 0123"),
        ("a.gz", HEADER + b"12345", "no intact gzip file"),
        ("a.gz", gzip.compress(HEADER + b"12345", mtime=0)[:-9], "no intact gzip file"),
    ],
)
def test_refuses_what_is_not_an_intact_file(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as info:
        read_idx(path, ndim=1, md5="0123")
    assert str(info.value).startswith(str(path))
    assert str(info.value).endswith("fetch the file anew")


def check(mnist, parts):
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images, labels = parts[split]
        np.testing.assert_array_equal(images, mnist.arrays[f"{prefix}-images-idx3-ubyte"])
        np.testing.assert_array_equal(labels, mnist.arrays[f"{prefix}-labels-idx1-ubyte"])


def test_a_named_folder_goes_before_the_environment(mnist, tmp_path, monkeypatch):
    monkeypatch.setenv("SPIN_MNIST_DIR", str(tmp_path))
    check(mnist, mnist_files.read_mnist(mnist.folder, tmp_path, md5=mnist.md5, mirrors=()))
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}: neither {IMAGES} nor .*SPIN_MNIST"):
        mnist_files.read_mnist(None, tmp_path, md5=mnist.md5, mirrors=())
    monkeypatch.setenv("SPIN_MNIST_DIR", str(mnist.folder))
    check(mnist, mnist_files.read_mnist(None, tmp_path, md5=mnist.md5, mirrors=()))
    assert list(tmp_path.iterdir()) == []


def test_other_digits_than_mnists_are_refused(mnist, tmp_path):
    with pytest.raises(ValueError, match=f"{IMAGES}.gz: the content's md5 is"):
        mnist_files.read_mnist(mnist.folder, tmp_path)


def test_images_and_labels_belong_together(mnist, tmp_path):
    for name in mnist.md5:
        other = "t10k-labels-idx1-ubyte" if name == LABELS else name
        shutil.copy(mnist.folder / f"{other}.gz", tmp_path / f"{name}.gz")
    with pytest.raises(ValueError, match="train files have 30 images but 7 labels"):
        mnist_files.read_mnist(tmp_path, tmp_path, md5=dict.fromkeys(mnist.md5))


def test_labels_out_of_range_are_named(mnist, tmp_path):
    name = "t10k-labels-idx1-ubyte"
    for path in mnist.folder.iterdir():
        shutil.copy(path, tmp_path)
    content = bytearray(gzip.decompress((tmp_path / f"{name}.gz").read_bytes()))
    content[8 + 3] = 12
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(bytes(content), mtime=0))
    with pytest.raises(
        ValueError, match=f"{name}.gz: label 12 at record 3, expected digits from 0"
    ):
        mnist_files.read_mnist(tmp_path, tmp_path, md5=dict.fromkeys(mnist.md5))


def test_downloads_from_the_first_mirror_that_has_it(mnist, tmp_path, monkeypatch):
    monkeypatch.delenv("SPIN_MNIST_DIR", raising=False)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / f"{IMAGES}.gz").write_bytes(b"Service unavailable")
    mirrors = (f"{broken.as_uri()}/", f"{mnist.folder.as_uri()}/")
    target = tmp_path / "downloads"
    check(mnist, mnist_files.read_mnist(None, target, md5=mnist.md5, mirrors=mirrors))
    kept = sorted(path.name for path in (target / "mnist").iterdir())
    assert kept == sorted(f"{name}.gz" for name in mnist.md5)
    check(mnist, mnist_files.read_mnist(None, target, md5=mnist.md5, mirrors=()))


def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("SPIN_MNIST_DIR", raising=False)
    mirrors = (f"{(tmp_path / 'one').as_uri()}/", f"{(tmp_path / 'two').as_uri()}/")
    with pytest.raises(ConnectionError, match=f"{IMAGES}.gz .*one.*two.*set SPIN_MNIST_DIR to"):
        mnist_files.read_mnist(None, tmp_path, mirrors=mirrors)
    assert list((tmp_path / "mnist").iterdir()) == []


@pytest.mark.skipif("SPIN_MNIST_DIR" not in os.environ, reason="SPIN_MNIST_DIR is unset")
def test_the_real_files(tmp_path):
    parts = mnist_files.read_mnist(None, tmp_path)
    assert {split: images.shape for split, (images, _) in parts.items()} == {
        "train": (60_000, 28, 28),
        "test": (10_000, 28, 28),
    }
    assert parts["train"][1][:5].tolist() == [5, 0, 4, 1, 9]
    assert parts["test"][1][:5].tolist() == [7, 2, 1, 0, 4]


def test_a_gzip_bomb_is_not_decompressed(tmp_path):
    """200 megabytes of zeros, in a file of one: no more is read than the header promises."""
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(HEADER)
        for _ in range(200):
            file.write(bytes(1_000_000))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"more bytes, expected 13 for shape \(5,\)"):
        read_idx(path, ndim=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
