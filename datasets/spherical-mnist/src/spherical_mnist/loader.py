"""From a tfds builder to a dataset, built where it is not there yet."""

import os

import tensorflow_datasets as tfds

from spherical_mnist.builder import SphericalMnist
from spherical_mnist.source import InMemorySource
from spin_data import Dataset
from spin_registry import ClassSpec, FieldSpec

__all__ = ["dataset_of", "load"]


def load(
    *,
    rotated: bool,
    data_dir: str | os.PathLike[str] | None = None,
    mnist_dir: str | os.PathLike[str] | None = None,
    in_memory: bool = True,
) -> Dataset:
    """Loads spherical MNIST, and builds it at the first time, which takes a minute.

    Args:
        rotated: each digit turned by a random rotation, or all around the south pole.
        data_dir: tfds's folder of datasets. None: that of the environment variable TFDS_DATA_DIR,
            or tfds's default.
        mnist_dir: a folder with MNIST's four IDX files, needed to build. None: that of the
            environment variable SPIN_MNIST_DIR, or the files are downloaded.
        in_memory: read a split into memory when its first batch is asked for.

    Returns:
        50,000, 10,000 and 10,000 examples in "train", "validation" and "test": uint8
        (64, 64, 1) of spin 0, and ten classes.

    Raises:
        FileNotFoundError: the folder lacks one of MNIST's files.
        ConnectionError: MNIST cannot be downloaded.
        ValueError: a file of MNIST's is not what it should be.
    """

    def builder() -> SphericalMnist:
        return SphericalMnist(
            config="rotated" if rotated else "canonical",
            # tfds reads the variable once, when it is imported.
            data_dir=data_dir or os.environ.get("TFDS_DATA_DIR"),
            mnist_dir=mnist_dir,
            file_format="array_record",
        )

    try:
        return dataset_of(builder(), in_memory=in_memory)
    except FileExistsError:
        # Another process built it meanwhile, and was the first to put it in its place.
        return dataset_of(builder(), in_memory=in_memory)


def dataset_of(builder: SphericalMnist, *, in_memory: bool = True) -> Dataset:
    """The dataset of a builder, built where it is not there yet."""
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(try_download_gcs=False)
    )
    sources = {split: builder.as_data_source(split) for split in builder.info.splits}
    if in_memory:
        sources = {
            split: InMemorySource(source, f"{builder.info.full_name} {split}")
            for split, source in sources.items()
        }
    spec = FieldSpec(builder.GRID, {0: 1})
    return Dataset(spec, ClassSpec(10), sources)
