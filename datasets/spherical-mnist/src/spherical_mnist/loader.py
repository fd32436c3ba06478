"""Loads spherical MNIST, and builds it if it does not exist yet."""

import os

from spherical_mnist.builder import SphericalMnist
from spin_data import Dataset, ImageReading, place_splits
from spin_data.tfds_building import prepare
from spin_registry import ClassSpec, FieldSpec

__all__ = ["load"]


def load(
    *,
    config: str,
    data_dir: str | os.PathLike[str] | None = None,
    mnist_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Loads spherical MNIST. The first use builds it, which takes less than a minute.

    Args:
      config: the variant of the dataset. "bilinear_" before one of the first three names selects
        bilinear interpolation, instead of the published one.

        - "canonical": all digits around the south pole, not rotated.
        - "rotated": each digit with its own random rotation.
        - "rotated_per_500": each 500 digits with one random rotation, as in the published data.
        - "vector_canonical", "vector_rotated": the digits' gradients, fields of spin 1.
      data_dir: folder of tfds datasets. None uses the environment variable TFDS_DATA_DIR, or the
        default of tfds if it is not set.
      mnist_dir: folder with the four IDX files of MNIST, only needed to build. None uses the
        environment variable SPIN_MNIST_DIR, or downloads the files if it is not set.

    Returns:
      A dataset of ten classes, with 50,000 examples in "train", 10,000 in "validation" and 10,000
      in "test". Digits are uint8 (64, 64, 1) of spin 0. Gradients are int8 (64, 64, 1, 2) of spin
      1: gradients per radian of images in [0, 1], divided by `LARGEST_GRADIENT`. If memory is
      large enough, the first batch of a split reads the whole split into memory;
      `place_source(source, "disk")` reads each record from its file instead.

    Raises:
      FileNotFoundError: a file of MNIST is missing in the folder.
      ConnectionError: MNIST cannot be downloaded.
      OSError: the dataset cannot be written.
      ValueError: the configuration is unknown, or a file of MNIST or of the built dataset is
        damaged.
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

    sources = prepare(make_builder, SphericalMnist.folder(config, data_dir))
    builder = make_builder()
    return Dataset(
        FieldSpec(builder.GRID, {builder.spin: 1}),
        ClassSpec(10),
        place_splits(sources, name=builder.info.full_name),
        folder=builder.data_path,
        version=str(builder.version),
        images=None if builder.spin else ImageReading("image"),
    )
