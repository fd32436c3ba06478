"""The command `spin-data`, as a user types it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sphere_transforms import EquiangularGrid
from spin_data import ArraySource, Dataset, draw_samples, write_fields
from spin_data.__main__ import main
from spin_data.digits import load as make_digits
from spin_registry import ClassSpec, FieldSpec


def test_list_names_every_dataset(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("digits/rotated ") for line in lines)
    assert any(line.startswith("panoramas:PATH ") and "equirectangular" in line for line in lines)


def test_build_counts_what_is_there(capsys):
    assert main(["build", "digits/rotated", "resolution=8", "rotations_per_digit=2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "train: 2594 records, 0.2 MB in memory",
        "validation: 200 records, 0.0 MB in memory",
        "test: 300 records, 0.0 MB in memory",
    ]


def test_show_draws_a_sheet(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["show", "digits/rotated", "resolution=16", "--count", "3", "--split", "test"]) == 0
    assert "digits_rotated.png: 3 samples of digits/rotated, split test" in capsys.readouterr().out
    with Image.open(tmp_path / "digits_rotated.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape[1] == 630
    for third in np.split(pixels, 3, axis=1):  # each sample is drawn, in more than grey
        assert (np.ptp(third, axis=2) > 60).mean() > 0.3


def test_show_takes_other_files_and_names_with_paths(tmp_path):
    rng = np.random.default_rng(0)
    records = [
        {"input": {"spin_0": rng.random((8, 8, 1), np.float32)}, "label": i % 2} for i in range(9)
    ]
    write_fields(tmp_path / "f.npz", records)
    output = tmp_path / "sheet.svg"
    assert main(["show", f"fields:{tmp_path}/f.npz", "test=0.0", "--output", str(output)]) == 0
    assert "<svg" in output.read_text()


def test_a_sheet_has_rows_for_every_spin():
    grid, rng = EquiangularGrid(8), np.random.default_rng(0)
    fields = {
        "spin_0": np.zeros((4, 8, 8, 2), np.uint8),  # dark: no brightest place
        "spin_2": rng.normal(size=(4, 8, 8, 1, 2)).astype(np.float32).view(np.complex64)[..., 0],
    }
    source = ArraySource(fields, np.arange(4))
    dataset = Dataset(FieldSpec(grid, {0: 2, 2: 1}), ClassSpec(4), {"train": source})
    figure = draw_samples(dataset, split="train", count=9)
    assert len(figure.axes) == 4 * 4
    assert "4 samples of spin 0 (2), spin 2 (1)" in figure.get_suptitle()
    with pytest.raises(ValueError, match="count is 0, expected 1 or more"):
        draw_samples(dataset, split="train", count=0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["build", "digits/rotatde"], "unknown dataset 'digits/rotatde' (did you mean"),
        (["build", "digits/rotated", "resoltuion=8"], "unknown option 'resoltuion'"),
        (["build", "digits/rotated", "resolution=7"], "7"),
        (["show", "digits/rotated", "--split", "tset"], "no split 'tset'; the dataset has train"),
        (["show", "images:/nowhere"], "/nowhere: no such folder"),
        (["show", "digits/rotated:x"], "takes nothing after a colon"),
    ],
)
def test_errors_are_one_line(words, message, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("spin-data: ")
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1


def test_the_installed_command_runs():
    command = Path(sys.executable).with_name("spin-data")
    listed = subprocess.run([command, "list"], capture_output=True, text=True, check=True)
    assert "digits/canonical" in listed.stdout
    wrong = subprocess.run(
        [command, "build", "x", "y"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "'y': expected NAME=VALUE" in wrong.stderr


def test_options_may_stand_on_both_sides_of_flags(tmp_path, capsys):
    output = tmp_path / "s.png"
    words = ["show", "digits/canonical", "resolution=8", "--output", str(output), "seed=3"]
    assert main([*words, "--split", "validation", "--count", "2"]) == 0
    assert "2 samples of digits/canonical, split validation" in capsys.readouterr().out
    assert main([*words, "sed=3"]) == 2
    assert "unknown option 'sed'" in capsys.readouterr().err
    assert main([*words, "word"]) == 2
    assert "'word': expected NAME=VALUE" in capsys.readouterr().err
    for wrong in (["list", "x=1"], ["show", "digits/canonical", "--nothing"]):
        with pytest.raises(SystemExit):
            main(wrong)
        assert "unrecognized arguments" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["false", "no", "False"])
def test_false_means_false(word, tmp_path, monkeypatch):
    """As a string, it would have drawn rotated digits."""
    seen = []
    monkeypatch.setattr(
        "spin_data.digits.load", lambda **options: seen.append(options) or make_digits(**options)
    )
    output = str(tmp_path / "s.png")
    words = ["show", "digits/canonical", f"rotated={word}", "resolution=8", "--output", output]
    assert main([*words, "--count", "1"]) == 0
    assert seen == [{"rotated": False, "resolution": 8}]


def test_an_option_of_another_type_is_one_line(capsys):
    for option in ("rotated=maybe", "rotations_per_digit=abc"):
        assert main(["build", "digits/rotated", option]) == 2
        assert "expected" in (error := capsys.readouterr().err)
        assert len(error.splitlines()) == 1
