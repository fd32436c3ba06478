"""From a tfds builder to a dataset, built where it is not there yet."""

import os

from spherical_mnist.builder import SphericalMnist
from spin_data import Dataset, place_splits
from spin_data.tfds_building import prepare
from spin_registry import ClassSpec, FieldSpec

__all__ = ["load"]


def load(
    *,
    config: str,
    data_dir: str | os.PathLike[str] | None = None,
    mnist_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Loads spherical MNIST, and builds it on first use, which takes less than a minute.

    Args:
        config: "canonical", all digits around the south pole; "rotated", each turned by a random
            rotation of its own; "rotated_per_500", each 500 by one, as in the published data;
            these with "bilinear_" before their names, interpolated bilinearly, not as published;
            "vector_canonical" and "vector_rotated", the digits' gradients as fields of spin 1.
        data_dir: tfds's folder of datasets. None: that of the environment variable TFDS_DATA_DIR,
            or tfds's default.
        mnist_dir: a folder with MNIST's four IDX files, needed to build. None: that of the
            environment variable SPIN_MNIST_DIR, or the files are downloaded.

    Returns:
        50,000, 10,000 and 10,000 examples in "train", "validation" and "test", and ten classes:
        uint8 (64, 64, 1) of spin 0, or int8 (64, 64, 1, 2) of spin 1: gradients per radian of
        images in [0, 1], divided by `LARGEST_GRADIENT`. A split is read into memory when its first
        batch is asked for, where memory is large enough; `place_source(source, "disk")` leaves
        records in their files.

    Raises:
        FileNotFoundError: the folder lacks one of MNIST's files.
        ConnectionError: MNIST cannot be downloaded.
        OSError: the dataset cannot be written.
        ValueError: a file of MNIST's, or of the built dataset, is not what it should be; or there
            is no such configuration.
    """
    if config not in SphericalMnist.builder_configs:
        raise ValueError(
            f"config is {config!r}, expected one of {', '.join(SphericalMnist.builder_configs)}"
        )

    def make_builder() -> SphericalMnist:
        return SphericalMnist(
            config=config,
            # tfds reads the variable once, when it is imported.
            data_dir=data_dir or os.environ.get("TFDS_DATA_DIR"),
            mnist_dir=mnist_dir,
            file_format="array_record",
        )

    sources = prepare(make_builder)
    builder = make_builder()
    return Dataset(
        FieldSpec(builder.GRID, {builder.spin: 1}),
        ClassSpec(10),
        place_splits(sources, name=builder.info.full_name),
        folder=builder.data_path,
        version=str(builder.version),
    )
