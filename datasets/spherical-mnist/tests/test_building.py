"""Builds that are killed, meet each other or run out of room, and files that are damaged."""

import contextlib
import errno
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import textwrap
import time
from hashlib import md5 as md5_of
from types import SimpleNamespace

import filelock
import numpy as np
import pytest

from spin_data import tfds_building
from spin_data.tfds_building import verify
from spin_data.tfds_building.checksums import write_checksums

NUM_TRAIN, NUM_TEST = 4_500, 500

BUILD = textwrap.dedent(
    """
    import json, os, sys, time, zlib

    import numpy as np

    import spherical_mnist.builder
    from spherical_mnist import SphericalMnist, loader

    spherical_mnist.builder._CHUNK = 500


    class Small(SphericalMnist, skip_registration=True):
        MD5 = json.loads(os.environ["SMALL_MD5"])
        NUM_VALIDATION = 500


    Small.__module__ = SphericalMnist.__module__
    loader.SphericalMnist = Small
    made = []
    project = spherical_mnist.builder.project_as_published


    def counted(images, *arguments):
        made.append(len(images))
        time.sleep(float(os.environ.get("SLOWLY", 0)))
        return project(images, *arguments)


    spherical_mnist.builder.project_as_published = counted
    dataset = loader.load(config="canonical")
    print("PROJECTED", sum(made))
    for split, source in dataset.splits.items():
        print("LENGTH", split, len(source))
        records = source.read_batch(np.arange(len(source)))
        content = records["input"]["spin_0"].tobytes() + records["label"].tobytes()
        print("DIGEST", split, zlib.crc32(content))
    """
)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Enough images that a build takes a while; the folder, the script, and the checksums."""
    folder = tmp_path_factory.mktemp("small")
    generator, md5 = np.random.default_rng(0), {}
    for prefix, size in (("train", NUM_TRAIN), ("t10k", NUM_TEST)):
        images = np.zeros((size, 28, 28), np.uint8)
        images[:, 8:20, 8:20] = generator.integers(0, 256, (size, 12, 12))
        arrays = {"images-idx3": images, "labels-idx1": np.arange(size, dtype=np.uint8) % 10}
        for kind, array in arrays.items():
            name = f"{prefix}-{kind}-ubyte"
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            content = header + array.tobytes()
            md5[name] = md5_of(content, usedforsecurity=False).hexdigest()
            (folder / name).write_bytes(content)
    script = folder / "build.py"
    script.write_text(BUILD)
    return SimpleNamespace(folder=folder, script=script, md5=json.dumps(md5))


def start(small, target, **environment):
    return subprocess.Popen(
        [sys.executable, small.script],
        env=os.environ
        | {
            "SPIN_MNIST_DIR": str(small.folder),
            "TFDS_DATA_DIR": str(target),
            "SMALL_MD5": small.md5,
            "JAX_PLATFORMS": "cpu",
        }
        | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """What it printed, by first words."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    words = [line.rsplit(" ", 1) for line in out.splitlines() if line.startswith(_SAID)]
    return {key: int(value) for key, value in words}


_SAID = ("PROJECTED", "LENGTH", "DIGEST")


def digests(found):
    """Checksums of what was read, by split. The files' own bytes depend on hashing."""
    return {key: value for key, value in found.items() if key.startswith("DIGEST")}


def versions(target):
    folder = target / "small" / "canonical"
    names = (path.name for path in folder.glob("*")) if folder.exists() else ()
    return sorted(name for name in names if not name.startswith("."))


@pytest.fixture(scope="module")
def built(small, tmp_path_factory):
    """An undisturbed build's folder of datasets."""
    target = tmp_path_factory.mktemp("built")
    found = finish(start(small, target))
    sizes = {key: value for key, value in found.items() if not key.startswith("DIGEST")}
    assert sizes == {
        "PROJECTED": NUM_TRAIN + NUM_TEST,
        "LENGTH train": NUM_TRAIN - 500,
        "LENGTH validation": 500,
        "LENGTH test": NUM_TEST,
    }
    return SimpleNamespace(folder=target, digests=digests(found))


def test_a_build_leaves_the_dataset_and_nothing_else(built):
    assert versions(built.folder) == ["2.0.0"]
    folder = built.folder / "small" / "canonical" / "2.0.0"
    assert verify(folder) == sum(
        path.stat().st_size for path in folder.iterdir() if path.name != "checksums.json"
    )


def test_killed_half_way_a_build_leaves_nothing_whole(small, built, tmp_path):
    process = start(small, tmp_path, SLOWLY="0.5")
    deadline = time.monotonic() + 120
    folder = tmp_path / "small" / "canonical"
    while not list(folder.glob("incomplete.*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert "2.0.0" not in versions(tmp_path)
    found = finish(start(small, tmp_path))
    assert found["PROJECTED"] == NUM_TRAIN + NUM_TEST
    assert versions(tmp_path) == ["2.0.0"]
    assert digests(found) == built.digests


def test_killed_at_any_moment_a_later_build_is_whole(small, built, tmp_path):
    generator = np.random.default_rng(5)
    for _ in range(3):
        process = start(small, tmp_path, SLOWLY="0.4")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=generator.uniform(2, 8))
        process.kill()
        process.communicate()
    assert digests(finish(start(small, tmp_path))) == built.digests
    assert versions(tmp_path) == ["2.0.0"]


def test_of_two_builders_at_once_one_builds(small, built, tmp_path):
    both = [finish(process) for process in [start(small, tmp_path, SLOWLY="0.1") for _ in range(2)]]
    assert sorted(found["PROJECTED"] for found in both) == [0, NUM_TRAIN + NUM_TEST]
    assert all(digests(found) == built.digests for found in both)
    assert versions(tmp_path) == ["2.0.0"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX's")
@pytest.mark.parametrize("largest", [1_000_000, 3_000_000])
def test_a_full_disk_is_one_error_and_leaves_no_dataset(small, tmp_path, largest):
    """No file may grow beyond a limit, which the record file reaches sooner or later."""
    limited = (
        "import resource, signal, runpy, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({largest}, {largest}))\n"
        f"runpy.run_path({str(small.script)!r})\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", limited],
        env=os.environ
        | {
            "SPIN_MNIST_DIR": str(small.folder),
            "TFDS_DATA_DIR": str(tmp_path),
            "SMALL_MD5": small.md5,
            "JAX_PLATFORMS": "cpu",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode != 0
    (last,) = [line for line in process.stderr.splitlines() if line.startswith("OSError: ")][-1:]
    assert "canonical/2.0.0 cannot be built (" in last
    assert "File too large" in last
    assert "no half of it is left" in last
    assert "TFDS_DATA_DIR" in last
    assert "2.0.0" not in versions(tmp_path)
    finish(start(small, tmp_path))
    assert versions(tmp_path) == ["2.0.0"]


def damaged(built, tmp_path, change):
    """A copy of the dataset with the training file changed, opened; and the file."""
    from spherical_mnist import SphericalMnist
    from spin_data.tfds_building import prepare

    target = tmp_path / "damaged"
    shutil.copytree(built.folder, target)
    (file,) = target.glob("**/*train.array_record*")
    content = bytearray(file.read_bytes())
    file.write_bytes(change(content))

    class Small(SphericalMnist, skip_registration=True):
        pass

    Small.__module__ = SphericalMnist.__module__
    return file, lambda: prepare(
        lambda: Small(config="canonical", data_dir=target, file_format="array_record"),
        Small.folder("canonical", target),
    )


def flipped(content):
    content[len(content) // 2] ^= 0xFF
    return content


def test_a_corrupt_record_is_named(built, tmp_path):
    file, open_it = damaged(built, tmp_path, flipped)
    source = open_it()["train"]
    bad = []
    for index in range(len(source)):
        try:
            source[index]
        except ValueError as error:
            bad.append((index, str(error)))
    assert 1 <= len(bad) < 20
    index, message = bad[0]
    assert f"{file}: record {index} cannot be read (" in message
    assert f"delete the folder {file.parent}, and it is built anew" in message
    with pytest.raises(ValueError, match=f"record {index} cannot be read"):
        source.read_batch(np.arange(index - 5, index + 5))
    assert len(source.read_batch(np.arange(index - 5, index))["label"]) == 5
    with pytest.raises(ValueError, match="its content is not what was built"):
        verify(file.parent)


def test_a_file_cut_short_is_refused_when_opened(built, tmp_path):
    file, open_it = damaged(built, tmp_path, lambda content: content[: len(content) // 2])
    with pytest.raises(ValueError, match=f"{file}: it has .* bytes, was built with"):
        open_it()
    file.unlink()
    with pytest.raises(ValueError, match=f"{file}: it is missing"):
        open_it()


def test_what_a_broken_off_writing_of_checksums_leaves_is_no_file_of_the_dataset(tmp_path):
    (tmp_path / "a").write_text("content")
    (tmp_path / ".checksums.12345.partial.json").write_text("{")
    write_checksums(tmp_path)
    assert sorted(json.loads((tmp_path / "checksums.json").read_text())) == ["a"]
    assert verify(tmp_path) == len("content")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_whole_dataset_in_a_folder_that_cannot_be_written_opens(
    built, tmp_path, monkeypatch, number
):
    """Another user's, or on a read-only mount: simulated, for root may write anywhere."""
    file, open_it = damaged(built, tmp_path, lambda content: content)  # not at all damaged
    (file.parent / "checksums.json").unlink()

    def refuses(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuses)
    assert len(open_it()["train"]) == NUM_TRAIN - 500
    monkeypatch.undo()
    monkeypatch.setattr(type(file), "write_text", refuses)
    assert len(open_it()["train"]) == NUM_TRAIN - 500
    shutil.rmtree(file.parent)
    monkeypatch.undo()
    monkeypatch.setattr(filelock.FileLock, "acquire", refuses)
    with pytest.raises(OSError, match=r"cannot be built here \(.*\); .*TFDS_DATA_DIR"):
        open_it()


def test_an_emptied_folder_is_built_anew_and_half_a_one_is_named(small, built, tmp_path):
    target = tmp_path / "copy"
    shutil.copytree(built.folder, target)
    folder = target / "small" / "canonical" / "2.0.0"
    for name in ("dataset_info.json", "checksums.json"):
        (folder / name).unlink()
    process = start(small, target)
    assert f"{folder}/dataset_info.json: it is missing" in process.communicate(timeout=300)[1]
    assert not (folder / "checksums.json").exists()
    for path in folder.iterdir():
        path.unlink()
    assert digests(finish(start(small, target))) == built.digests


@pytest.mark.parametrize("has_checksums", [True, False])
def test_a_damaged_description_is_named(built, tmp_path, has_checksums):
    """As it stands, tfds believes it, or shows the traceback of a parser."""
    file, open_it = damaged(built, tmp_path, lambda content: content)
    information = file.parent / "dataset_info.json"
    content = information.read_bytes()
    if not has_checksums:
        # As of a dataset that another program built, in a folder that is read-only.
        (file.parent / "checksums.json").unlink()
    rng = np.random.default_rng(0)
    changes = [content[: len(content) // 2], b"", b"[]", b"{", b"\xff\xfe", b'{"splits": 3}']
    for _ in range(30):
        changed = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            changed[place] = rng.integers(0, 256)
        changes.append(bytes(changed))
    opened, messages = 0, []
    for change in changes:
        information.write_bytes(change)
        try:
            open_it()
            opened += 1
            (file.parent / "checksums.json").unlink()  # of the damaged file
        except ValueError as error:
            messages.append(str(error))
    for message in messages:
        assert str(information) in message
        assert f"delete the folder {file.parent}" in message
        assert "\n" not in message
    # Without checksums, a changed word of the description cannot be known as such.
    assert opened == 0 if has_checksums else opened < len(changes) - 6


@pytest.mark.parametrize(
    "content", ["{", '{"dataset_info.json": 1}', "[]", '{"a": {"bytes": "x"}}']
)
def test_damaged_checksums_are_named(built, tmp_path, content):
    file, open_it = damaged(built, tmp_path, lambda content: content)
    (file.parent / "checksums.json").write_text(content)
    with pytest.raises(
        ValueError, match=r"checksums.json: it is no list of checksums .*; delete the"
    ):
        open_it()


def test_an_input_that_may_not_be_read_is_no_matter_of_the_disk(
    mnist, tiny_builder, tmp_path, monkeypatch
):
    """Simulated, for root may read anything."""

    def refuses(path, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("spherical_mnist.mnist_files.read_idx", refuses)
    with pytest.raises(PermissionError, match=r"Permission denied: .*train-images") as raised:
        tfds_building.prepare(
            lambda: tiny_builder(
                config="canonical",
                data_dir=tmp_path,
                mnist_dir=mnist.folder,
                file_format="array_record",
            )
        )
    assert "disk" not in str(raised.value)
