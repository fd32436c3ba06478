"""From IDX files to batches, end to end on a small stand-in, without TensorFlow."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import sphere_transforms
import spherical_mnist
import spin_registry as sr
from spherical_mnist import LARGEST_GRADIENT, loader
from spin_data import (
    check_dataset,
    decode_fields,
    place_splits,
    project_as_published,
    project_gradients,
    project_images,
)

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


@pytest.mark.parametrize("placement", ["memory", "disk"])
def test_canonical_shows_the_files_in_their_order(load, mnist, tmp_path, placement):
    dataset = load(config="canonical")
    dataset = dataclasses.replace(dataset, splits=place_splits(dataset.splits, placement))
    check_dataset(dataset)
    assert {split: len(source) for split, source in dataset.splits.items()} == SIZES
    images = mnist.arrays["train-images-idx3-ubyte"]
    expected = {
        "train": images[:25],
        "validation": images[25:],
        "test": mnist.arrays["t10k-images-idx3-ubyte"],
    }
    for split, fields in fields_of(dataset).items():
        projected = project_as_published(expected[split], dataset.input.grid)
        np.testing.assert_array_equal(fields, projected)
    labels = [dataset.splits["validation"][index]["label"] for index in range(5)]
    assert labels == [5, 6, 7, 8, 9]
    assert (tmp_path / "tiny_mnist" / "canonical" / "2.0.0").is_dir()
    assert "tensorflow" not in sys.modules


def test_rotated_is_the_same_wherever_it_is_built(load, tmp_path):
    first = load(config="rotated", data_dir=tmp_path / "one")
    second = load(config="rotated", data_dir=tmp_path / "two")
    check_dataset(first)
    fields, again = fields_of(first), fields_of(second)
    canonical = fields_of(load(config="canonical"))
    for split in SIZES:
        np.testing.assert_array_equal(fields[split], again[split])
        assert (fields[split] != canonical[split]).any(axis=(1, 2)).all()
    # Turned images are anywhere: the canonical ones leave the northern half empty.
    assert (canonical["train"][:, :32] == 0).all()
    assert (fields["train"][:, :32] > 0).any(axis=(1, 2)).mean() > 0.3


def test_is_built_once(load, mnist, tmp_path, monkeypatch):
    first = fields_of(load(config="canonical"))
    monkeypatch.setenv("SPIN_MNIST_DIR", str(tmp_path / "nowhere"))
    again = fields_of(load(config="canonical"))
    np.testing.assert_array_equal(first["test"], again["test"])
    with pytest.raises(FileNotFoundError, match="set SPIN_MNIST_DIR or mnist_dir to a folder"):
        load(config="rotated")
    assert len(load(config="rotated", mnist_dir=mnist.folder).splits["test"]) == 7


def test_each_500_share_a_rotation_as_published(load, mnist, monkeypatch):
    builder = loader.SphericalMnist
    configs = {c.name: c for c in builder.BUILDER_CONFIGS}
    assert configs["rotated_per_500"].images_per_rotation == 500
    assert configs["rotated"].images_per_rotation == 1

    class Built:
        builder_config = configs["rotated_per_500"]

    angles = [
        builder._angles(Built, index, count) for index, count in enumerate((50_000, 10_000, 10_000))
    ]
    poses = [len(np.unique(each, axis=1).T) for each in angles]
    assert poses == [100, 20, 20]  # 120 poses of 60,000 images
    for each in angles:
        assert (each.reshape(3, -1, 500) == each.reshape(3, -1, 500)[..., :1]).all()
    # And on the images: the first 25 of the small files all turn alike.
    turn = builder._angles(Built, 0, 25)
    assert len(np.unique(turn, axis=1).T) == 1
    fields = fields_of(load(config="rotated_per_500"))
    images = mnist.arrays["train-images-idx3-ubyte"][:25]
    np.testing.assert_array_equal(fields["train"], project_as_published(images, builder.GRID, turn))


def test_bilinear_and_published_drawings_have_the_same_poses(load, mnist):
    builder = loader.SphericalMnist
    images = mnist.arrays["train-images-idx3-ubyte"][:25]
    angles = sphere_transforms.random_euler_angles(np.random.default_rng((20201206, 0)), (25,))
    together = loader.SphericalMnist._angles(
        SimpleNamespace(builder_config=builder.builder_configs["rotated_per_500"]), 0, 25
    )
    forms = {"canonical": None, "rotated": angles, "rotated_per_500": together}
    for form, turn in forms.items():
        fields = fields_of(load(config=f"bilinear_{form}"))["train"]
        np.testing.assert_array_equal(fields, np.rint(project_images(images, builder.GRID, turn)))
        drawn = fields_of(load(config=form))["train"]
        np.testing.assert_array_equal(drawn, project_as_published(images, builder.GRID, turn))


@pytest.mark.parametrize("form", ["canonical", "rotated"])
def test_vectors_are_the_gradients_turned_like_the_values(load, mnist, form):
    dataset = load(config=f"vector_{form}")
    check_dataset(dataset)
    assert dict(dataset.input.channels) == {1: 1}
    source = dataset.splits["train"]
    record = source.read_batch(np.arange(25))
    assert record["input"]["spin_1"].dtype == np.int8
    found = np.asarray(decode_fields(record["input"])[1])[..., 0] * LARGEST_GRADIENT
    builder = loader.SphericalMnist
    angles = None
    if form == "rotated":  # with the seeds of "rotated"
        angles = sphere_transforms.random_euler_angles(np.random.default_rng((20201206, 0)), (25,))
        images = mnist.arrays["train-images-idx3-ubyte"][:25]
        values = fields_of(load(config="rotated"))["train"]
        drawn = project_as_published(images, builder.GRID, angles)
        np.testing.assert_array_equal(values, drawn)
    images = mnist.arrays["train-images-idx3-ubyte"][:25] / 255
    expected = project_gradients(images, builder.GRID, angles)
    difference = found - expected
    step = LARGEST_GRADIENT / 254 + 1e-5
    assert max(abs(difference.real).max(), abs(difference.imag).max()) <= step
    assert abs(expected).max() < LARGEST_GRADIENT


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
    configs = {"canonical", "rotated", "rotated_per_500"}
    configs |= {f"bilinear_{config}" for config in configs}
    configs |= {"vector_canonical", "vector_rotated"}
    assert set(builder.builder_configs) == configs
    assert builder.NUM_VALIDATION == 10_000
    assert {f"spherical_mnist/{config}" for config in configs} <= set(sr.dataset_names())


def test_an_unknown_configuration_is_refused(load):
    with pytest.raises(
        ValueError, match="config is 'rotatde', expected one of canonical, rotated,"
    ):
        load(config="rotatde")


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
