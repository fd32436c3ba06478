"""Bytes and back, and where records are held."""

import numpy as np
import pytest

from sphere_transforms import EquiangularGrid
from spin_data import (
    ArraySource,
    ConcatenatedSource,
    Dataset,
    InMemorySource,
    check_dataset,
    decode_fields,
    encode_complex,
    place_source,
    place_splits,
    read_batch,
    source_bytes,
    training_iterator,
)
from spin_data.sources import placement
from spin_registry import ClassSpec, FieldSpec

RNG = np.random.default_rng(0)


class Counting:
    """A source of its own kind, which counts what is read."""

    def __init__(self, records):
        self.records = records
        self.reads = []

    def __len__(self):
        return len(self.records)

    def __getitem__(self, index):
        self.reads.append(index)
        return self.records[index]


def records_of(size):
    return [
        {"input": {"spin_0": np.full((4, 4, 1), index, np.float32)}, "label": index % 10}
        for index in range(size)
    ]


def test_complex_values_come_back_from_bytes_to_half_a_step():
    values = RNG.uniform(-1, 1, (3, 4, 4, 2)) + 1j * RNG.uniform(-1, 1, (3, 4, 4, 2))
    encoded = encode_complex(values)
    assert (encoded.shape, encoded.dtype) == ((3, 4, 4, 2, 2), np.int8)
    decoded = decode_fields({"spin_1": encoded, "spin_0": np.full((3, 4, 4, 2), 255, np.uint8)})
    assert decoded[1].dtype == np.complex64
    difference = np.asarray(decoded[1]) - values
    assert max(abs(difference.real).max(), abs(difference.imag).max()) <= 1 / 254 + 1e-6
    assert decoded[0].dtype == np.float32
    assert (np.asarray(decoded[0]) == 1).all()
    plain = decode_fields({"spin_-1": values.astype(np.complex64)})
    np.testing.assert_array_equal(plain[-1], values.astype(np.complex64))


@pytest.mark.parametrize("value", [1.1, -3j, np.nan, np.inf])
def test_what_does_not_fit_into_bytes_is_refused(value):
    with pytest.raises(ValueError, match=r"components reach .*, expected at most 1"):
        encode_complex(np.array([0.5, value]))


def test_a_dataset_may_hold_pairs_of_bytes():
    fields = {"spin_1": encode_complex(np.zeros((3, 8, 8, 2), complex))}
    spec = FieldSpec(EquiangularGrid(8), {1: 2})
    check_dataset(Dataset(spec, ClassSpec(3), {"train": ArraySource(fields, np.arange(3))}))
    short = {"spin_1": np.zeros((3, 8, 8, 2), np.int8)}
    with pytest.raises(ValueError, match=r"shape \(8, 8, 2\), expected \(8, 8, 2, 2\)"):
        check_dataset(Dataset(spec, ClassSpec(3), {"train": ArraySource(short, np.arange(3))}))


def test_memory_is_filled_when_the_first_batch_is_asked_for():
    source = Counting(records_of(1200))
    held = InMemorySource(source, "a test")
    assert held[-1]["input"]["spin_0"][0, 0, 0] == 1199
    assert source.reads == [1199]
    for _ in range(2):
        batches = training_iterator(held, batch_size=1200, seed=0, num_threads=4)
        batch = next(batches)
        batches.close()
        numbers = batch["input"]["spin_0"][:, 0, 0, 0].astype(int)
        np.testing.assert_array_equal(batch["label"], numbers % 10)
        assert sorted(numbers) == list(range(1200))
    assert sorted(source.reads[1:]) == [0, *range(1200)]  # the first once more, for its shape
    assert held[3]["label"] == 3
    with pytest.raises(IndexError):
        held[1200]


def test_records_that_differ_from_the_first_are_refused():
    records = records_of(20)
    records[13]["input"]["spin_0"] = np.zeros((4, 4, 2), np.float32)
    with pytest.raises(ValueError, match="records of different shapes or dtypes"):
        InMemorySource(records, "a test").arrays()
    records = records_of(1100)
    for record in records[1000:]:
        record["input"]["spin_0"] = record["input"]["spin_0"].astype(np.float64)
    with pytest.raises(ValueError, match=r"a test: among records 1000 to 1099 one has .* float64"):
        InMemorySource(records, "a test").arrays()


def test_values_that_are_not_finite_are_refused():
    records = records_of(20)
    records[13]["input"]["spin_0"][1, 2] = np.nan
    with pytest.raises(ValueError, match="values that are not finite"):
        InMemorySource(records, "a test").arrays()


def test_placement_by_choice_and_by_size(monkeypatch):
    on_disk, arrays = (
        Counting(records_of(7)),
        ArraySource({"spin_0": np.zeros((7, 4, 4, 1))}, np.ones(7, int)),
    )
    assert source_bytes(on_disk) == 7 * (4 * 4 * 4 + 8)
    assert place_source(on_disk, "disk") is on_disk
    held = place_source(on_disk, "memory")
    assert isinstance(held, InMemorySource)
    assert place_source(held, "memory") is held
    assert place_source(held, "disk") is on_disk
    assert place_source(arrays, "memory") is arrays
    assert isinstance(place_source(on_disk), InMemorySource)
    both = ConcatenatedSource(on_disk, arrays)
    assert [type(part) for part in place_source(both).sources] == [InMemorySource, ArraySource]
    batch = read_batch(place_source(both), np.array([3, 8, 6]))
    assert batch["label"].tolist() == [3, 1, 6]
    monkeypatch.setattr(placement, "_total_memory", lambda: 4 * source_bytes(on_disk) - 1)
    assert place_source(on_disk) is on_disk
    with pytest.raises(ValueError, match="placement is 'ram', expected one of auto, disk, memory"):
        place_source(on_disk, "ram")


def test_splits_are_placed_together(monkeypatch):
    splits = {"train": Counting(records_of(7)), "test": Counting(records_of(7))}
    size = source_bytes(splits["train"])
    for total, kind in ((8 * size, InMemorySource), (8 * size - 1, Counting)):
        monkeypatch.setattr(placement, "_total_memory", lambda total=total: total)
        placed = place_splits(splits, name="a test")
        assert {split: type(source) for split, source in placed.items()} == dict.fromkeys(
            splits, kind
        )
