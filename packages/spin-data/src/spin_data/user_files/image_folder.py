"""Loads a folder of images as a dataset. The folder has a subfolder per class.

folder/cat/1.jpg, folder/dog/2.png, ...                  a hash of the file names defines the splits
folder/train/cat/1.jpg, folder/test/dog/2.png, ...       the folder names define the splits
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from sphere_transforms import EquiangularGrid, random_euler_angles
from spin_data.dataset import Dataset, Record
from spin_data.image_reading import ImageReading
from spin_data.option_values import check_booleans
from spin_data.user_files.file_version import version_of_files
from spin_data.user_files.image_file import (
    IMAGE_ENDINGS,
    OTHER_IMAGE_ENDINGS,
    field_of_image,
    is_image,
)
from spin_data.user_files.split_by_hash import (
    SPLITS,
    check_shares,
    position_of,
    split_named,
    split_of,
)
from spin_registry import ClassSpec, FieldSpec

__all__ = ["ImageSource", "images_within", "load_images", "load_panoramas"]

_FilesBySplit: TypeAlias = dict[str, list[tuple[Path, str]]]
"""The files of each split, with the names of their classes, sorted by name."""

_FEW_CLASSES = 5  # are named in the version


def load_panoramas(
    *,
    path: str | os.PathLike[str],
    resolution: int = 64,
    grayscale: bool = False,
    inverted: bool = False,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """Loads a folder of equirectangular panoramas, each as a field on the whole sphere.

    Args:
      path: the folder.
      resolution: resolution of the equiangular grid; finer pixels are averaged.
      grayscale: use one channel, instead of red, green and blue.
      inverted: swap dark and bright first, for ink on paper.
      validation: the share of images for validation, if the folder has no split folders.
      test: the share of images for testing, if the folder has no split folders.
      seed: seed of the division into splits.
      class_names: names of the classes in the order of their labels, for images that a trained
        model is evaluated on. The folder may then lack classes, or images to train on. None for
        the names of the subfolders.

    Returns:
      A dataset of uint8 fields of spin 0. An image is read when it is used. Classes are numbered
      in the order of their names, or of `class_names`.

    Raises:
      FileNotFoundError: the folder does not exist.
      ValueError: the folder has no images, fewer than two classes, an empty split, other folders
        beside split folders, or a class that is not in `class_names`; or an argument is out of
        range.
    """
    check_booleans(grayscale=grayscale, inverted=inverted)
    grid = EquiangularGrid(resolution)
    reading = ImageReading("panorama", inverted)

    def read(file: Path, _name: str) -> np.ndarray:
        return field_of_image(file, grid, reading, grayscale=grayscale)

    return _dataset(path, grid, grayscale, reading, read, validation, test, seed, class_names)


def load_images(
    *,
    path: str | os.PathLike[str],
    resolution: int = 64,
    rotated: bool = False,
    grayscale: bool = False,
    inverted: bool = False,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """Loads a folder of flat images, and projects each onto the sphere with `project_images`.

    Args:
      path: the folder.
      resolution: resolution of the equiangular grid; finer pixels are averaged.
      rotated: rotate each image by its own random rotation, which its name and the seed
        determine.
      grayscale: use one channel, instead of red, green and blue.
      inverted: swap dark and bright first, for ink on paper.
      validation: the share of images for validation, if the folder has no split folders.
      test: the share of images for testing, if the folder has no split folders.
      seed: seed of the division into splits and of the rotations.
      class_names: as for `load_panoramas`.

    Returns:
      A dataset of uint8 fields of spin 0. An image is read when it is used. Images that are not
      square are padded with black. Classes are numbered in the order of their names.

    Raises:
      FileNotFoundError: the folder does not exist.
      ValueError: as for `load_panoramas`.
    """
    check_booleans(grayscale=grayscale, inverted=inverted, rotated=rotated)
    grid = EquiangularGrid(resolution)
    reading = ImageReading("image", inverted)

    def read(file: Path, name: str) -> np.ndarray:
        angles = None
        if rotated:
            angles = random_euler_angles(np.random.default_rng(position_of(name, seed)), (1,))
        return field_of_image(file, grid, reading, grayscale=grayscale, angles=angles)

    return _dataset(path, grid, grayscale, reading, read, validation, test, seed, class_names)


class ImageSource:
    """A source of images, which are read and projected onto the sphere when they are used.

    Args:
      files: the image files with their class labels.
      read: function from a file, and its name relative to the folder, to a field (lat, long,
        channel), uint8.
      folder: the folder that names are relative to.
    """

    def __init__(
        self,
        files: Sequence[tuple[Path, int]],
        read: Callable[[Path, str], np.ndarray],
        folder: Path,
    ):
        self.files = tuple(files)
        self._read = read
        self._folder = folder

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Record:
        file, label = self.files[index]
        values = self._read(file, file.relative_to(self._folder).as_posix())
        return {"input": {"spin_0": values}, "label": label}


def _dataset(
    path: str | os.PathLike[str],
    grid: EquiangularGrid,
    grayscale: bool,
    reading: ImageReading,
    read: Callable[[Path, str], np.ndarray],
    validation: float,
    test: float,
    seed: int,
    class_names: Sequence[str] | None,
) -> Dataset:
    check_shares(validation, test, seed)
    folder = Path(os.path.expanduser(path))
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give one with a subfolder per class")
    by_split, divided = _by_split(folder, validation=validation, test=test, seed=seed)
    if class_names is None:
        classes = _classes_to_train_on(folder, by_split, divided)
    else:
        classes = _as_given(folder, by_split, class_names)
    sources = {
        split: ImageSource([(file, classes.index(name)) for file, name in files], read, folder)
        for split, files in by_split.items()
        if files
    }
    files = [file for source in sources.values() for file, _ in source.files]
    named = f" ({', '.join(classes)})" if len(classes) <= _FEW_CLASSES else ""
    return Dataset(
        FieldSpec(grid, {0: 1 if grayscale else 3}),
        ClassSpec(len(classes)),
        sources,
        class_names=tuple(classes),
        version=(
            f"{len(files)} images of {len(classes)} classes{named}, "
            f"{version_of_files(files, folder)}"
        ),
        divided=divided,
        images=reading,
    )


def _classes_to_train_on(folder: Path, by_split: _FilesBySplit, divided: bool) -> list[str]:
    """Returns the names of the classes, after checking that there are images to train on."""
    splits = [split for split, files in by_split.items() if files]
    if splits and "train" not in by_split:
        raise ValueError(
            f"{folder}: {', '.join(splits)} are splits, but none is train; add that folder"
        )
    if empty := [split for split in by_split if split not in splits]:
        raise ValueError(
            f"{folder}: no image in {', '.join(empty)}; add images, divide them into folders named "
            f"{', '.join(SPLITS)}, or set the share to 0"
        )
    classes = _classes_in(by_split)
    if without := sorted(_class_folders(folder, divided) - set(classes)):
        raise ValueError(
            f"{folder}: no image in {', '.join(without)}; add images, or remove the folder"
        )
    if len(classes) < 2:
        raise ValueError(
            f"{folder}: {len(classes)} classes with images; at least two are needed, each a "
            f"subfolder. Image files end in {', '.join(IMAGE_ENDINGS)}"
        )
    trained = {name for _, name in by_split["train"]}
    if untrained := sorted(set(classes) - trained):
        raise ValueError(
            f"{folder}: no image of {', '.join(untrained)} to train on; move some to train, or "
            "change validation, test or seed"
        )
    return classes


def _as_given(folder: Path, by_split: _FilesBySplit, class_names: Sequence[str]) -> list[str]:
    """Returns the given names of the classes, after checking that all images are of these."""
    is_list = isinstance(class_names, Sequence) and not isinstance(class_names, str)
    if not is_list or not all(isinstance(name, str) for name in class_names):
        raise ValueError(f"class_names is {class_names!r}, expected a list of names")
    if twice := sorted({name for name in class_names if class_names.count(name) > 1}):
        raise ValueError(
            f"class_names is {class_names!r}, expected each name once, and {', '.join(twice)} is "
            "there more often"
        )
    found = _classes_in(by_split)
    if not found:
        raise ValueError(
            f"{folder}: no images in subfolders named {', '.join(class_names)}. Image files end in "
            f"{', '.join(IMAGE_ENDINGS)}"
        )
    if strangers := sorted(set(found) - set(class_names)):
        raise ValueError(
            f"{folder}: {', '.join(strangers)} among the classes, which are "
            f"{', '.join(class_names)}; rename or remove the subfolder"
        )
    return list(class_names)


def _class_folders(folder: Path, divided: bool) -> set[str]:
    """Returns the names of the subfolders that stand for classes."""
    of_classes = [folder] if divided else [path for path in _sorted(folder) if path.is_dir()]
    return {path.name for parent in of_classes for path in _sorted(parent) if path.is_dir()}


def _classes_in(by_split: _FilesBySplit) -> list[str]:
    return sorted({name for files in by_split.values() for _, name in files})


def _by_split(
    folder: Path, *, validation: float, test: float, seed: int
) -> tuple[_FilesBySplit, bool]:
    """Returns the files of each split with their class names, and whether a hash divided them."""
    subfolders = {path.name: path for path in _sorted(folder) if path.is_dir()}
    of_splits = {name: split_named(name) for name in subfolders}
    # A split folder has subfolders. A class folder that is named "test" or "train" has only images.
    nested = {name for name, path in subfolders.items() if any(p.is_dir() for p in _sorted(path))}
    trains = any(of_splits[name] == "train" for name in nested)
    divided = not trains and not (nested and set(of_splits.values()) <= set(SPLITS))
    if not divided:
        for split in SPLITS:
            if len(same := [name for name in subfolders if of_splits[name] == split]) > 1:
                raise ValueError(f"{folder}: {' and '.join(same)} are both {split}; join them")
        if strangers := [name for name, split in of_splits.items() if split not in SPLITS]:
            raise ValueError(
                f"{folder}: {', '.join(strangers)} beside train; splits are {', '.join(SPLITS)}, "
                "and classes are folders within them"
            )
        found = {split: _by_class(subfolders[name]) for name, split in of_splits.items()}
    else:
        shares = {"train": 1 - validation - test, "validation": validation, "test": test}
        found = {split: [] for split, share in shares.items() if share}
        for file, name in _by_class(folder):
            relative = file.relative_to(folder).as_posix()
            found[split_of(relative, validation=validation, test=test, seed=seed)].append(
                (file, name)
            )
    return {split: found[split] for split in SPLITS if split in found}, divided


def _by_class(folder: Path) -> list[tuple[Path, str]]:
    """Returns the images in a folder's subfolders, with the subfolders' names.

    Raises:
      ValueError: a subfolder has files but no image, or has images of a format that is not read.
    """
    found = []
    for subfolder in _sorted(folder):
        if not subfolder.is_dir():
            continue
        files = sorted(_files_within(subfolder))
        images = [file for file in files if is_image(file)]
        others = [file for file in files if file.suffix.lower() in OTHER_IMAGE_ENDINGS]
        if others or (files and not images):
            first = (others or files)[0]
            raise ValueError(
                f"{first}: images must end in {', '.join(IMAGE_ENDINGS)}, but "
                f"{len(others or files)} files of {subfolder} do not; convert or remove them"
            )
        found += [(file, subfolder.name) for file in images]
    return found


def images_within(folder: Path) -> list[Path]:
    """Returns all images in a folder and its subfolders, sorted by name, without hidden files."""
    return [file for file in sorted(_files_within(folder)) if is_image(file)]


def _files_within(folder: Path) -> Iterator[Path]:
    """Yields all files that are not hidden, also those of linked folders; each folder once.

    Raises:
      OSError: a folder cannot be read. It must not be skipped silently.
    """

    def fail(error: OSError) -> None:
        raise error

    seen: set[tuple[int, int]] = set()
    for path, folders, names in os.walk(folder, onerror=fail, followlinks=True):
        status = os.stat(path)
        if (place := (status.st_dev, status.st_ino)) in seen:
            folders.clear()  # a link to a folder that was already visited
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(path) / name for name in names if not name.startswith("."))


def _sorted(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
