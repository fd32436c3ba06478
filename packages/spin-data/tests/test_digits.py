"""The embedded digits: their origin, their splits, their registration."""

import importlib.resources

import numpy as np
import pytest

import spin_registry as sr
from spin_data import check_dataset, digits, project_images


@pytest.fixture(scope="module")
def rotated():
    return digits.load(rotated=True, resolution=16, rotations_per_digit=3)


@pytest.fixture(scope="module")
def canonical():
    return digits.load(rotated=False, resolution=16)


def test_the_data_file_equals_scikit_learns():
    expected = pytest.importorskip("sklearn.datasets").load_digits()
    path = importlib.resources.files("spin_data") / "data" / "digits.npz"
    with path.open("rb") as file:
        data = dict(np.load(file))
    np.testing.assert_array_equal(data["images"], expected.images)
    np.testing.assert_array_equal(data["labels"], expected.target)
    assert data["images"].dtype == data["labels"].dtype == np.uint8


def test_splits_share_no_original(rotated, canonical):
    for dataset, repeats in ((rotated, 3), (canonical, 1)):
        check_dataset(dataset)
        sizes = {name: len(source) for name, source in dataset.splits.items()}
        assert sizes == {"train": 1297 * repeats, "validation": 200, "test": 300}
        originals = [set(source.originals.tolist()) for source in dataset.splits.values()]
        assert sum(map(len, originals)) == len(set.union(*originals)) == 1797
    for split in rotated.splits:
        before = set(canonical.splits[split].originals.tolist())
        assert set(rotated.splits[split].originals.tolist()) == before


def test_classes_are_in_proportion(canonical):
    for source in canonical.splits.values():
        counts = np.bincount(source.labels, minlength=10)
        assert counts.min() > 0.08 * len(source)
        assert counts.max() < 0.12 * len(source)


def test_records_show_the_digit_they_say(canonical):
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    expected = sklearn_datasets.load_digits()
    source = canonical.splits["test"]
    fields = project_images(expected.images[source.originals] / 16, canonical.input.grid)
    np.testing.assert_allclose(source.fields["spin_0"][..., 0], 255 * fields, atol=0.5001)
    np.testing.assert_array_equal(source.labels, expected.target[source.originals])


def test_rotations_differ_and_the_seed_decides(rotated):
    train = rotated.splits["train"]
    assert train.originals[0] == train.originals[1297]
    fields = train.fields["spin_0"]
    assert (fields[0] != fields[1297]).any()
    # About half of the rotations bring a digit's middle above the equator.
    north = fields[:, :8].sum(axis=(1, 2, 3)) > fields[:, 8:].sum(axis=(1, 2, 3), dtype=np.int64)
    assert 0.45 < north.mean() < 0.55
    again = digits.load(rotated=True, resolution=16, rotations_per_digit=1)
    for split in ("validation", "test"):
        fields = rotated.splits[split].fields["spin_0"]
        np.testing.assert_array_equal(again.splits[split].fields["spin_0"], fields)
    other = digits.load(rotated=True, resolution=16, rotations_per_digit=1, seed=1)
    assert (other.splits["test"].fields["spin_0"] != fields).any()


def test_is_registered():
    assert {"digits/canonical", "digits/rotated"} <= set(sr.dataset_names())
    dataset = sr.get_dataset("digits/canonical").load(resolution=8)
    assert dataset.splits["train"][0]["input"]["spin_0"].shape == (8, 8, 1)


def test_refuses_no_rotations():
    with pytest.raises(ValueError, match="rotations_per_digit is 0, expected an integer of 1"):
        digits.load(rotated=True, rotations_per_digit=0)
