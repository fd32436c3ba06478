"""The tfds builder of spherical MNIST, which needs no TensorFlow.

The projection is that of `spin_data.project_as_published`, or of `project_images`, which is truer
to the images. The first 50,000 training images are the training split, the other 10,000 the
validation split (the published code takes the first 10,000 for it).
"""

import dataclasses
import itertools
import math
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from sphere_transforms import EquiangularGrid, random_euler_angles
from spherical_mnist import mnist_files
from spin_data import encode_complex, project_as_published, project_gradients, project_images

__all__ = ["LARGEST_GRADIENT", "SphericalMnist", "SphericalMnistConfig"]

LARGEST_GRADIENT = 2 * math.hypot(0.5, 0.5) * 28 / 3
"""No gradient of a picture in [0, 1] is longer, in radian^-1: a central difference is at most 1/2 a
pixel, of which 28 make 3 units of the plane, and the sphere's is at most twice the plane's."""

_SEED = 20201206  # of the rotations: they are part of the dataset
_CHUNK = 2_000  # examples that a thread projects at a time: 8 MB of bytes at 64 x 64


@dataclasses.dataclass(eq=False, kw_only=True)
class SphericalMnistConfig(tfds.core.BuilderConfig):
    """One form of the dataset.

    Attributes:
        images_per_rotation: how many consecutive images share a rotation; 0: none is rotated.
        bilinear: interpolated bilinearly, not as published.
        gradient: the image's gradient, a field of spin 1, instead of its values.
    """

    images_per_rotation: int = 0
    bilinear: bool = False
    gradient: bool = False


class SphericalMnist(tfds.core.GeneratorBasedBuilder):
    """MNIST projected onto the lower hemisphere of a 64x64 equiangular grid.

    Records stand in the order of MNIST's files.

    Args:
        mnist_dir: a folder with MNIST's four IDX files; None: SPIN_MNIST_DIR, or download.
        **kwargs: tfds's own: `config` (a name below), `data_dir`, `version`.
    """

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "2.0.0": "Drawn as the published data were; what 'canonical', 'rotated' and "
        "'rotated_per_500' were before has 'bilinear_' before its name; vectors are as they were. "
        "A run begun on an earlier version would go on with other digits: give it a new workdir.",
        "1.1.0": "The same images, stored as byte strings: built and read several times faster.",
        "1.0.0": "Initial release.",
    }
    BUILDER_CONFIGS: ClassVar[list[tfds.core.BuilderConfig]] = [
        SphericalMnistConfig(name="canonical", description="Around the south pole."),
        SphericalMnistConfig(
            name="rotated",
            description="Each turned by a random rotation of its own.",
            images_per_rotation=1,
        ),
        SphericalMnistConfig(
            name="rotated_per_500",
            description="Each 500 turned by one random rotation, as in the published data: 120 "
            "poses in training and validation, 20 in testing.",
            images_per_rotation=500,
        ),
        SphericalMnistConfig(
            name="bilinear_canonical",
            description="Interpolated bilinearly, around the south pole.",
            bilinear=True,
        ),
        SphericalMnistConfig(
            name="bilinear_rotated",
            description="Interpolated bilinearly, each turned by a random rotation of its own.",
            images_per_rotation=1,
            bilinear=True,
        ),
        SphericalMnistConfig(
            name="bilinear_rotated_per_500",
            description="Interpolated bilinearly, each 500 turned by one random rotation.",
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
            description="Gradients, a field of spin 1, each turned by a random rotation.",
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

    @property
    def spin(self) -> int:
        """The spin weight of the fields."""
        return 1 if self.builder_config.gradient else 0

    def _info(self) -> tfds.core.DatasetInfo:
        shape = (*self.GRID.shape, 1, 2) if self.spin else (*self.GRID.shape, 1)
        dtype = np.int8 if self.spin else np.uint8
        # Without an encoding tfds stores a list of integers, several times slower to write.
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
        """ZYZ angles (3, count), the same for vectors as for values; None if nothing is rotated."""
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
    """Applies a function to ranges of examples; a few are in memory at a time, in their order."""
    chunks = (slice(i, min(i + _CHUNK, count)) for i in range(0, count, _CHUNK))
    threads = max(1, min(4, os.cpu_count() or 1))
    with ThreadPoolExecutor(threads) as pool:
        while some := list(itertools.islice(chunks, threads)):
            yield from pool.map(function, some)
