"""Files of fields and images with random damage: read rightly, or refused in one line by name.

Archives have checksums, so damage that is read must leave the values as they were. Images have
none, except PNG: a damaged image may be another image, but never an error that names no file.
"""

import io
import random
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

import spin_registry as sr
from spin_data import read_batch, write_fields

SEED = 20201206


def mutated(content, rng):
    """Content with one kind of damage, at a random place."""
    content = bytearray(content)
    start = rng.randrange(len(content))
    end = min(len(content), start + rng.choice([1, 4, 64, 1024]))
    kind = rng.choice(["bits", "bytes", "cut", "lost", "zeros", "twice", "inserted", "swapped"])
    if kind == "bits":
        content[start] ^= 1 << rng.randrange(8)
    elif kind == "bytes":
        content[start:end] = rng.randbytes(end - start)
    elif kind == "cut":
        del content[start:]
    elif kind == "lost":
        del content[start:end]
    elif kind == "zeros":
        content[start:end] = bytes(end - start)
    elif kind == "twice":
        content[start:start] = content[start:end]
    elif kind == "inserted":
        content[start:start] = rng.randbytes(end - start)
    else:
        other = rng.randrange(len(content))
        content[start], content[other] = content[other], content[start]
    return bytes(content)


def records_of(count):
    rng = np.random.default_rng(0)
    for index in range(count):
        field = rng.normal(size=(8, 8, 1)).astype(np.float32)
        yield {"input": {"spin_0": field}, "label": index % 3}


def contents(name, **options):
    """Checksums of all that a dataset holds, by split; or the message of the refusal."""
    try:
        return checksums(sr.get_dataset(name).load(**options))
    except (ValueError, OSError) as error:
        return str(error)


def checksums(dataset):
    found = {}
    for split, source in dataset.splits.items():
        batch = read_batch(source, np.arange(len(source)))
        values = [np.ascontiguousarray(v).tobytes() for _, v in sorted(batch["input"].items())]
        found[split] = zlib.crc32(b"".join([*values, batch["label"].tobytes()])), len(source)
    return found


def is_line_that_names(found, path):
    return isinstance(found, str) and path.name in found and "\n" not in found


def damage_fields(path, write, count):
    """Damages a file of fields many times; returns how many were refused."""
    write(path)
    whole, right = path.read_bytes(), contents(f"fields:{path}")
    assert isinstance(right, dict)
    rng, refused = random.Random(f"{SEED} {path.name}"), 0
    for number in range(count):
        path.write_bytes(mutated(whole, rng))
        found = contents(f"fields:{path}")
        assert found == right or is_line_that_names(found, path), (number, found)
        refused += found != right
    return refused


def stored(path):
    write_fields(path, records_of(20))


def compressed(path):
    batch = list(records_of(20))
    fields = np.stack([record["input"]["spin_0"] for record in batch])
    np.savez_compressed(path, spin_0=fields, label=np.array([r["label"] for r in batch]))


FIELDS = {"stored.npz": stored, "compressed.npz": compressed, "records.array_record": stored}


@pytest.mark.parametrize("name", FIELDS)
def test_damaged_fields(tmp_path, name):
    assert damage_fields(tmp_path / name, FIELDS[name], 60) > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", FIELDS)
def test_fields_damaged_thousands_of_times(tmp_path, name):
    assert damage_fields(tmp_path / name, FIELDS[name], 2000) > 700


IMAGES = {
    "a.png": {},
    "a.jpg": {"quality": 90},
    "a.gif": {},
    "a.bmp": {},
    "a.tif": {},
    "b.tif": {"compression": "tiff_lzw"},
    "a.webp": {},
    "a.ppm": {},
}


def encoded(name, options):
    rng = np.random.default_rng(1)
    pixels = np.kron(rng.integers(0, 256, (4, 4, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    buffer = io.BytesIO()
    kind = {"jpg": "JPEG", "tif": "TIFF", "ppm": "PPM"}.get(name[2:], name[2:].upper())
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def damage_images(folder, name, count):
    """Damages one image of a folder many times; returns how many were refused."""
    whole = encoded(name, IMAGES[name])
    for number in range(3):
        for kind in ("cat", "dog"):
            (folder / kind).mkdir(exist_ok=True)
            (folder / kind / f"{number}_{name}").write_bytes(whole)
    path = folder / "cat" / f"1_{name}"
    rng, refused = random.Random(f"{SEED} {name}"), 0
    for number in range(count):
        path.write_bytes(mutated(whole, rng))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = contents(f"images:{folder}", resolution=8, validation=0.0, test=0.0)
        assert isinstance(found, dict) or is_line_that_names(found, path), (number, found)
        refused += isinstance(found, str)
    return refused


@pytest.mark.parametrize("name", IMAGES)
def test_damaged_images(tmp_path, capfd, name):
    assert damage_images(tmp_path, name, 25) > 0
    assert capfd.readouterr() == ("", "")  # libraries print nothing of their own


@pytest.mark.slow
@pytest.mark.parametrize("name", IMAGES)
def test_images_damaged_thousands_of_times(tmp_path, capfd, name):
    assert damage_images(tmp_path, name, 1000) > 0
    assert capfd.readouterr() == ("", "")
