"""From IDX files to batches, end to end on a small stand-in, without TensorFlow."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import spherical_mnist
import spin_registry as sr
from spherical_mnist import InMemorySource, files, loader
from spin_data import ArraySource, check_dataset, project_images, training_iterator

SIZES = {"train": 25, "validation": 5, "test": 7}


@pytest.fixture
def load(tiny_builder, mnist, tmp_path, monkeypatch):
    """`spherical_mnist.load`, with the small files and a fresh folder of datasets."""
    monkeypatch.setattr(loader, "SphericalMnist", tiny_builder)
    monkeypatch.setenv("SPIN_MNIST_DIR", str(mnist.folder))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    return spherical_mnist.load


def fields_of(dataset):
    return {
        split: np.stack([source[i]["input"]["spin_0"][..., 0] for i in range(len(source))])
        for split, source in dataset.splits.items()
    }


@pytest.mark.parametrize("in_memory", [True, False])
def test_canonical_shows_the_files_in_their_order(load, mnist, tmp_path, in_memory):
    dataset = load(rotated=False, in_memory=in_memory)
    check_dataset(dataset)
    assert {split: len(source) for split, source in dataset.splits.items()} == SIZES
    images = mnist.arrays["train-images-idx3-ubyte"]
    expected = {
        "train": images[:25],
        "validation": images[25:],
        "test": mnist.arrays["t10k-images-idx3-ubyte"],
    }
    for split, fields in fields_of(dataset).items():
        projected = np.rint(project_images(expected[split], dataset.input.grid))
        np.testing.assert_array_equal(fields, projected)
    labels = [dataset.splits["validation"][index]["label"] for index in range(5)]
    assert labels == [5, 6, 7, 8, 9]
    assert (tmp_path / "tiny_mnist" / "canonical" / "1.0.0").is_dir()
    assert "tensorflow" not in sys.modules


def test_rotated_is_the_same_wherever_it_is_built(load, tmp_path):
    first = load(rotated=True, data_dir=tmp_path / "one")
    second = load(rotated=True, data_dir=tmp_path / "two")
    check_dataset(first)
    fields, again = fields_of(first), fields_of(second)
    canonical = fields_of(load(rotated=False))
    for split in SIZES:
        np.testing.assert_array_equal(fields[split], again[split])
        assert (fields[split] != canonical[split]).any(axis=(1, 2)).all()
    # Turned images are anywhere: the canonical ones leave the northern half empty.
    assert (canonical["train"][:, :32] == 0).all()
    assert (fields["train"][:, :32] > 0).any(axis=(1, 2)).mean() > 0.3


def test_another_process_that_is_done_first_does_no_harm(load, monkeypatch):
    read, calls = files.read_mnist, []

    def read_after_the_other(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 1:
            load(rotated=False)  # as another process would, between our start and our end
        return read(*arguments, **options)

    monkeypatch.setattr(files, "read_mnist", read_after_the_other)
    dataset = load(rotated=False)
    assert len(calls) == 2
    assert {split: len(source) for split, source in dataset.splits.items()} == SIZES


def test_is_built_once(load, mnist, tmp_path, monkeypatch):
    first = fields_of(load(rotated=False))
    monkeypatch.setenv("SPIN_MNIST_DIR", str(tmp_path / "nowhere"))
    again = fields_of(load(rotated=False))
    np.testing.assert_array_equal(first["test"], again["test"])
    with pytest.raises(FileNotFoundError, match="set SPIN_MNIST_DIR or mnist_dir to a folder"):
        load(rotated=True)
    assert len(load(rotated=True, mnist_dir=mnist.folder).splits["test"]) == 7


def test_memory_is_filled_when_the_first_batch_is_asked_for():
    arrays = ArraySource({"spin_0": np.arange(1200.0).reshape(-1, 1, 1, 1)}, np.arange(1200) % 10)
    reads = []

    class Counting:
        def __len__(self):
            return len(arrays)

        def __getitem__(self, index):
            reads.append(index)
            return arrays[index]

    source = InMemorySource(Counting(), "a test")
    assert source[-1]["input"]["spin_0"] == 1199
    assert reads == [1199]
    for _ in range(2):
        batches = training_iterator(source, batch_size=1200, seed=0, num_threads=4)
        batch = next(batches)
        batches.close()
        order = np.argsort(batch["input"]["spin_0"].ravel())
        np.testing.assert_array_equal(batch["label"][order], np.arange(1200) % 10)
    assert sorted(reads[2:]) == list(range(1200))
    assert source[3]["label"] == 3
    with pytest.raises(IndexError):
        source[1200]


def test_the_readmes_example_runs(load):
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    names = {}
    exec(example, names)
    names["batches"].close()
    assert names["batch"]["input"]["spin_0"].shape == (32, 64, 64, 1)
    assert names["batch"]["input"]["spin_0"].dtype == np.uint8


def test_the_published_sizes_and_names():
    builder = spherical_mnist.SphericalMnist
    assert builder.name == "spherical_mnist"
    assert set(builder.builder_configs) == {"canonical", "rotated"}
    assert builder.NUM_VALIDATION == 10_000
    assert {"spherical_mnist/canonical", "spherical_mnist/rotated"} <= set(sr.dataset_names())


def test_every_public_name_is_there():
    for name in spherical_mnist.__all__:
        assert getattr(spherical_mnist, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = spherical_mnist.nothing


def test_the_plugin_imports_nothing_heavy():
    code = (
        "import sys, spherical_mnist.plugin as plugin; plugin.register_datasets(); "
        "print(*{'jax', 'grain', 'numpy', 'tensorflow_datasets', 'tqdm'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert found.split() == []
