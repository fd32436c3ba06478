"""A person's own images and panoramas: read right, divided for good, refused by name."""

import functools
import os

import numpy as np
import pytest
from PIL import Image

import spin_registry as sr
from sphere_transforms import EquiangularGrid
from spin_data import (
    check_dataset,
    place_source,
    project_images,
    read_batch,
    read_panorama,
    training_iterator,
)
from spin_data.user_files.split_by_hash import split_of

RNG = np.random.default_rng(0)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def pictures(tmp_path):
    """Sixty coloured pictures in three classes."""
    folder = tmp_path / "my pictures"
    for index in range(60):
        kind = ["cat", "dog", "owl"][index % 3]
        save(folder / kind / f"{index:02d}.png", RNG.integers(0, 256, (16, 16, 3), np.uint8))
    (folder / "notes.txt").write_text("not an image")
    (folder / ".hidden").mkdir()
    return folder


def test_images_are_projected_as_spherical_mnist_is(pictures):
    dataset = sr.get_dataset(f"images:{pictures}").load(resolution=16)
    check_dataset(dataset)
    assert dataset.input.grid == EquiangularGrid(16)
    assert dict(dataset.input.channels) == {0: 3}
    assert dataset.output == sr.ClassSpec(3)
    source = dataset.splits["train"]
    file, label = source.files[4]
    assert ["cat", "dog", "owl"][label] == file.parent.name
    pixels = np.asarray(Image.open(file))
    expected = np.rint(project_images(pixels[None], dataset.input.grid)[0])
    record = source[4]
    np.testing.assert_array_equal(record["input"]["spin_0"], expected)
    assert record["label"] == label
    batches = training_iterator(source, batch_size=8, seed=0)
    assert next(batches)["input"]["spin_0"].shape == (8, 16, 16, 3)
    batches.close()


def test_images_may_be_turned_once_and_for_all(pictures):
    save(pictures / "cat" / "twin a.png", np.arange(256, dtype=np.uint8).reshape(16, 16))
    save(pictures / "cat" / "twin b.png", np.arange(256, dtype=np.uint8).reshape(16, 16))
    load = sr.get_dataset(f"images:{pictures}").load

    def fields_of(**options):
        source = load(resolution=16, validation=0, test=0, **options).splits["train"]
        names = [file.name for file, _ in source.files]
        return dict(zip(names, read_batch(source, np.arange(62))["input"]["spin_0"], strict=True))

    plain, turned, again, other = (
        fields_of(),
        fields_of(rotated=True),
        fields_of(rotated=True),
        fields_of(rotated=True, seed=1),
    )
    for name in plain:
        np.testing.assert_array_equal(turned[name], again[name])
        assert (plain[name] != turned[name]).any()
        assert (other[name] != turned[name]).any()
    np.testing.assert_array_equal(plain["twin a.png"], plain["twin b.png"])
    assert (turned["twin a.png"] != turned["twin b.png"]).any()


def test_an_image_stays_in_its_split_when_others_come(pictures):
    def divided():
        splits = sr.get_dataset(f"images:{pictures}").load(validation=0.2, test=0.2).splits
        return {file.name: split for split, source in splits.items() for file, _ in source.files}

    before = divided()
    assert set(before.values()) == {"train", "validation", "test"}
    for index in range(60, 90):
        save(pictures / "owl" / f"{index}.png", np.zeros((4, 4), np.uint8))
    after = divided()
    assert len(after) == 90
    assert {name: after[name] for name in before} == before


def test_shares_are_what_they_say():
    splits = [split_of(str(i), validation=0.1, test=0.3, seed=1) for i in range(20_000)]
    for split, share in (("train", 0.6), ("validation", 0.1), ("test", 0.3)):
        assert abs(splits.count(split) / len(splits) - share) < 0.015


def test_split_folders_decide(tmp_path):
    for split, count in (("train", 4), ("val", 2), ("test", 3)):
        for kind in ("x", "y"):
            for index in range(count):
                save(tmp_path / split / kind / f"{index}.png", np.zeros((4, 4), np.uint8))
    dataset = sr.get_dataset(f"panoramas:{tmp_path}").load(resolution=8)
    sizes = {split: len(source) for split, source in dataset.splits.items()}
    assert sizes == {"train": 8, "validation": 4, "test": 6}
    (tmp_path / "extra").mkdir()
    with pytest.raises(ValueError, match="extra beside train; splits are train, validation, test"):
        sr.get_dataset(f"panoramas:{tmp_path}").load()


def refused(name, message, error=ValueError, **options):
    with pytest.raises(error, match=message):
        sr.get_dataset(name).load(**options)


def test_bad_folders_are_refused(pictures, tmp_path):
    refused(f"images:{tmp_path / 'nowhere'}", "nowhere: no such folder", FileNotFoundError)
    refused(f"images:{pictures / 'cat'}", r"cat: no image in|cat: 0 classes")
    refused(
        f"images:{pictures}", r"validation is 1.2, expected a share in \[0, 1\)", validation=1.2
    )
    refused(f"images:{pictures}", "leave nothing to train on", validation=0.5, test=0.5)
    (tmp_path / "few" / "one").mkdir(parents=True)
    save(tmp_path / "few" / "one" / "1.png", np.zeros((4, 4), np.uint8))
    refused(f"images:{tmp_path / 'few'}", "few: 1 classes with images", validation=0, test=0)
    save(tmp_path / "few" / "two" / "1.png", np.zeros((4, 4), np.uint8))
    refused(f"panoramas:{tmp_path / 'few'}", r"few: no image (in|of) .*", test=0.3)


def test_bad_images_are_named(pictures):
    bad = pictures / "cat" / "00.png"
    content = bad.read_bytes()
    bad.write_bytes(content[: len(content) // 2])
    dataset = sr.get_dataset(f"images:{pictures}").load(validation=0, test=0)
    source = dataset.splits["train"]
    index = next(i for i, (file, _) in enumerate(source.files) if file == bad)
    with pytest.raises(
        ValueError, match=r"cat/00.png: cannot be read \(.*\); replace or remove it"
    ):
        source[index]
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(bad)
    with pytest.raises(ValueError, match=r"cat/00.png: pixels of mode 'I;16'; save it as RGB"):
        source[index]


def test_two_folders_for_one_split_are_refused(tmp_path):
    for split in ("train", "val", "validation"):
        for kind in ("x", "y"):
            save(tmp_path / split / kind / "0.png", np.zeros((4, 4), np.uint8))
    refused(f"images:{tmp_path}", "val and validation are both validation; join them")


def test_split_folders_may_be_capitalised_and_need_train(tmp_path):
    for split, count in (("Train", 4), ("Test", 3)):
        for kind in ("x", "y"):
            for index in range(count):
                save(
                    tmp_path / "capital" / split / kind / f"{index}.png", np.zeros((4, 4), np.uint8)
                )
                save(
                    tmp_path / "no train" / "test" / kind / f"{index}.png",
                    np.zeros((4, 4), np.uint8),
                )
                save(
                    tmp_path / "no train" / "val" / kind / f"{index}.png",
                    np.zeros((4, 4), np.uint8),
                )
                save(
                    tmp_path / "classes" / ("test" if kind == "x" else "y") / f"{index}.png",
                    np.zeros((4, 4), np.uint8),
                )
    splits = sr.get_dataset(f"images:{tmp_path / 'capital'}").load(resolution=8).splits
    assert {split: len(source) for split, source in splits.items()} == {"train": 8, "test": 6}
    refused(f"images:{tmp_path / 'no train'}", "validation, test are splits, but none")
    # A class may be called test, where other folders are no splits and images lie in it.
    dataset = sr.get_dataset(f"images:{tmp_path / 'classes'}").load(validation=0, test=0)
    assert dataset.class_names == ("test", "y")


def test_hidden_files_and_folders_are_no_images(pictures):
    (pictures / "cat" / "._00.png").write_bytes(b"what macOS leaves")
    hidden = pictures / "dog" / ".ipynb_checkpoints"
    hidden.mkdir()
    (hidden / "01.png").write_bytes(b"no image")
    splits = sr.get_dataset(f"images:{pictures}").load().splits
    assert sum(len(source) for source in splits.values()) == 60


def test_linked_folders_are_followed_once(pictures, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    for index in range(5):
        save(elsewhere / f"{index}.png", np.zeros((4, 4), np.uint8))
    (pictures / "cat" / "more").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "loop").symlink_to(pictures / "cat", target_is_directory=True)
    splits = sr.get_dataset(f"images:{pictures}").load().splits
    assert sum(len(source) for source in splits.values()) == 65


def test_folders_that_cannot_be_read_are_an_error(pictures, monkeypatch):
    """Simulated, for root may read anything."""
    hidden = pictures / "dog" / "deep"
    hidden.mkdir()
    scandir = os.scandir

    def refuses(path):
        if str(path) == str(hidden):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuses)
    refused(f"images:{pictures}", "Permission denied: .*deep", OSError)


def test_training_and_testing_are_splits_too(tmp_path):
    for split, count in (("training", 4), ("testing", 3)):
        for kind in ("x", "y"):
            for index in range(count):
                save(tmp_path / split / kind / f"{index}.png", np.zeros((4, 4), np.uint8))
    dataset = sr.get_dataset(f"images:{tmp_path}").load(resolution=8)
    assert dataset.class_names == ("x", "y")
    assert {split: len(source) for split, source in dataset.splits.items()} == {
        "train": 8,
        "test": 6,
    }


@pytest.mark.parametrize(
    "options",
    [
        {"validation": "abc"},
        {"test": None},
        {"seed": "x"},
        {"seed": 1.5},
        {"class_names": 3},
        {"class_names": "cat"},
        {"class_names": ["cat", 1]},
        {"class_names": ["cat", "cat"]},
    ],
)
def test_options_of_another_type_are_refused(pictures, options):
    (name,) = options
    refused(f"images:{pictures}", f"{name} is .*, expected", **options)


def test_a_class_does_not_vanish_for_its_files_endings(tmp_path):
    for index in range(4):
        save(tmp_path / "cat" / f"{index}.png", np.zeros((4, 4), np.uint8))
        save(tmp_path / "dog" / f"{index}.jpg", np.zeros((4, 4), np.uint8))
        (tmp_path / "dog" / f"{index}.jpg").rename(tmp_path / "dog" / f"{index}.JFIF")
    entry = sr.get_dataset(f"images:{tmp_path}")
    load = functools.partial(entry.load, resolution=8, validation=0, test=0)
    dataset = load()
    assert len(dataset.splits["train"]) == 8
    assert dataset.splits["train"][5]["input"]["spin_0"].shape == (8, 8, 3)
    for index in range(3):
        (tmp_path / "owl").mkdir(exist_ok=True)
        (tmp_path / "owl" / f"{index}.webm").write_text("a film")
    with pytest.raises(ValueError, match=r"0.webm: images must end in .*, but 3 files of .*owl do"):
        load()
    save(tmp_path / "owl" / "0.png", np.zeros((4, 4), np.uint8))
    (tmp_path / "owl" / "1.HEIC").write_text("another kind of picture")
    with pytest.raises(ValueError, match=r"1.HEIC: images must end in .* but 1 files of .*owl do"):
        load()
    (tmp_path / "owl" / "1.HEIC").unlink()
    (tmp_path / "fox").mkdir()
    with pytest.raises(ValueError, match="no image in fox; add images, or remove the folder"):
        load()


@pytest.mark.parametrize("size", [(96, 16), (32, 32), (64, 29), (16, 32)])
def test_a_stretched_panorama_is_refused(tmp_path, size):
    grid = EquiangularGrid(8)
    for width, height in ((64, 32), (81, 40), (720, 361), (5, 2), (65, 32)):
        Image.new("L", (width, height)).save(tmp_path / "good.png")
        assert read_panorama(tmp_path / "good.png", grid).shape == (8, 8, 3)
    Image.new("L", size).save(tmp_path / "bad.png")
    with pytest.raises(
        ValueError, match=f"bad.png: {size[0]} x {size[1]} pixels, but a panorama .* twice as wide"
    ):
        read_panorama(tmp_path / "bad.png", grid)


def test_all_bad_images_are_named_at_once(pictures):
    for name in ("cat/00.png", "cat/57.png", "owl/59.png"):
        (pictures / name).write_text("no image")
    source = sr.get_dataset(f"images:{pictures}").load(validation=0, test=0).splits["train"]
    with pytest.raises(ValueError, match="3 records cannot be read: ") as error:
        read_batch(place_source(source, "memory"), np.arange(4))
    for name in ("cat/00.png", "cat/57.png", "owl/59.png"):
        assert f"{name}: cannot be read" in str(error.value)
    for index in range(40):
        (pictures / "dog" / f"x{index}.png").write_text("no image")
    source = sr.get_dataset(f"images:{pictures}").load(validation=0, test=0).splits["train"]
    with pytest.raises(ValueError, match=r"43 records cannot be read: .*; and 23 more$"):
        read_batch(place_source(source, "memory"), np.arange(4))


def test_a_home_that_is_nobodys_is_a_folder_that_does_not_exist():
    refused("images:~nobody-of-this-name/x", "no such folder", FileNotFoundError)
