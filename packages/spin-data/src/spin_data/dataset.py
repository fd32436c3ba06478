"""The dataset protocol: specifications of input and output, and a random-access source per split.

A record is `{"input": {"spin_0": array}, "label": label}`. The input has one array (latitude,
longitude, channel) for each spin weight. The label is an integer for a classification task, or a
mapping of fields like the input for a dense task.

The dtype of a field defines its values:

- uint8, only for spin 0: **real values in [0, 1], times 255**.
- int8 with a last axis of (real, imaginary): complex values whose components are in [-1, 1], times
  127.
- float32 or float64, only for spin 0, or complex64 or complex128: the values themselves, which
  must be finite in single precision.

uint8 and int8 fields are sent to the device as bytes, which takes a quarter of the traffic of
decoded values. There they are decoded with `decode_fields`.

A source that can read many records at once also has a method `read_batch(indices)`, as
`ArraySource` does.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from spin_data.image_reading import ImageReading
from spin_registry import ClassSpec, FieldSpec

__all__ = ["Batch", "Dataset", "RandomAccessSource", "Record", "spin_name", "spin_weight"]

Record: TypeAlias = Mapping[str, Any]
"""`{"input": {"spin_0": (lat, long, channel)}, "label": int}`."""

Batch: TypeAlias = dict[str, Any]
"""`{"input": {"spin_0": (batch, lat, long, channel)}, "label": (batch,) int32}`."""


@runtime_checkable
class RandomAccessSource(Protocol):
    """An object with a length that returns the record at an index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Record: ...


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A learning task on the sphere.

    Attributes:
      input: the grid, and the number of channels per spin weight.
      output: `ClassSpec` if the labels are classes, `FieldSpec` if they are fields.
      splits: mapping from the name of a split ("train", "validation", "test") to its source.
      folder: the folder of the dataset's files and checksums, if `spin_data.tfds_building` built
        it; otherwise None.
      class_names: names of the classes, in the order of the labels; empty if they are not known.
      version: version of the data, "" if there is none. A training run does not resume on data of
        another version.
      divided: whether the loader divided the examples into splits by itself. If a run on other data
        is evaluated on this dataset, all of its examples are then evaluated.
      images: how the loader made the input of images, if it did. A trained model reads new images
        in the same way.
    """

    input: FieldSpec
    output: ClassSpec | FieldSpec
    splits: Mapping[str, RandomAccessSource]
    folder: Path | None = None
    class_names: tuple[str, ...] = ()
    version: str = ""
    divided: bool = False
    images: ImageReading | None = None


def spin_name(spin: int) -> str:
    """Returns the name of a spin weight in records: `"spin_0"`, `"spin_-1"`."""
    return f"spin_{spin}"


def spin_weight(name: str) -> int:
    """Returns the spin weight of a name in a record; the inverse of `spin_name`.

    Raises:
      ValueError: the name is not `"spin_"` followed by an integer.
    """
    prefix, _, weight = name.partition("_")
    try:
        if prefix == "spin":
            return int(weight)
    except ValueError:
        pass
    raise ValueError(f"field {name!r}: a field's name is 'spin_' and its weight, such as 'spin_0'")
