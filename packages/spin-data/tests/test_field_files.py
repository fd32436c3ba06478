"""A person's own fields: written, read, divided for good, refused by file and record."""

import io
import zipfile

import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordWriter

import spin_registry as sr
from sphere_transforms import GaussLegendreGrid, HealpixGrid, LatLonGrid
from spin_data import check_dataset, read_batch, write_fields


def refused(name, message, error=ValueError, **options):
    with pytest.raises(error, match=message):
        sr.get_dataset(name).load(**options)


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


@pytest.mark.parametrize("name", ["lat_lon", "LatLonGrid", "lat_lon_centres"])
def test_fields_on_latitudes_and_longitudes_of_any_number(tmp_path, name):
    write_fields(tmp_path / "f.npz", records_of(20, (9, 16)))
    dataset = sr.get_dataset(f"fields:{tmp_path / 'f.npz'}").load(grid=name)
    assert dataset.input.grid == LatLonGrid(9, 16, poles=name != "lat_lon_centres")


@pytest.mark.parametrize("ending", [".npz", ".array_record"])
def test_fields_on_healpix(tmp_path, ending):
    write_fields(tmp_path / f"all{ending}", records_of(20, shape=(48,)))
    name = f"fields:{tmp_path / 'all'}{ending}"
    dataset = sr.get_dataset(name).load(grid="healpix")
    check_dataset(dataset)
    assert dataset.input.grid == HealpixGrid(2)
    assert dict(dataset.input.channels) == {-1: 1, 0: 2}
    assert read_batch(dataset.splits["train"], np.arange(2))["input"]["spin_-1"].shape == (2, 48, 1)
    refused(name, r"no gauss_legendre grid has 48 pixels", grid="gauss_legendre")
    write_fields(tmp_path / f"odd{ending}", records_of(20, shape=(50,)))
    refused(f"fields:{tmp_path / 'odd'}{ending}", r"no healpix grid has 50 pixels", grid="healpix")


def test_fields_of_one_record_are_on_one_grid(tmp_path):
    (record,) = records_of(1)
    record["input"]["spin_0"] = record["input"]["spin_0"].reshape(64, 2)
    with pytest.raises(ValueError, match=r"fields on different grids: spin_0 \(64, 2\), spin_-1"):
        write_fields(tmp_path / "mixed.npz", [record])


@pytest.mark.parametrize("factory", ["builtins:len", "operator:add"])
def test_a_grid_that_no_single_size_determines_is_refused(tmp_path, monkeypatch, factory):
    write_fields(tmp_path / "f.npz", records_of(20))
    monkeypatch.setattr(sr, "get_grid", lambda name: sr.GridEntry("Pair", factory))
    refused(f"fields:{tmp_path / 'f.npz'}", r"f.npz: no Pair grid has 8 .*", grid="Pair")


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
    refused(of(spin_0=good["spin_0"][:, 0, 0]), r"f.npz: .*spin_0 has shape \(6, 1\)")
    refused(of(spin_0=good["spin_0"][..., 0]), r"no equiangular grid has 8 pixels")
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


@pytest.mark.parametrize("ending", [".npz", ".array_record"])
def test_a_label_that_is_no_class_number_is_refused(tmp_path, ending):
    """An identifier of a sample, say. It would make a model of three million classes."""
    records = records_of(30)
    name = f"fields:{tmp_path}/f{ending}"
    records[7]["label"] = 3_000_000
    write_fields(tmp_path / f"f{ending}", records)
    refused(name, "largest label is 3000000, but there are only 5 different labels; number the")
    dataset = sr.get_dataset(name).load(num_classes=3_000_001)
    assert dataset.output.num_classes == 3_000_001
    # Some classes may have no example here: 1,000 classes, of which 5 occur.
    records[7]["label"] = 999
    write_fields(tmp_path / f"f{ending}", records)
    assert sr.get_dataset(name).load().output.num_classes == 1000


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


def test_split_files_and_splits_have_their_usual_names(tmp_path):
    records = records_of(9)
    write_fields(tmp_path / "Training.npz", records[:4])
    write_fields(tmp_path / "val.npz", records[4:6])
    write_fields(tmp_path / "testing.array_record", records[6:])
    load = sr.get_dataset(f"fields:{tmp_path}").load
    sizes = {"train": 4, "validation": 2, "test": 3}
    assert {split: len(source) for split, source in load().splits.items()} == sizes
    write_fields(tmp_path / "valid.npz", records[4:6])
    with pytest.raises(ValueError, match=r"two files for one split: .*val.npz, valid.npz"):
        load()
    (tmp_path / "valid.npz").rename(tmp_path / "extra.npz")
    with pytest.raises(ValueError, match=r"extra.npz in a folder with one file for each split"):
        load()
    (tmp_path / "extra.npz").unlink()
    names = np.array(["train"] * 4 + ["val"] * 2 + ["eval"] * 3)
    fields = np.zeros((9, 8, 8, 1), np.float32)
    np.savez(tmp_path / "one.npz", spin_0=fields, label=np.arange(9) % 2, split=names)
    found = sr.get_dataset(f"fields:{tmp_path}/one.npz").load().splits
    assert {split: len(source) for split, source in found.items()} == sizes


def fields_of(dtype, scale=1.0, spin=0):
    rng = np.random.default_rng(0)
    return {f"spin_{spin}": (scale * rng.random((6, 8, 8, 1))).astype(dtype)}


@pytest.mark.parametrize("ending", [".npz", ".array_record"])
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("f2", "f4"), (">f4", "f4"), (">f8", "f8"), (">c8", "c8"), ("c16", "c16"), ("f8", "f8")],
)
def test_safe_dtypes_are_converted(tmp_path, ending, dtype, expected):
    fields = fields_of(dtype)
    records = [
        {"input": {"spin_0": array}, "label": i % 2} for i, array in enumerate(fields["spin_0"])
    ]
    if ending == ".npz":
        np.savez(tmp_path / "f.npz", label=np.arange(6) % 2, **fields)
    else:
        write_raw(tmp_path / "f.array_record", records)
    dataset = sr.get_dataset(f"fields:{tmp_path}/f{ending}").load(validation=0, test=0)
    check_dataset(dataset)
    found = read_batch(dataset.splits["train"], np.arange(6))["input"]["spin_0"]
    assert found.dtype == np.dtype(expected)
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, fields["spin_0"])


@pytest.mark.parametrize("ending", [".npz", ".array_record"])
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            fields_of("longdouble"),
            "spin_0 has dtype float128, expected one of float32, float64, com",
        ),
        (fields_of("clongdouble"), "spin_0 has dtype complex256, expected one of"),
        (fields_of("f8", 1e300), r"values up to 9.97e\+299, beyond single precision \(3.4e\+38\)"),
        (fields_of("c16", 1e300j, 1), r"spin_1 .*has values up to 9.97e\+299, beyond single prec"),
    ],
)
def test_what_single_precision_does_not_hold_is_refused(tmp_path, ending, fields, message):
    if ending == ".npz":
        np.savez(tmp_path / "f.npz", label=np.arange(6) % 2, **fields)
    else:
        ((name, arrays),) = fields.items()
        write_raw(tmp_path / "f.array_record", [{"input": {name: a}, "label": 0} for a in arrays])
    refused(f"fields:{tmp_path}/f{ending}", f"(?s)f{ending}: .*{message}", validation=0, test=0)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_damaged_members_of_an_archive_are_named(tmp_path, compression):
    """Each compressor has exceptions of its own, and headers may ask for impossible arrays."""
    path, member = tmp_path / "f.npz", io.BytesIO()
    np.save(member, fields_of("f4")["spin_0"])
    random, outcomes = np.random.default_rng(0), []
    for attempt in range(60):
        content = bytearray(member.getvalue())
        if attempt >= 40:
            content[random.integers(8, 128)] ^= 1 << int(random.integers(8))
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("spin_0.npy", bytes(content))
            labels = io.BytesIO()
            np.save(labels, np.arange(6) % 2)
            archive.writestr("label.npy", labels.getvalue())
        if attempt < 40:
            damaged = bytearray(path.read_bytes())
            for place in random.integers(40, len(damaged), 3):
                damaged[place] ^= 0xFF
            path.write_bytes(damaged)
        try:
            outcomes.append(len(sr.get_dataset(f"fields:{path}").load(validation=0, test=0).splits))
        except ValueError as error:
            outcomes.append(f"{path}: " in str(error))
    assert set(outcomes) <= {1}  # read, or refused by name
    assert sum(outcome is True for outcome in outcomes) > 40


def test_headers_that_ask_for_too_much_are_named(tmp_path):
    member = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 8, 8, 10**6)}
    np.lib.format.write_array_header_1_0(member, header)
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        archive.writestr("spin_0.npy", member.getvalue())
    refused(f"fields:{tmp_path}/f.npz", "f.npz: no fields to read .*allocate")
