"""A small dataset of handwritten digits on the sphere. Its data are part of the package.

The source is the 1,797 digits of 8x8 pixels that scikit-learn includes. They are the test set of
Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (1998), UCI Machine Learning
Repository, doi:10.24432/C50P49, CC BY 4.0. `packages/spin-data/tools/make_digits.py` makes the
data file.
"""

import importlib.resources

import numpy as np

from sphere_transforms import EquiangularGrid, random_euler_angles
from spin_data.dataset import Dataset
from spin_data.image_reading import ImageReading
from spin_data.option_values import check_booleans
from spin_data.projection.stereographic import project_images
from spin_data.sources.array import ArraySource
from spin_registry import ClassSpec, FieldSpec

__all__ = ["load"]

_SPLITS = ("train", "validation", "test")


def load(
    *, rotated: bool, resolution: int = 32, rotations_per_digit: int = 10, seed: int = 0
) -> Dataset:
    """Projects the digits onto the sphere.

    The division of the original digits is fixed: 1,297 for training, 200 for validation, 300 for
    testing. The classes are about equally frequent in each split. All rotations of a digit are in
    the same split.

    Args:
      rotated: rotate each digit by a uniformly random rotation, instead of projecting it around
        the south pole.
      resolution: resolution of the equiangular grid.
      rotations_per_digit: the number of times that each training digit appears, with a different
        rotation each time. Validation and test digits appear once. Ignored unless `rotated`.
      seed: determines the rotations.

    Returns:
      A dataset with one channel of spin 0, uint8, and ten classes. The attribute `originals` of
      its sources has the index of each example's digit, in scikit-learn's order.

    Raises:
      ValueError: an option has another type, `rotations_per_digit` is not positive, or there is no
        equiangular grid of this resolution.
    """
    check_booleans(rotated=rotated)
    for name, least, value in (("rotations_per_digit", 1, rotations_per_digit), ("seed", 0, seed)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} is {value!r}, expected an integer of {least} or more")
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
    return Dataset(FieldSpec(grid, {0: 1}), ClassSpec(10), splits, images=ImageReading("image"))
