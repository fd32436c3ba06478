"""The results that the documents show are those of the runs kept in results/."""

import importlib.util
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from spin_train.command_line import parse

ROOT = Path(__file__).parents[1]


def folder_of(tool, run):
    return (tool.RESULTS if run.split == "test" else tool.VALIDATION) / run.name


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("results_table", ROOT / "tools/results_table.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for the module's names
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runs(tool):
    return tool.read_runs()


@pytest.fixture(scope="module")
def validated(tool):
    return tool.read_runs(tool.VALIDATION, "validation")


def test_the_tables_are_of_the_runs(tool, runs, validated):
    page = (ROOT / "results" / "README.md").read_text()
    assert tool.results_table(runs) in page
    assert tool.loops(runs) in page
    assert tool.results_table(runs) in (ROOT / "README.md").read_text()
    assert tool.results_table(validated) in page
    assert tool.loops(validated) in page


def test_every_run_is_whole(tool, runs, validated):
    assert runs
    assert validated
    for run in runs + validated:
        lines = (folder_of(tool, run) / "metrics.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        steps = [record["step"] for record in records if "loss" in record]
        assert steps == sorted({*range(100, run.steps + 1, 100), run.steps})


def test_the_commands_are_of_the_runs(tool, runs, validated):
    for run in runs + validated:
        words = shlex.split(run.command)[1:]
        parsed = parse(words).config.to_dict()
        recorded = dict(run.config)
        for key in tool.IMMATERIAL:
            del parsed[key], recorded[key]
        assert json.loads(json.dumps(parsed)) == recorded, run.name


def test_the_loops_are_the_commands(tool, runs, validated):
    echoing = 'spin-train() { echo spin-train "$@"; }; spin-evaluate() { echo spin-evaluate "$@"; }'
    for each in (runs, validated):
        script = f"{echoing}\n{tool.loops(each)}"
        printed = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        wanted = [" ".join(shlex.split(line)) for line in tool.commands(each).splitlines()]
        assert sorted(printed.stdout.splitlines()) == sorted(wanted)
    assert len(tool.loops(runs).splitlines()) < len(tool.commands(runs).splitlines())


def test_a_training_that_is_broken_off_is_not_evaluated(tool, runs):
    loop = next(line for line in tool.loops(runs).splitlines() if "; do" in line and "&&" in line)
    script = f"spin-train() {{ echo $*; false; }}; spin-evaluate() {{ echo evaluated; }}\n{loop}"
    printed = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    (trained,) = printed.stdout.splitlines()
    assert "_seed_1 " in trained


def copied(tool, run, folder, **changes):
    """The files of a run, with values of them changed: {"machine": {...}}, say."""
    folder.mkdir()
    for path in folder_of(tool, run).iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    for name, values in changes.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return folder


@pytest.fixture(scope="module")
def upright(runs):
    """A run with an evaluation, on the old dataset: trained on upright digits."""
    return next(run for run in runs if run.name == "bilinear_spin_nr")


def test_what_was_rotated_in_the_old_dataset_is_bilinear(tool, upright, tmp_path):
    assert upright.digits == "bilinear digits"
    assert "--config.dataset spherical_mnist/bilinear_canonical" in upright.command
    assert upright.evaluations[0].endswith("--dataset spherical_mnist/bilinear_canonical")
    copied(tool, upright, tmp_path / "new", machine={"dataset_version": "2.0.0"})
    (new,) = tool.read_runs(tmp_path)
    assert new.digits == ""
    assert "--config.dataset spherical_mnist/canonical" in new.command
    assert len(tool.results_table([upright, new]).splitlines()) == 4
    copied(tool, upright, tmp_path / "other", machine={"dataset_version": "1.0"})
    with pytest.raises(KeyError, match=r"1\.0"):
        tool.read_runs(tmp_path)


def test_a_run_that_says_its_datas_version_needs_no_hand(tool, upright, tmp_path):
    recorded = {"data_versions": {"spherical_mnist/canonical": "1.1.0"}}
    folder = copied(tool, upright, tmp_path / "run", config=recorded)
    (folder / "machine.json").write_text('{"machine": "a"}')
    assert tool.read_runs(tmp_path)[0].digits == "bilinear digits"
    (folder / "machine.json").write_text('{"machine": "a", "dataset_version": "2.0.0"}')
    with pytest.raises(ValueError, match=r"1\.1\.0 in config\.json, 2\.0\.0 in machine\.json"):
        tool.read_runs(tmp_path)


def test_an_evaluation_is_of_its_own_version(tool, upright, tmp_path):
    name = "evaluation_spherical_mnist_canonical_test_last"
    later = {"dataset": "spherical_mnist/bilinear_canonical", "dataset_version": "2.0.0"}
    copied(tool, upright, tmp_path / "run", **{name: later})
    assert tool.read_runs(tmp_path)[0].accuracy == upright.accuracy


def test_an_evaluation_on_other_digits_is_no_figure_of_the_row(tool, upright, tmp_path):
    name = "evaluation_spherical_mnist_canonical_test_last"
    where = {"dataset": "spherical_mnist/bilinear_canonical"}
    changes = {name: where, "machine": {"dataset_version": "2.0.0"}}
    copied(tool, upright, tmp_path / "run", **changes)
    (run,) = tool.read_runs(tmp_path)
    assert set(run.accuracy) == {"NR/R"}
    assert run.evaluations == [
        "spin-evaluate --workdir runs/run --dataset spherical_mnist/bilinear_canonical"
    ]


def test_splits_are_not_mixed(tool, runs, validated, tmp_path):
    copied(tool, runs[0], tmp_path / "run")
    with pytest.raises(ValueError, match="measured on test, not on validation"):
        tool.read_runs(tmp_path, "validation")
    with pytest.raises(ValueError, match="measured on validation, not on test"):
        tool.read_runs(tool.VALIDATION)


def test_evaluations_on_validation_digits_are_read(tool, validated, tmp_path):
    run = next(each for each in validated if set(each.accuracy) == {"NR/R"})
    folder = copied(tool, run, tmp_path / "run")
    made_up = {"dataset": "spherical_mnist/canonical", "step": run.steps, "accuracy": 0.5}
    path = folder / "evaluation_spherical_mnist_canonical_validation_last.json"
    path.write_text(json.dumps(made_up))
    (read,) = tool.read_runs(tmp_path, "validation")
    assert read.accuracy == {**run.accuracy, "NR/NR": 0.5}
    assert read.evaluations == [
        "spin-evaluate --workdir runs/validation/run --dataset spherical_mnist/canonical "
        "--split validation"
    ]


def test_seeds_are_what_names_say_and_none_counts_twice(tool, runs, tmp_path):
    run = next(each for each in runs if each.name == "spin_rr_seed_1")
    copied(tool, run, tmp_path / "spin_rr_seed_2")
    with pytest.raises(ValueError, match=r"spin_rr_seed_2: its seed is 1"):
        tool.read_runs(tmp_path)
    (tmp_path / "spin_rr_seed_2").rename(tmp_path / "again")
    copied(tool, run, tmp_path / run.name)
    with pytest.raises(ValueError, match="again and spin_rr_seed_1 are one training"):
        tool.results_table(tool.read_runs(tmp_path))


def test_data_of_no_known_version_are_refused(tool, upright, tmp_path):
    folder = copied(tool, upright, tmp_path / "run")
    (folder / "machine.json").write_text('{"machine": "a"}')
    with pytest.raises(ValueError, match="run: no data_versions in config"):
        tool.read_runs(tmp_path)


def test_a_run_that_contradicts_itself_is_refused(tool, runs, tmp_path):
    run = runs[0]
    folder = copied(tool, run, tmp_path / "copy")
    assert tool.read_runs(tmp_path)[0].accuracy == run.accuracy
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(
        config.replace('"global_batch_size": 32', '"global_batch_size": 64')
    )
    with pytest.raises(ValueError, match="a global batch of 64"):
        tool.read_runs(tmp_path)
    (folder / "config.json").write_text(config)
    summary = json.loads((folder / "summary.json").read_text())
    summary["num_train_steps"] += 1
    (folder / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(ValueError, match=r"metrics\.jsonl ends at"):
        tool.read_runs(tmp_path)
