"""The protocol: sources, and the check of what a dataset promises."""

import dataclasses
import re

import numpy as np
import pytest

import spin_data
from sphere_transforms import EquiangularGrid
from spin_data import (
    ArraySource,
    CheckedSource,
    ConcatenatedSource,
    Dataset,
    InMemorySource,
    check_dataset,
    checked_source,
    place_source,
    read_batch,
)
from spin_registry import ClassSpec, FieldSpec

GRID = EquiangularGrid(4)


def make_source(size=5, start=0):
    images = np.arange(start, start + size, dtype=np.uint8).reshape(-1, 1, 1, 1)
    images = np.broadcast_to(images, (size, 4, 4, 1))
    return ArraySource({"spin_0": images}, np.arange(size) % 3, num_classes=3)


class Slow:
    """A source that can do no more than it must."""

    def __init__(self, source):
        self.source = source

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        return self.source[index]


class ByLists(Slow):
    """A source with batched reading after PyTorch's fashion, as tfds's have."""

    def __getitem__(self, index):
        raise AssertionError("read one by one")

    def __getitems__(self, indices):
        return [self.source[index] for index in indices]


def make_dataset(**changes):
    dataset = Dataset(FieldSpec(GRID, {0: 1}), ClassSpec(3), {"train": make_source()})
    return dataclasses.replace(dataset, **changes)


def test_array_source_gives_records():
    source = make_source()
    assert len(source) == 5
    record = source[4]
    assert record["input"]["spin_0"].shape == (4, 4, 1)
    assert record["input"]["spin_0"].dtype == np.uint8
    assert type(record["label"]) is int
    assert record["label"] == 1
    assert isinstance(source, spin_data.RandomAccessSource)


@pytest.mark.parametrize("wrap", [lambda source: source, Slow, ByLists])
def test_read_batch_is_the_same_from_any_source(wrap):
    batch = read_batch(wrap(make_source()), np.array([3, 0, 3]))
    assert batch.keys() == {"input", "label"}
    assert batch["input"]["spin_0"].shape == (3, 4, 4, 1)
    assert batch["input"]["spin_0"].dtype == np.uint8
    assert batch["input"]["spin_0"][:, 0, 0, 0].tolist() == [3, 0, 3]
    assert batch["label"].dtype == np.int32
    assert batch["label"].tolist() == [0, 0, 0]


def test_concatenated_source_keeps_the_order_asked_for():
    source = ConcatenatedSource(make_source(5), Slow(make_source(3, start=5)), make_source(2, 8))
    assert len(source) == 10
    assert [source[i]["input"]["spin_0"][0, 0, 0] for i in range(10)] == list(range(10))
    with pytest.raises(IndexError):
        source[10]
    indices = np.array([9, 0, 5, 7, 4, 8, 5])
    batch = read_batch(source, indices)
    assert batch["input"]["spin_0"][:, 0, 0, 0].tolist() == indices.tolist()
    expected = [source[i]["label"] for i in indices]
    assert batch["label"].tolist() == expected
    assert batch["label"].dtype == np.int32


def test_dense_labels_are_fields_too():
    values = np.ones((3, 4, 4, 2), np.float32)
    source = ArraySource({"spin_0": values}, {"spin_1": values.astype(np.complex64)})
    assert source[0]["label"]["spin_1"].shape == (4, 4, 2)
    assert read_batch(source, np.arange(2))["label"]["spin_1"].dtype == np.complex64
    spec = FieldSpec(GRID, {0: 2})
    check_dataset(Dataset(spec, FieldSpec(GRID, {1: 2}), {"train": source}))
    with pytest.raises(ValueError, match=r"label: fields \['spin_1'\].*\['spin_-1'\]"):
        check_dataset(Dataset(spec, FieldSpec(GRID, {-1: 2}), {"train": source}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.zeros(4, int)}, "different numbers of examples: {'spin_0': 3, 'label': 4}"),
        ({"labels": np.array([0, 1, 3])}, r"label 3, expected labels in \[0, 3\)"),
        ({"labels": np.array([0, -1, 2])}, "label -1, expected"),
        ({"labels": np.zeros(3)}, "dtype float64, expected integers"),
        ({"originals": np.arange(2)}, "'originals': 2"),
        ({"fields": {"spin_0": np.full((3, 4, 4, 1), np.nan)}}, "spin_0 has values that are not"),
    ],
)
def test_array_source_refuses_what_does_not_fit(changes, message):
    good = {"fields": {"spin_0": np.zeros((3, 4, 4, 1))}, "labels": np.arange(3), "num_classes": 3}
    ArraySource(**good)
    with pytest.raises(ValueError, match=message):
        ArraySource(**good | changes)


def test_check_dataset_accepts_what_fits():
    check_dataset(make_dataset())
    check_dataset(make_dataset(splits={"train": Slow(make_source()), "test": make_source(1)}))


def source_of(image, label=0):
    return [{"input": {"spin_0": image}, "label": label}]


IMAGE = np.zeros((4, 4, 1), np.float32)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "split 'train' is empty"),
        ([{"input": {}}], r"split 'train', record 0: no \['label'\]"),
        ([{"input": {"spin0": IMAGE}, "label": 0}], r"input: fields \['spin0'\].*\['spin_0'\]"),
        ([{"input": IMAGE, "label": 0}], "input: fields ndarray"),
        (source_of(IMAGE[..., 0]), r"spin_0: shape \(4, 4\), expected \(4, 4, 1\)"),
        (
            source_of(IMAGE.astype(int)),
            "dtype int64, expected uint8, float, complex or pairs of int8",
        ),
        (source_of(IMAGE.astype(np.uint16)), "dtype uint16, expected uint8"),
        (source_of(IMAGE + np.inf), "not finite"),
        (
            source_of(IMAGE.astype(np.float16)),
            "spin_0: dtype float16, expected one of float32, flo",
        ),
        (source_of(IMAGE.astype(">f4")), "spin_0: dtype >f4, expected one of float32"),
        (source_of(IMAGE.astype(float) + 1e39), r"spin_0: values up to 1e\+39, beyond single prec"),
        (source_of(IMAGE, 3), r"label 3, expected one in \[0, 3\)"),
        (source_of(IMAGE, 1.0), r"label 1.0, expected an integer"),
        (source_of(IMAGE, np.zeros(2, int)), "expected an integer"),
        ([*source_of(IMAGE), *source_of(IMAGE[:2])], "record 1, input, spin_0: shape"),
    ],
)
def test_check_dataset_says_what_does_not_fit(source, message):
    with pytest.raises(ValueError, match=message):
        check_dataset(make_dataset(splits={"train": source}))


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (None, "its loader returned None, without input, output, splits"),
        ({"input": 1}, "its loader returned a dict, without input, output, splits"),
        (make_dataset(input={0: 1}), "its input is {0: 1}, expected a spin_registry.FieldSpec"),
        (make_dataset(splits=[1]), "its splits are a list, expected a mapping"),
        (make_dataset(splits={"train": iter([])}), "'train' is of type list_iterator"),
        (make_dataset(splits={"train": [1]}), "record 0: of type int, expected a mapping"),
        (make_dataset(class_names=("a", "b")), "it has 2 class_names for 3 classes"),
        (make_dataset(class_names="abc"), "its class_names are 'abc', expected a tuple of strings"),
        (make_dataset(class_names=(0, 1, 2)), "expected a tuple of strings"),
    ],
)
def test_what_a_loader_returns_is_checked(dataset, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check_dataset(dataset)


def test_a_version_is_a_string():
    check_dataset(make_dataset(version="1.0.0"))
    with pytest.raises(ValueError, match=r"version is 1\.5; give a string"):
        check_dataset(make_dataset(version=1.5))


def test_spins_other_than_zero_are_complex():
    dataset = make_dataset(
        input=FieldSpec(GRID, {1: 1}), splits={"train": [{"input": {"spin_1": IMAGE}, "label": 0}]}
    )
    with pytest.raises(ValueError, match="dtype float32, expected complex"):
        check_dataset(dataset)
    with pytest.raises(ValueError, match="no splits"):
        check_dataset(make_dataset(splits={}))


def test_names_of_spins():
    for spin in (-2, -1, 0, 3):
        assert spin_data.spin_weight(spin_data.spin_name(spin)) == spin
    assert spin_data.spin_name(-1) == "spin_-1"
    for name in ("spin", "spin_x", "weight_0"):
        with pytest.raises(ValueError, match=name):
            spin_data.spin_weight(name)


def records_with(labels, **changes):
    """Records of small floats, one for each label."""
    records = [{"input": {"spin_0": IMAGE}, "label": label} for label in labels]
    return [changes.get(f"record_{index}", record) for index, record in enumerate(records)]


class Batched(Slow):
    """A source that reads batches itself, and does not look at their labels."""

    def read_batch(self, indices):
        labels = np.array([self.source[index]["label"] for index in indices])
        return {"input": {"spin_0": np.stack([IMAGE] * len(indices))}, "label": labels}


@pytest.mark.parametrize("wrap", [Slow, ByLists, Batched])
@pytest.mark.parametrize("label", [0.25, 1.0, True, None, "1"])
def test_labels_that_are_no_integers_are_not_truncated(wrap, label):
    source = wrap(records_with([label, label]))
    with pytest.raises(ValueError, match="expected integers"):
        read_batch(source, np.arange(2))
    with pytest.raises(ValueError, match=r"split 'train', record 0: label .*expected an integer"):
        read_batch(CheckedSource(Slow(source.source), ClassSpec(3), "split 'train'"), np.arange(2))


ODD = {"input": {"spin_0": IMAGE.astype(np.uint8)}, "label": 0}
NOT_FINITE = {"input": {"spin_0": IMAGE + np.nan}, "label": 0}


@pytest.mark.parametrize("wrap", [Slow, lambda source: InMemorySource(Slow(source), "mine")])
@pytest.mark.parametrize(
    ("records", "message"),
    [
        (records_with([0, 1, 3, 1, 0]), r"record 2: label 3, expected one in \[0, 3\)"),
        (records_with([0, 1, -1, 1, 0]), r"record 2: label -1, expected one in \[0, 3\)"),
        (records_with([0, 1, 0.5, 1, 0]), "record 2: label 0.5, expected an integer"),
        (records_with([0] * 5, record_2=ODD), "record 2: .*'uint8'.* the first .*'float32'"),
        (records_with([0] * 5, record_2=NOT_FINITE), "record 2: spin_0 has values that are not"),
    ],
)
def test_a_checked_source_names_the_record(wrap, records, message):
    source = checked_source(wrap(records), ClassSpec(3), "split 'train'")
    good = np.array([0, 1, 4])
    assert CheckedSource(records, ClassSpec(3), "").read_batch(good)["label"].shape == (3,)
    for place in (source, place_source(source, "memory"), place_source(source, "disk")):
        with pytest.raises(ValueError, match=f"split 'train', {message}"):
            read_batch(place, np.arange(5))
    with pytest.raises(ValueError, match=message):
        source[2]


def test_labels_in_memory_are_checked_at_once():
    arrays = ArraySource({"spin_0": np.zeros((3, 4, 4, 1))}, np.array([0, 1, 3]))
    assert checked_source(arrays, ClassSpec(4), "split 'test'") is arrays
    joined = ConcatenatedSource(make_source(), arrays)
    with pytest.raises(ValueError, match=r"split 'test': label 3, expected one in \[0, 3\)"):
        checked_source(joined, ClassSpec(3), "split 'test'")
    dense = ArraySource({"spin_0": np.zeros((3, 4, 4, 1))}, {"spin_0": np.zeros((3, 4, 4, 1))})
    assert checked_source(dense, FieldSpec(GRID), "split 'test'") is dense
    slow = checked_source(Slow(dense), FieldSpec(GRID), "split 'test'")
    assert read_batch(slow, np.arange(2))["label"]["spin_0"].shape == (2, 4, 4, 1)
