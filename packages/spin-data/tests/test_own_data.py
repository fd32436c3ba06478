"""A person's own images, panoramas and fields: read right, divided for good, refused by name."""

import io
import os

import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordWriter
from PIL import Image

import spin_registry as sr
from sphere_transforms import EquiangularGrid, GaussLegendreGrid
from spin_data import (
    check_dataset,
    project_images,
    read_batch,
    sample_panorama,
    training_iterator,
    write_fields,
)
from spin_data.own_data.division import split_of

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


def test_other_shapes_are_padded_and_large_ones_averaged(tmp_path):
    for name in ("a", "b"):
        wide = np.zeros((20, 64), np.uint8)
        wide[:, ::2] = 255  # stripes finer than the grid: grey when averaged
        save(tmp_path / name / "wide.png", wide)
    dataset = sr.get_dataset(f"images:{tmp_path}").load(
        resolution=16, grayscale=True, validation=0, test=0
    )
    field = dataset.splits["train"][0]["input"]["spin_0"]
    assert field.shape == (16, 16, 1)
    assert 110 < field[-1].mean() < 145  # the south pole shows the middle
    # Grey all over, not black and white by turns: along the picture's middle line.
    assert np.ptp(field[-3:, [0, 8]].astype(float)) < 60
    assert field[EquiangularGrid(16).colatitudes < np.pi / 2].max() == 0


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


def smooth(theta, phi):
    """Band-limited, without symmetry, in [0, 1]."""
    x, y, z = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
    return 0.5 + 0.2 * x + 0.1 * y * z - 0.15 * z + 0.05 * x * y


def panorama_of(height, width):
    theta = np.pi * (np.arange(height) + 0.5) / height
    phi = 2 * np.pi * (np.arange(width) + 0.5) / width
    return smooth(theta[:, None], phi[None])


@pytest.mark.parametrize(("height", "width"), [(200, 400), (180, 240)])
def test_panoramas_are_sampled_where_they_are(height, width):
    grid = EquiangularGrid(32)
    expected = smooth(grid.colatitudes[:, None], grid.longitudes[None])
    found = sample_panorama(panorama_of(height, width)[..., None], grid)[..., 0]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_panorama_has_no_seam_and_passes_over_the_poles():
    """At the edge and at the poles the error is no larger than in the middle."""
    grid = EquiangularGrid(64)
    errors = []
    for height in (40, 80):
        found = sample_panorama(panorama_of(height, 2 * height)[..., None], grid)[..., 0]
        errors.append(abs(found - smooth(grid.colatitudes[:, None], grid.longitudes[None])))
    for error in errors:
        assert error[:, [0, -1]].max() < 1.5 * error[:, 10:50].max()
        assert error[[0, -1]].max() < 1.5 * error[10:50].max()
        assert error[0].max() == pytest.approx(error[0].min(), abs=2e-3)
    assert errors[1].max() < errors[0].max() / 3  # second order


def test_fine_panoramas_are_averaged(tmp_path):
    smooth_part = 40 + 175 * panorama_of(320, 640)
    noise = np.random.default_rng(0).choice([-40, 40], smooth_part.shape)
    for name in ("a", "b"):
        save(tmp_path / name / "p.png", np.rint(smooth_part + noise).astype(np.uint8))
    dataset = sr.get_dataset(f"panoramas:{tmp_path}").load(
        resolution=16, grayscale=True, validation=0, test=0
    )
    field = dataset.splits["train"][0]["input"]["spin_0"][..., 0]
    grid = EquiangularGrid(16)
    expected = 40 + 175 * smooth(grid.colatitudes[:, None], grid.longitudes[None])
    # 200 pixels of noise 40 leave 4, and interpolation between averages less.
    np.testing.assert_allclose(field, expected, atol=14)


def test_photographs_are_turned_upright(tmp_path):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[0, 4] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    for name in ("a", "b"):
        save(tmp_path / "plain" / name / "0.png", pixels[::-1, ::-1].copy())
        (tmp_path / "exif" / name).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "exif" / name / "0.png", exif=exif)
    plain, turned = (
        sr.get_dataset(f"images:{tmp_path / kind}").load(resolution=16, validation=0, test=0)
        for kind in ("plain", "exif")
    )
    np.testing.assert_array_equal(
        plain.splits["train"][0]["input"]["spin_0"], turned.splits["train"][0]["input"]["spin_0"]
    )


def records_of(count, shape=(8, 8), seed=0):
    rng = np.random.default_rng(seed)
    return [
        {
            "input": {
                "spin_0": rng.normal(size=(*shape, 2)).astype(np.float32),
                "spin_-1": rng.normal(size=(*shape, 1, 2))
                .astype(np.float32)
                .view(np.complex64)[..., 0],
            },
            "label": int(index % 4),
        }
        for index in range(count)
    ]


@pytest.mark.parametrize("ending", [".npz", ".array_record"])
def test_fields_come_back_as_they_were_written(tmp_path, ending):
    records = records_of(50)
    assert write_fields(tmp_path / f"all{ending}", iter(records)) == 50
    dataset = sr.get_dataset(f"fields:{tmp_path / 'all'}{ending}").load(validation=0.2, test=0.2)
    check_dataset(dataset)
    assert dict(dataset.input.channels) == {-1: 1, 0: 2}
    assert dataset.output == sr.ClassSpec(4)
    seen = []
    for split in ("train", "validation", "test"):
        source = dataset.splits[split]
        for index in range(len(source)):
            record = source[index]
            (number,) = [
                i
                for i, r in enumerate(records)
                if np.array_equal(r["input"]["spin_0"], record["input"]["spin_0"])
            ]
            np.testing.assert_array_equal(
                record["input"]["spin_-1"], records[number]["input"]["spin_-1"]
            )
            assert record["label"] == records[number]["label"]
            seen.append(number)
    assert sorted(seen) == list(range(50))
    assert list(tmp_path.iterdir()) == [tmp_path / f"all{ending}"]


def write_raw(path, records):
    """An array_record as another program may write it, unchecked."""
    writer = ArrayRecordWriter(str(path), "group_size:1")
    for record in records:
        content = io.BytesIO()
        np.savez(content, label=record["label"], **record["input"])
        writer.write(content.getvalue())
    writer.close()


def test_both_kinds_of_file_are_divided_alike_and_split_files_decide(tmp_path):
    records = records_of(30)
    for ending in (".npz", ".array_record"):
        write_fields(tmp_path / f"all{ending}", records)
    npz, record = (
        sr.get_dataset(f"fields:{tmp_path / 'all'}{ending}").load(validation=0.3, test=0.3)
        for ending in (".npz", ".array_record")
    )
    for split in npz.splits:
        np.testing.assert_array_equal(
            read_batch(npz.splits[split], np.arange(len(npz.splits[split])))["input"]["spin_0"],
            read_batch(record.splits[split], np.arange(len(npz.splits[split])))["input"]["spin_0"],
        )
    folder = tmp_path / "by split"
    folder.mkdir()
    write_fields(folder / "train.array_record", records[:20])
    write_fields(folder / "test.npz", records[20:])
    dataset = sr.get_dataset(f"fields:{folder}").load()
    assert {split: len(source) for split, source in dataset.splits.items()} == {
        "train": 20,
        "test": 10,
    }
    # Or one file that names the split of each.
    arrays = dict(np.load(tmp_path / "all.npz"))
    arrays["split"] = np.array(["train"] * 12 + ["validation"] * 18)
    np.savez(tmp_path / "named.npz", **arrays)
    dataset = sr.get_dataset(f"fields:{tmp_path / 'named.npz'}").load()
    assert {split: len(s) for split, s in dataset.splits.items()} == {"train": 12, "validation": 18}


def test_fields_may_be_on_other_grids(tmp_path):
    grid = GaussLegendreGrid(8)
    write_fields(tmp_path / "f.npz", records_of(20, grid.shape))
    dataset = sr.get_dataset(f"fields:{tmp_path / 'f.npz'}").load(grid="gauss_legendre")
    assert dataset.input.grid == grid
    with pytest.raises(ValueError, match=r"no equiangular grid has 8 latitudes and \d+ longitudes"):
        sr.get_dataset(f"fields:{tmp_path / 'f.npz'}").load()
    with pytest.raises(ValueError, match="grid is 'gauss', expected one of equiangular"):
        sr.get_dataset(f"fields:{tmp_path / 'f.npz'}").load(grid="gauss")


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


def test_bad_field_files_are_named(tmp_path):
    path = tmp_path / "f.npz"
    refused(f"fields:{path}", "f.npz: neither a file", FileNotFoundError)
    good = {"spin_0": np.zeros((6, 8, 8, 1), np.float32), "label": np.arange(6)}

    def of(**changes):
        arrays = {k: v for k, v in (good | changes).items() if v is not None}
        np.savez(path, **arrays)
        return f"fields:{path}"

    values = good["spin_0"].copy()
    values[4, 2, 3] = np.nan
    refused(of(spin_0=values), r"f.npz: .*spin_0 of record 4 has values that are not finite")
    refused(of(label=None), r"f.npz: .*expected 'label' and 'spin_0'")
    refused(of(label=np.arange(5)), r"f.npz: .*6 of spin_0, but 5 labels")
    refused(of(label=np.array([0, 1, -3, 1, 0, 1])), r"f.npz: .*label -3 of record 2")
    refused(of(label=np.ones(6)), r"f.npz: .*label has shape \(6,\) and dtype float64")
    refused(of(spin_x=values), r"f.npz: .*field 'spin_x'")
    refused(of(spin_0=values[..., 0]), r"f.npz: .*spin_0 has shape \(6, 8, 8\)")
    refused(
        of(split=np.array(["train"] * 5 + ["tset"])), "f.npz: split 'tset', expected one of train"
    )
    refused(of(label=np.array([{}] * 6, object)), "f.npz: no fields to read .*allow_pickle")
    of()
    path.write_bytes(path.read_bytes()[:300])
    refused(f"fields:{path}", "f.npz: no fields to read")
    with pytest.raises(ValueError, match=r"must end in .npz or .array_record"):
        write_fields(tmp_path / "f.txt", records_of(2))
    with pytest.raises(ValueError, match="no records to write"):
        write_fields(tmp_path / "g.npz", [])


def test_a_corrupt_array_record_is_named(tmp_path):
    path = tmp_path / "f.array_record"
    records = records_of(200)
    records[150]["input"]["spin_0"][3] = np.inf
    write_fields(path, records)
    load = sr.get_dataset(f"fields:{path}").load
    source = load(validation=0, test=0, num_classes=4).splits["train"]
    with pytest.raises(
        ValueError, match=r"record 150 cannot be read \(spin_0 has values that are not"
    ):
        source[150]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    source = load(validation=0, test=0, num_classes=4).splits["train"]
    failed, messages = [], []
    for index in range(200):
        try:
            source[index]
        except ValueError as error:
            failed.append(index)
            messages.append(str(error))
    assert all(f"{path}: record {i} " in text for i, text in zip(failed, messages, strict=True))
    assert 150 in failed
    assert 2 <= len(failed) < 20
    path.write_bytes(b"nothing of the kind")
    refused(f"fields:{path}", "f.array_record: ")


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
    refused(f"images:{tmp_path / 'no train'}", "test, val are splits, but none is train")
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


def test_transparent_pixels_are_black(tmp_path):
    pixels = np.full((8, 8, 4), 255, np.uint8)
    pixels[..., 3] = 0
    for name in ("a", "b"):
        save(tmp_path / name / "0.png", pixels)
    for kind in ("images", "panoramas"):
        dataset = sr.get_dataset(f"{kind}:{tmp_path}").load(resolution=8, validation=0, test=0)
        assert dataset.splits["train"][0]["input"]["spin_0"].max() == 0


@pytest.mark.parametrize("ending", [".npz", ".array_record"])
@pytest.mark.parametrize(
    ("label", "dtype"), [(2**40, np.uint64), (2**31, np.int64), (-3, np.int64)]
)
def test_labels_that_would_wrap_are_refused_as_they_stand(tmp_path, ending, label, dtype):
    path = tmp_path / f"f{ending}"
    if ending == ".npz":
        labels = np.array([0, 1, label], dtype)
        np.savez(path, spin_0=np.zeros((3, 8, 8, 1), np.float32), label=labels)
    else:
        record = {"input": {"spin_0": np.zeros((8, 8, 1), np.float32)}, "label": dtype(label)}
        write_raw(path, [record] * 3)
        with pytest.raises(ValueError, match=rf"record 0: label {label}"):
            write_fields(tmp_path / "g.array_record", [record])
    refused(f"fields:{path}", rf"label {label}", validation=0, test=0)


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


@pytest.mark.parametrize("kind", ["images", "panoramas"])
def test_odd_images_are_read_or_named(tmp_path, kind, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("1", (9, 5), 1).save(tmp_path / name / "bit.png")
        Image.new("P", (40, 20)).save(tmp_path / name / "palette \u00e9.gif")
        Image.new("CMYK", (30, 30)).save(tmp_path / name / "c.tif")
        Image.new("RGB", (1, 1), (255, 0, 0)).save(tmp_path / name / "one.png")
        Image.new("RGB", (2, 900), (9, 100, 3)).save(tmp_path / name / "tall.png")
        Image.new("L", (3, 3)).save(os.fsencode(tmp_path / name) + b"/\xff.png")
    load = sr.get_dataset(f"{kind}:{tmp_path}").load
    source = load(resolution=16, validation=0, test=0, seed=3).splits["train"]
    assert len(source) == 12
    assert all(source[i]["input"]["spin_0"].shape == (16, 16, 3) for i in range(12))
    Image.new("LAB", (8, 8)).save(tmp_path / "a" / "lab.tif")
    Image.new("RGB", (50, 50)).save(tmp_path / "a" / "large.png")
    source = load(resolution=16, validation=0, test=0).splits["train"]
    by_name = {file.name: i for i, (file, label) in enumerate(source.files) if label == 0}
    with pytest.raises(ValueError, match=r"a/lab.tif: pixels of mode 'LAB'"):
        source[by_name["lab.tif"]]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"a/large.png: more than .* pixels; make it smaller"):
        source[by_name["large.png"]]


def test_labels_beyond_num_classes_are_named(tmp_path):
    records = records_of(12)
    records[7]["label"] = 5
    for ending in (".npz", ".array_record"):
        write_fields(tmp_path / f"f{ending}", records)
    name = f"fields:{tmp_path}/f"
    options = {"num_classes": 4, "validation": 0, "test": 0}
    refused(f"{name}.npz", r"f.npz: .*label 5 of record 7, expected one in \[0, 4\)", **options)
    source = sr.get_dataset(f"{name}.array_record").load(**options).splits["train"]
    with pytest.raises(ValueError, match=r"record 7 cannot be read \(label 5, .* \[0, 4\)"):
        source[7]


def test_records_must_be_alike(tmp_path):
    records = records_of(12)
    records[5]["input"]["spin_0"] = np.zeros((8, 8, 3), np.float32)
    for ending in (".npz", ".array_record"):
        with pytest.raises(ValueError, match=r"record 5: .*\(8, 8, 3\).* the first"):
            write_fields(tmp_path / f"f{ending}", records)
    assert list(tmp_path.iterdir()) == []
    # As another program may write them.
    write_raw(tmp_path / "g.array_record", records)
    source = (
        sr.get_dataset(f"fields:{tmp_path}/g.array_record")
        .load(num_classes=4, validation=0, test=0)
        .splits["train"]
    )
    with pytest.raises(ValueError, match=r"record 5 cannot be read \(.*\(8, 8, 3\)"):
        source[5]


def test_what_write_fields_refuses(tmp_path):
    good = records_of(2)
    with pytest.raises(ValueError, match=r"record 1: label has shape \(2,\)"):
        write_fields(tmp_path / "f.npz", [good[0], good[1] | {"label": np.arange(2)}])
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such folder"):
        write_fields(tmp_path / "nowhere" / "f.npz", good)


def test_an_npz_that_is_one_array_and_splits_that_are_bytes(tmp_path):
    np.save(tmp_path / "f.npy", np.zeros(3))
    (tmp_path / "f.npy").rename(tmp_path / "f.npz")
    refused(f"fields:{tmp_path}/f.npz", "f.npz: no fields to read .*one array")
    splits = np.array([b"train", b"train", b"test"])
    np.savez(
        tmp_path / "g.npz", spin_0=np.zeros((3, 8, 8, 1)), label=np.arange(3) % 2, split=splits
    )
    found = sr.get_dataset(f"fields:{tmp_path}/g.npz").load().splits
    assert {split: len(source) for split, source in found.items()} == {"train": 2, "test": 1}


@pytest.mark.parametrize(
    "options", [{"validation": "abc"}, {"test": None}, {"seed": "x"}, {"seed": 1.5}]
)
def test_options_of_another_type_are_refused(pictures, options):
    (name,) = options
    refused(f"images:{pictures}", f"{name} is .*, expected", **options)
