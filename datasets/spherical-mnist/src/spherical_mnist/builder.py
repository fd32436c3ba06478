"""The tfds builder of spherical MNIST, which does not need TensorFlow.

Images are projected by `spin_data.project_as_published`, or by `spin_data.project_images`, which is
more faithful to the images. The first 50,000 training images are the training split, and the other
10,000 are the validation split. (The published code uses the first 10,000 for validation.)
"""

import dataclasses
import itertools
import math
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from sphere_transforms import EquiangularGrid, random_euler_angles
from spherical_mnist import mnist_files
from spin_data import encode_complex, project_as_published, project_gradients, project_images

__all__ = ["LARGEST_GRADIENT", "SphericalMnist", "SphericalMnistConfig"]

LARGEST_GRADIENT = 2 * math.hypot(0.5, 0.5) * 28 / 3
"""The largest possible length of a gradient, in radian^-1, for images in [0, 1].

Along each axis, a central difference is at most 1/2 per pixel, and 28 pixels are 3 units of the
plane. A gradient on the sphere is at most twice as long as that on the plane.
"""

_SEED = 20201206  # of the rotations, which are part of the dataset
_CHUNK = 2_000  # examples that a thread projects at a time, 8 MB at 64 x 64


@dataclasses.dataclass(eq=False, kw_only=True)
class SphericalMnistConfig(tfds.core.BuilderConfig):
    """A variant of the dataset.

    Attributes:
      images_per_rotation: the number of consecutive images with the same rotation; 0 for no
        rotations.
      bilinear: whether to interpolate bilinearly, instead of as published.
      gradient: whether to store the image's gradient, a field of spin 1, instead of its values.
    """

    images_per_rotation: int = 0
    bilinear: bool = False
    gradient: bool = False


class SphericalMnist(tfds.core.GeneratorBasedBuilder):
    """MNIST projected onto the lower hemisphere of a 64x64 equiangular grid.

    Records are in the order of MNIST's files.

    Args:
      mnist_dir: a folder with the four IDX files of MNIST. None uses the environment variable
        SPIN_MNIST_DIR, or downloads the files if it is not set.
      **kwargs: arguments of `tfds.core.GeneratorBasedBuilder`: `config` (a name in
        `BUILDER_CONFIGS`), `data_dir`, `version`.
    """

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "2.0.0": "Projected in the same way as the published data. The previous 'canonical', "
        "'rotated' and 'rotated_per_500' are now 'bilinear_canonical', 'bilinear_rotated' and "
        "'bilinear_rotated_per_500'. The variants 'vector_*' have not changed. A training run on "
        "an earlier version cannot be resumed: start it again in a new workdir.",
        "1.1.0": "The same images, stored as byte strings: built and read several times faster.",
        "1.0.0": "Initial release.",
    }
    BUILDER_CONFIGS: ClassVar[list[tfds.core.BuilderConfig]] = [
        SphericalMnistConfig(name="canonical", description="Around the south pole."),
        SphericalMnistConfig(
            name="rotated",
            description="Each image with its own random rotation.",
            images_per_rotation=1,
        ),
        SphericalMnistConfig(
            name="rotated_per_500",
            description="Each 500 images with one random rotation, as in the published data: 120 "
            "rotations in training and validation, 20 in testing.",
            images_per_rotation=500,
        ),
        SphericalMnistConfig(
            name="bilinear_canonical",
            description="Interpolated bilinearly, around the south pole.",
            bilinear=True,
        ),
        SphericalMnistConfig(
            name="bilinear_rotated",
            description="Interpolated bilinearly, each image with its own random rotation.",
            images_per_rotation=1,
            bilinear=True,
        ),
        SphericalMnistConfig(
            name="bilinear_rotated_per_500",
            description="Interpolated bilinearly, each 500 images with one random rotation.",
            images_per_rotation=500,
            bilinear=True,
        ),
        SphericalMnistConfig(
            name="vector_canonical",
            description="Gradients, a field of spin 1, around the south pole.",
            gradient=True,
        ),
        SphericalMnistConfig(
            name="vector_rotated",
            description="Gradients, a field of spin 1, each image with its own random rotation.",
            images_per_rotation=1,
            gradient=True,
        ),
    ]
    GRID: ClassVar[EquiangularGrid] = EquiangularGrid(64)
    NUM_VALIDATION: ClassVar[int] = 10_000
    MD5: ClassVar[Mapping[str, str]] = mnist_files.MD5

    def __init__(self, *, mnist_dir: str | os.PathLike[str] | None = None, **kwargs: Any):
        self._mnist_dir = mnist_dir
        super().__init__(**kwargs)

    @classmethod
    def folder(cls, config: str, data_dir: str | os.PathLike[str] | None = None) -> Path:
        """Returns the folder of a variant that is built, or would be.

        Args:
          config: the variant's name.
          data_dir: folder of tfds datasets. None uses the environment variable TFDS_DATA_DIR, or
            the default of tfds.
        """
        # tfds reads the variable once, when it is imported.
        root = data_dir or os.environ.get("TFDS_DATA_DIR") or tfds.core.constants.DATA_DIR
        return Path(os.path.expanduser(root)) / cls.name / config / str(cls.VERSION)

    @property
    def spin(self) -> int:
        """The spin weight of the fields: 1 for gradients, otherwise 0."""
        return 1 if self.builder_config.gradient else 0

    def _info(self) -> tfds.core.DatasetInfo:
        shape = (*self.GRID.shape, 1, 2) if self.spin else (*self.GRID.shape, 1)
        dtype = np.int8 if self.spin else np.uint8
        # Without an encoding, tfds stores a list of integers, several times slower to write.
        field = tfds.features.Tensor(shape=shape, dtype=dtype, encoding="bytes")
        return self.dataset_info_from_configs(
            description="MNIST's handwritten digits on the sphere, as bytes.",
            homepage="http://yann.lecun.com/exdb/mnist/",
            features=tfds.features.FeaturesDict(
                {
                    "input": {f"spin_{self.spin}": field},
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        mnist = mnist_files.read_mnist(self._mnist_dir, dl_manager.download_dir, md5=self.MD5)
        images, labels = mnist["train"]
        end = len(images) - self.NUM_VALIDATION
        splits = {
            "train": (images[:end], labels[:end]),
            "validation": (images[end:], labels[end:]),
            "test": mnist["test"],
        }
        return {
            split: self._generate_examples(*arrays, self._angles(index, len(arrays[0])))
            for index, (split, arrays) in enumerate(splits.items())
        }

    def _angles(self, split_index: int, count: int) -> np.ndarray | None:
        """Returns ZYZ angles (3, count), equal for values and gradients; None for no rotations."""
        together = self.builder_config.images_per_rotation
        if not together:
            return None
        seed = (_SEED, split_index) if together == 1 else (_SEED, split_index, together)
        angles = random_euler_angles(np.random.default_rng(seed), (-(-count // together),))
        return np.repeat(np.stack(angles), together, axis=1)[:, :count]

    def _generate_examples(
        self, images: np.ndarray, labels: np.ndarray, angles: np.ndarray | None
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        def project(chunk: slice) -> np.ndarray:
            rotation = None if angles is None else tuple(angles[:, chunk])
            if self.spin:
                gradients = project_gradients(images[chunk], self.GRID, rotation)
                return encode_complex(gradients[..., None] / (255 * LARGEST_GRADIENT))
            if self.builder_config.bilinear:
                fields = np.rint(project_images(images[chunk], self.GRID, rotation)).astype(
                    np.uint8
                )
            else:
                fields = project_as_published(images[chunk], self.GRID, rotation)
            return fields[..., None]

        key = 0
        for fields in _in_threads(project, len(images)):
            for field in fields:
                yield key, {"input": {f"spin_{self.spin}": field}, "label": int(labels[key])}
                key += 1


def _in_threads(function: Callable[[slice], np.ndarray], count: int) -> Iterator[np.ndarray]:
    """Applies a function to ranges of examples and yields results in order, a few at a time."""
    chunks = (slice(i, min(i + _CHUNK, count)) for i in range(0, count, _CHUNK))
    threads = max(1, min(4, os.cpu_count() or 1))
    with ThreadPoolExecutor(threads) as pool:
        while some := list(itertools.islice(chunks, threads)):
            yield from pool.map(function, some)
