"""Handwritten digits on the sphere: small, embedded, and ready in a second.

The 1,797 digits of 8x8 pixels that scikit-learn ships, from the test set of Alpaydin and Kaynak,
"Optical Recognition of Handwritten Digits" (1998), UCI Machine Learning Repository,
doi:10.24432/C50P49, CC BY 4.0. `tools/make_digits.py` wrote the data file.
"""

import importlib.resources

import numpy as np

from sphere_transforms import EquiangularGrid, random_euler_angles
from spin_data.dataset import ArraySource, Dataset
from spin_data.projection import project_images
from spin_registry import ClassSpec, FieldSpec

__all__ = ["load"]

_SPLITS = ("train", "validation", "test")


def load(
    *, rotated: bool, resolution: int = 32, rotations_per_digit: int = 10, seed: int = 0
) -> Dataset:
    """Projects the digits onto the sphere.

    The originals are divided once and for all, classes alike: 1,297 for training, 200 for
    validation, 300 for testing. No original is in two splits, in whatever rotation.

    Args:
        rotated: turn each digit by a uniformly random rotation, instead of leaving it around the
            south pole.
        resolution: of the equiangular grid.
        rotations_per_digit: how often each training digit appears, each time turned differently.
            Validation and test digits appear once. Means nothing unless `rotated`.
        seed: determines the rotations.

    Returns:
        A dataset of one channel of spin 0, uint8, and ten classes. Its sources' `originals` tell
        which digit, in scikit-learn's order, each example shows.

    Raises:
        ValueError: `rotations_per_digit` is not positive, or `resolution` is none of a grid.
    """
    if rotations_per_digit < 1:
        raise ValueError(f"rotations_per_digit is {rotations_per_digit}, expected 1 or more")
    grid = EquiangularGrid(resolution)
    with importlib.resources.files("spin_data").joinpath("data/digits.npz").open("rb") as file:
        digits = dict(np.load(file))
    images = digits["images"].astype(np.float32) * (255 / 16)

    splits = {}
    for index, split in enumerate(_SPLITS):
        originals = np.flatnonzero(digits["split"] == index)
        repeats = rotations_per_digit if rotated and split == "train" else 1
        generator = np.random.default_rng((seed, index))
        fields = np.empty((repeats, len(originals), *grid.shape, 1), np.uint8)
        for field in fields:
            angles = random_euler_angles(generator, (len(originals),)) if rotated else None
            field[..., 0] = np.rint(project_images(images[originals], grid, angles))
        originals = np.tile(originals, repeats)
        splits[split] = ArraySource(
            {"spin_0": fields.reshape(-1, *grid.shape, 1)},
            digits["labels"][originals].astype(np.int32),
            num_classes=10,
            originals=originals,
        )
    return Dataset(FieldSpec(grid, {0: 1}), ClassSpec(10), splits)
