"""Checks that a dataset agrees with its specification."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spin_data.dataset import Dataset, RandomAccessSource, spin_name, spin_weight
from spin_data.field_values import problem_of_dtype, problem_of_values
from spin_data.image_reading import ImageReading
from spin_registry import ClassSpec, FieldSpec

__all__ = ["check_dataset"]


def check_dataset(dataset: Dataset) -> None:
    """Checks the first, middle and last record of every split against the specification.

    Raises:
      ValueError: the dataset lacks an attribute or one has the wrong type, it has no splits, a
        split is empty, the number of class names is not that of classes, the version is not a
        string, or a record differs from the specification in its label or in the names, shapes or
        dtypes of its fields.
    """
    _check_attributes(dataset)
    version = getattr(dataset, "version", "") or ""  # datasets of plugins may have no version
    if not isinstance(version, str):
        raise ValueError(f"the dataset's version is {version!r}; give a string, as in '1.0.0'")
    if not dataset.splits:
        raise ValueError("the dataset has no splits; give at least {'train': source}")
    for split, source in dataset.splits.items():
        if not isinstance(source, RandomAccessSource):
            raise ValueError(
                f"split {split!r} is of type {type(source).__name__}; a split has a length, and "
                "returns the record at an index"
            )
        if not len(source):
            raise ValueError(f"split {split!r} is empty; a split has at least one record")
        for index in sorted({0, len(source) // 2, len(source) - 1}):
            record, where = source[index], f"split {split!r}, record {index}"
            if not isinstance(record, Mapping):
                raise ValueError(f"{where}: of type {type(record).__name__}, expected a mapping")
            if missing := {"input", "label"} - set(record):
                raise ValueError(f"{where}: no {sorted(missing)}, only {sorted(record)}")
            _check_fields(record["input"], dataset.input, f"{where}, input")
            if isinstance(dataset.output, FieldSpec):
                _check_fields(record["label"], dataset.output, f"{where}, label")
            elif isinstance(dataset.output, ClassSpec):
                _check_label(record["label"], dataset.output.num_classes, where)


def _check_attributes(dataset: Any) -> None:
    """Checks what a plugin's loader returned: the attributes, and the names of the classes."""
    missing = [name for name in ("input", "output", "splits") if not hasattr(dataset, name)]
    if missing:
        raise ValueError(
            f"its loader returned {'None' if dataset is None else f'a {type(dataset).__name__}'}, "
            f"without {', '.join(missing)}; return a spin_data.Dataset, or an object like it"
        )
    if not isinstance(dataset.input, FieldSpec):
        raise ValueError(f"its input is {dataset.input!r:.80}, expected a spin_registry.FieldSpec")
    if not isinstance(dataset.splits, Mapping):
        raise ValueError(
            f"its splits are a {type(dataset.splits).__name__}, expected a mapping from names to "
            "sources, such as {'train': source}"
        )
    names = getattr(dataset, "class_names", ())
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"its class_names are {names!r:.80}, expected a tuple of strings")
    if names and isinstance(dataset.output, ClassSpec):
        number = dataset.output.num_classes
        if len(names) != number:
            raise ValueError(f"it has {len(names)} class_names for {number} classes")
    images = getattr(dataset, "images", None)  # datasets of plugins may not have it
    if not isinstance(images, ImageReading | None):
        raise ValueError(f"its images are {images!r:.80}, expected a spin_data.ImageReading")


def _check_fields(fields: Any, spec: FieldSpec, where: str) -> None:
    expected = {spin_name(spin): channels for spin, channels in spec.channels.items()}
    if not isinstance(fields, Mapping) or set(fields) != set(expected):
        found = sorted(fields) if isinstance(fields, Mapping) else type(fields).__name__
        raise ValueError(f"{where}: fields {found}, but the specification has {sorted(expected)}")
    for name, channels in expected.items():
        array, shape = np.asarray(fields[name]), (*spec.grid.shape, channels)
        if array.dtype == np.int8:
            shape = (*shape, 2)
        if array.shape != shape:
            raise ValueError(f"{where}, {name}: shape {array.shape}, expected {shape}")
        spinless = spin_weight(name) == 0
        if not (
            array.dtype == np.int8
            or array.dtype.kind == "c"
            or (spinless and (array.dtype.kind == "f" or array.dtype == np.uint8))
        ):
            allowed = "uint8, float, complex" if spinless else "complex"
            raise ValueError(
                f"{where}, {name}: dtype {array.dtype}, expected {allowed} or pairs of int8"
            )
        if problem := problem_of_dtype(array) or problem_of_values(array):
            raise ValueError(f"{where}, {name}: {problem}; clean the data first")


def _check_label(label: Any, num_classes: int, where: str) -> None:
    if np.ndim(label) or np.asarray(label).dtype.kind not in "iu":
        raise ValueError(f"{where}: label {label!r}, expected an integer")
    if not 0 <= label < num_classes:
        raise ValueError(f"{where}: label {label}, expected one in [0, {num_classes})")
