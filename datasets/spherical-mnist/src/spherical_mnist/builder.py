"""The tfds builder of spherical MNIST, which needs no TensorFlow.

The projection is that of `spin_data.project_images`. The first 50,000 training images are the
training split, the other 10,000 the validation split, as published (Esteves, Makadia,
Daniilidis, NeurIPS 2020).
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from sphere_transforms import EquiangularGrid, random_euler_angles
from spherical_mnist import files
from spin_data import project_images

__all__ = ["SphericalMnist"]

_SEED = 20201206  # of the rotations: they are part of version 1.0.0
_IMAGES_AT_A_TIME = 256


class SphericalMnist(tfds.core.GeneratorBasedBuilder):
    """MNIST projected onto the lower hemisphere of a 64x64 equiangular grid.

    Records stand in the order of MNIST's files.

    Args:
        mnist_dir: a folder with MNIST's four IDX files; None: SPIN_MNIST_DIR, or download.
        **kwargs: tfds's own: `config` ("canonical" or "rotated"), `data_dir`, `version`.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS: ClassVar[list[tfds.core.BuilderConfig]] = [
        tfds.core.BuilderConfig(name="canonical", description="Around the south pole."),
        tfds.core.BuilderConfig(name="rotated", description="Each turned by a random rotation."),
    ]
    GRID: ClassVar[EquiangularGrid] = EquiangularGrid(64)
    NUM_VALIDATION: ClassVar[int] = 10_000
    MD5: ClassVar[Mapping[str, str]] = files.MD5

    def __init__(self, *, mnist_dir: str | os.PathLike[str] | None = None, **kwargs: Any):
        self._mnist_dir = mnist_dir
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="MNIST's handwritten digits on the sphere, as bytes.",
            homepage="http://yann.lecun.com/exdb/mnist/",
            features=tfds.features.FeaturesDict(
                {
                    "input": {
                        "spin_0": tfds.features.Tensor(shape=(*self.GRID.shape, 1), dtype=np.uint8)
                    },
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        mnist = files.read_mnist(self._mnist_dir, dl_manager.download_dir, md5=self.MD5)
        images, labels = mnist["train"]
        end = len(images) - self.NUM_VALIDATION
        splits = {
            "train": (images[:end], labels[:end]),
            "validation": (images[end:], labels[end:]),
            "test": mnist["test"],
        }
        return {
            split: self._generate_examples(*arrays, np.random.default_rng((_SEED, index)))
            for index, (split, arrays) in enumerate(splits.items())
        }

    def _generate_examples(
        self, images: np.ndarray, labels: np.ndarray, generator: np.random.Generator
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        angles = np.stack(random_euler_angles(generator, (len(images),)))
        for start in range(0, len(images), _IMAGES_AT_A_TIME):
            chunk = slice(start, start + _IMAGES_AT_A_TIME)
            turn = tuple(angles[:, chunk]) if self.builder_config.name == "rotated" else None
            fields = np.rint(project_images(images[chunk], self.GRID, turn)).astype(np.uint8)
            for key, (field, label) in enumerate(zip(fields, labels[chunk], strict=True), start):
                yield key, {"input": {"spin_0": field[..., None]}, "label": int(label)}
