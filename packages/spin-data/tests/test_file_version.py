"""The version of a person's files: it changes with them, and with nothing else."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

import spin_registry as sr
from spin_data import write_fields
from spin_data.user_files import file_version
from spin_data.user_files.file_version import version_of_files

FORMS = {"contents": 100_000_000, "blocks": 1_000, "sizes": 1_000}


@pytest.fixture
def folder(tmp_path):
    """Six pictures that no format compresses, in two classes."""
    for index in range(6):
        where = tmp_path / "data" / "ab"[index % 2]
        where.mkdir(parents=True, exist_ok=True)
        Image.new("L", (40, 40), 10 * index).save(where / f"{index}.bmp")
    return tmp_path / "data"


def version(folder):
    options = {"resolution": 8, "validation": 0, "test": 0}
    return sr.get_dataset(f"images:{folder}").load(**options).version


def test_a_version_says_what_is_there(folder):
    assert version(folder).startswith("6 images of 2 classes (a, b), contents ")
    for index in range(5):
        (folder / f"class {index}").mkdir()
        Image.new("L", (4, 4)).save(folder / f"class {index}" / "0.png")
    assert version(folder).startswith("11 images of 7 classes, contents ")


@pytest.mark.parametrize("form", FORMS)
def test_a_version_is_of_the_files_alone(folder, tmp_path, monkeypatch, form):
    monkeypatch.setattr(file_version, "_READ_IN_FULL", FORMS[form])
    monkeypatch.setattr(file_version, "_FEW_FILES", 5 if form == "sizes" else 16)
    before = version(folder)
    assert f", {form} " in before
    os.utime(folder / "a" / "0.bmp", (1, 1))
    (folder / "notes.txt").write_text("not an image")
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert version(folder) == version(tmp_path / "elsewhere") == before

    def after(change):
        shutil.rmtree(tmp_path / "elsewhere")
        shutil.copytree(folder, tmp_path / "elsewhere")
        change(tmp_path / "elsewhere")
        return version(tmp_path / "elsewhere")

    def edit(folder):
        content = bytearray((folder / "a" / "0.bmp").read_bytes())
        content[1600] ^= 1
        (folder / "a" / "0.bmp").write_bytes(content)

    changed = [
        after(lambda f: (f / "a" / "0.bmp").rename(f / "b" / "0.bmp")),
        after(lambda f: (f / "a" / "0.bmp").rename(f / "a" / "7.bmp")),
        after(lambda f: (f / "a" / "0.bmp").unlink()),
        after(lambda f: shutil.copy(f / "a" / "0.bmp", f / "a" / "7.bmp")),
        after(lambda f: Image.new("L", (41, 40)).save(f / "a" / "0.bmp")),
        after(lambda f: f.joinpath("a").rename(f / "c")),
    ]
    assert len({before, *changed}) == 7
    assert (after(edit) == before) == (form == "sizes")


def test_blocks_cover_both_ends_of_a_large_file(tmp_path, monkeypatch):
    monkeypatch.setattr(file_version, "_READ_IN_FULL", 0)
    file = tmp_path / "f.array_record"
    content = np.zeros(10_000_000, np.uint8)

    def of(place):
        changed = content.copy()
        changed[place] = 1
        file.write_bytes(changed.tobytes())
        return version_of_files([file], tmp_path)

    assert of(0).startswith("blocks ")
    assert len({of(0), of(-1), of(10_000), of(5_000_000)}) >= 3


@pytest.mark.parametrize("ending", [".npz", ".array_record"])
def test_a_changed_label_is_another_version(tmp_path, ending):
    records = [
        {"input": {"spin_0": np.full((8, 8, 1), i, np.float32)}, "label": i % 2} for i in range(20)
    ]

    def version():
        write_fields(tmp_path / f"f{ending}", records)
        return sr.get_dataset(f"fields:{tmp_path}/f{ending}").load(num_classes=2).version

    first = version()
    assert first.startswith("20 records, contents ")
    assert version() == first
    records[3]["label"] = 0
    assert version() != first
    (tmp_path / "split").mkdir()
    write_fields(tmp_path / "split" / f"train{ending}", records)
    load = sr.get_dataset(f"fields:{tmp_path}/split").load
    alone = load().version
    write_fields(tmp_path / "split" / f"test{ending}", records[:2])
    assert load().version != alone
