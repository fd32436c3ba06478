"""What a dataset is: specifications of input and output, and one random-access source per split.

A record is `{"input": {"spin_0": array}, "label": label}`: per spin weight one array with axes
(latitude, longitude, channel), and the label, an integer for a classification task or a mapping of
fields like the input for a dense one. Spin 0 may be uint8, float or complex; other spins are
complex. Bytes stay bytes on their way to the device, a quarter of the traffic, and whoever trains
makes them numbers there (`decode_fields`): **uint8 means [0, 1] times 255**, and int8, with a last
axis of (real, imaginary), complex values whose parts are in [-1, 1], times 127.

A source that can read many records at once also has `read_batch(indices)`, as `ArraySource` does.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from spin_registry import ClassSpec, FieldSpec

__all__ = [
    "ArraySource",
    "Batch",
    "ConcatenatedSource",
    "Dataset",
    "IndexSource",
    "RandomAccessSource",
    "Record",
    "check_dataset",
    "read_batch",
    "spin_name",
    "spin_weight",
]

Record: TypeAlias = Mapping[str, Any]
"""`{"input": {"spin_0": (lat, long, channel)}, "label": int}`."""

Batch: TypeAlias = dict[str, Any]
"""`{"input": {"spin_0": (batch, lat, long, channel)}, "label": (batch,) int32}`."""


@runtime_checkable
class RandomAccessSource(Protocol):
    """Anything with a length that gives the record at an index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Record: ...


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A learning task on the sphere.

    Attributes:
        input: the grid, and the number of channels per spin weight.
        output: `ClassSpec` where labels are classes, `FieldSpec` where they are fields.
        splits: a source per split, by name ("train", "validation", "test").
        folder: where its files are, if it was built into some; with checksums.
        class_names: what the classes are called, in the order of the labels, where that is known.
        version: of the data, if they have one: a training does not go on with another.
    """

    input: FieldSpec
    output: ClassSpec | FieldSpec
    splits: Mapping[str, RandomAccessSource]
    folder: Path | None = None
    class_names: tuple[str, ...] = ()
    version: str = ""


def spin_name(spin: int) -> str:
    """The name of a spin weight in records: `"spin_0"`, `"spin_-1"`."""
    return f"spin_{spin}"


def spin_weight(name: str) -> int:
    """The spin weight that a name in a record stands for, the inverse of `spin_name`.

    Raises:
        ValueError: the name is not `"spin_"` and an integer.
    """
    prefix, _, weight = name.partition("_")
    try:
        if prefix == "spin":
            return int(weight)
    except ValueError:
        pass
    raise ValueError(f"field {name!r}: a field's name is 'spin_' and its weight, as in 'spin_0'")


@dataclasses.dataclass(frozen=True, eq=False)
class ArraySource:
    """A source over arrays in memory, checked when it is made.

    Attributes:
        fields: per spin name an array (example, lat, long, channel).
        labels: integers (example,), or a mapping like `fields` for a dense task.
        num_classes: if given, labels must lie in [0, num_classes).
        originals: optional integers (example,): which original each example was made from, for
            data that hold an original in several versions.

    Raises:
        ValueError: lengths differ, labels are no integers or out of range, values are not finite.
    """

    fields: Mapping[str, np.ndarray]
    labels: np.ndarray | Mapping[str, np.ndarray]
    num_classes: int | None = None
    originals: np.ndarray | None = None

    def __post_init__(self) -> None:
        arrays = dict(self.fields)
        if isinstance(self.labels, Mapping):
            arrays |= {f"label {name}": array for name, array in self.labels.items()}
        else:
            _check_class_labels(self.labels, self.num_classes)
            arrays["label"] = self.labels
        if self.originals is not None:
            arrays["originals"] = self.originals
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"arrays have different numbers of examples: {lengths}")
        for name, array in arrays.items():
            if array.dtype.kind in "fc" and not np.isfinite(array).all():
                raise ValueError(f"{name} has values that are not finite; clean the data first")

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))

    def __getitem__(self, index: int) -> Record:
        record = map_arrays(
            lambda array: array[index], {"input": self.fields, "label": self.labels}
        )
        if not isinstance(self.labels, Mapping):
            record["label"] = int(record["label"])
        return record

    def read_batch(self, indices: np.ndarray) -> Batch:
        """The records at `indices` (batch,), stacked."""
        batch = map_arrays(
            lambda array: array[indices], {"input": self.fields, "label": self.labels}
        )
        return _with_int32_labels(batch)


class ConcatenatedSource:
    """Several sources one after another, such as training and validation data together."""

    def __init__(self, *sources: RandomAccessSource):
        self.sources = sources
        self._starts = np.cumsum([0, *map(len, sources)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> Record:
        index = range(len(self))[index]
        which = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self.sources[which][index - int(self._starts[which])]

    def read_batch(self, indices: np.ndarray) -> Batch:
        """The records at `indices` (batch,), stacked."""
        which = np.searchsorted(self._starts, indices, side="right") - 1
        parts = [
            read_batch(self.sources[source], indices[which == source] - self._starts[source])
            for source in np.unique(which)
        ]
        back = np.argsort(np.argsort(which, kind="stable"))
        return map_arrays(lambda *arrays: np.concatenate(arrays)[back], *parts)


class IndexSource:
    """Stands for arrays that are held elsewhere: a batch is the indices of its examples."""

    def __init__(self, size: int):
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> Record:
        return {"index": range(self._size)[index]}

    def read_batch(self, indices: np.ndarray) -> Batch:
        """`{"index": int32 (batch,)}`."""
        return {"index": indices.astype(np.int32)}


def read_batch(source: RandomAccessSource, indices: np.ndarray) -> Batch:
    """Reads several records into one batch, at once where the source can.

    Args:
        source: any source; its own `read_batch`, then `__getitems__` are used where it has them.
        indices: integers (batch,) in [0, len(source)).

    Returns:
        `{"input": {"spin_0": (batch, lat, long, channel)}, "label": (batch,) int32}`.
    """
    if hasattr(source, "read_batch"):
        return source.read_batch(indices)
    if hasattr(source, "__getitems__"):
        records = source.__getitems__(indices.tolist())
    else:
        records = [source[index] for index in indices.tolist()]
    return stack_records(records)


def stack_records(records: Sequence[Record]) -> Batch:
    """Records, one or more, as one batch."""
    both = [{"input": record["input"], "label": record["label"]} for record in records]
    return _with_int32_labels(map_arrays(lambda *arrays: np.stack(arrays), *both))


def check_dataset(dataset: Dataset) -> None:
    """Checks that a dataset keeps its word, on the first, middle and last record of every split.

    Raises:
        ValueError: a split is empty, or a record differs from the specification in its fields'
            names, shapes or dtypes or in its label; or its version is no string.
    """
    version = getattr(dataset, "version", "") or ""  # what others define may have none
    if not isinstance(version, str):
        raise ValueError(f"the dataset's version is {version!r}; give a string, as in '1.0.0'")
    if not dataset.splits:
        raise ValueError("the dataset has no splits; give at least {'train': source}")
    for split, source in dataset.splits.items():
        if not len(source):
            raise ValueError(f"split {split!r} is empty; a split has at least one record")
        for index in sorted({0, len(source) // 2, len(source) - 1}):
            record, where = source[index], f"split {split!r}, record {index}"
            if missing := {"input", "label"} - set(record):
                raise ValueError(f"{where}: no {sorted(missing)}, only {sorted(record)}")
            _check_fields(record["input"], dataset.input, f"{where}, input")
            if isinstance(dataset.output, FieldSpec):
                _check_fields(record["label"], dataset.output, f"{where}, label")
            else:
                _check_label(record["label"], dataset.output.num_classes, where)


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
        if not np.isfinite(array).all():
            raise ValueError(f"{where}, {name}: values are not finite; clean the data first")


def _check_label(label: Any, num_classes: int, where: str) -> None:
    if np.ndim(label) or np.asarray(label).dtype.kind not in "iu":
        raise ValueError(f"{where}: label {label!r}, expected an integer")
    if not 0 <= label < num_classes:
        raise ValueError(f"{where}: label {label}, expected one in [0, {num_classes})")


def _check_class_labels(labels: np.ndarray, num_classes: int | None) -> None:
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels have shape {labels.shape} and dtype {labels.dtype}, "
            "expected integers of shape (example,)"
        )
    limit = np.iinfo(np.int32).max if num_classes is None else num_classes
    if (wrong := labels[(labels < 0) | (labels >= limit)]).size:
        raise ValueError(f"label {wrong[0]}, expected labels in [0, {limit})")


def _with_int32_labels(batch: Batch) -> Batch:
    labels = batch["label"]
    if isinstance(labels, Mapping):
        return batch
    limits = np.iinfo(np.int32)
    if labels.size and not (limits.min <= labels.min() and labels.max() <= limits.max):
        raise ValueError(f"labels from {labels.min()} to {labels.max()}, beyond what int32 holds")
    return batch | {"label": labels.astype(np.int32)}


def map_arrays(function: Callable[..., Any], *trees: Any) -> Any:
    """Applies a function to the corresponding leaves of equally nested mappings."""
    if not isinstance(trees[0], Mapping):
        return function(*trees)
    return {key: map_arrays(function, *(tree[key] for tree in trees)) for key in trees[0]}
