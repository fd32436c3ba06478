"""Reads the files of MNIST from a given folder, or downloads them."""

import os
import shutil
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from spherical_mnist.idx import read_idx
from spin_data import replaced_file

__all__ = ["MD5", "MIRRORS", "read_mnist"]

MD5: Mapping[str, str] = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
"""The names of the four files, with the checksums of their uncompressed content."""

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)

_TIMEOUT = 30  # seconds without a response


def read_mnist(
    mnist_dir: str | os.PathLike[str] | None,
    download_dir: str | os.PathLike[str],
    *,
    md5: Mapping[str, str] = MD5,
    mirrors: Sequence[str] = MIRRORS,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Reads MNIST from a folder, or downloads it.

    Args:
      mnist_dir: folder with the four IDX files, plain or gzipped. None uses the environment
        variable SPIN_MNIST_DIR, or downloads the files if it is not set.
      download_dir: folder for downloaded files.
      md5: the names and checksums of the files.
      mirrors: addresses to download from, tried in this order.

    Returns:
      Mapping with "train" and "test", each a pair of uint8 images (example, 28, 28) and uint8
      labels (example,).

    Raises:
      FileNotFoundError: a file is missing in the folder.
      ConnectionError: a file cannot be downloaded.
      ValueError: a file is damaged or has another checksum.
    """
    folder = mnist_dir or os.environ.get("SPIN_MNIST_DIR")
    if folder:
        paths = {name: _find(Path(folder).expanduser(), name) for name in md5}
    else:
        target = Path(download_dir) / "mnist"
        paths = {
            name: _download(name, md5[name], target, mirrors)
            for name in tqdm(
                md5, desc="Downloading MNIST", unit=" files", leave=False, disable=None
            )
        }
    return {"train": _read_pair("train", paths, md5), "test": _read_pair("t10k", paths, md5)}


def _read_pair(
    prefix: str, paths: Mapping[str, Path], md5: Mapping[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    images, labels = (_read(name, paths[name], md5[name]) for name in paths if prefix in name)
    if len(images) != len(labels):
        raise ValueError(
            f"MNIST's {prefix} files have {len(images)} images but {len(labels)} labels; "
            "fetch them anew"
        )
    if (wrong := np.flatnonzero(labels > 9)).size:
        name = next(name for name in paths if prefix in name and "labels" in name)
        raise ValueError(
            f"{paths[name]}: label {labels[wrong[0]]} at record {wrong[0]}, expected digits from 0 "
            "to 9; fetch the file anew"
        )
    return images, labels


def _read(name: str, path: Path, md5: str) -> np.ndarray:
    return read_idx(path, ndim=3 if "images" in name else 1, md5=md5)


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"{folder}: neither {name} nor {name}.gz exists; set SPIN_MNIST_DIR or mnist_dir to a "
        "folder with the four IDX files of MNIST"
    )


def _download(name: str, md5: str, folder: Path, mirrors: Sequence[str]) -> Path:
    path = folder / f"{name}.gz"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        try:
            with (
                replaced_file(path) as partial,
                urllib.request.urlopen(f"{mirror}{name}.gz", timeout=_TIMEOUT) as response,
            ):
                with partial.open("wb") as file:
                    shutil.copyfileobj(response, file)
                _read(name, partial, md5)  # a damaged download is discarded
            return path
        except (OSError, HTTPException, ValueError) as error:
            failures.append(f"{mirror}: {error}")
    raise ConnectionError(
        f"cannot download {name}.gz ({'; '.join(failures)}); set SPIN_MNIST_DIR to a folder with "
        "the four IDX files of MNIST"
    )
