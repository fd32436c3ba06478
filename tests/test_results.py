"""The tables and commands in the documents are those of the runs in results/runs.tar.xz."""

import importlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from spin_train.cli.train_arguments import parse

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
results_runs = importlib.import_module("results_runs")
results_table = importlib.import_module("results_table")
# The evaluation of the run `bilinear_spin_nr`, made with version 1.1.0 of the dataset.
EVALUATION = "evaluation_spherical_mnist_canonical_test_last.json"


@pytest.fixture(scope="module")
def files():
    return results_runs.read_files(results_runs.ARCHIVE)


@pytest.fixture(scope="module")
def runs():
    return {run.name: run for run in results_runs.read_runs()}


@pytest.fixture
def copy(files, tmp_path):
    """Copies a run's files to a folder, with values changed: {"machine.json": {...}}, say."""

    def copy(name, folder, changes=None):
        for path, content in files.items():
            if path.rpartition("/")[0] == name:
                file = tmp_path / folder / Path(path).name
                file.parent.mkdir(parents=True, exist_ok=True)
                if values := (changes or {}).get(file.name):
                    content = json.dumps(json.loads(content) | values).encode()
                file.write_bytes(content)
        return tmp_path

    return copy


def test_the_pages_show_the_tables_of_the_runs(runs):
    page = (ROOT / "results" / "README.md").read_text()
    assert results_table.rewritten(page, runs.values()) == page
    assert results_table.readme_table(runs.values()) in (ROOT / "README.md").read_text()


def test_figures_are_means_and_standard_deviations_over_seeds(runs):
    row = [line for line in results_table.readme_table(runs.values()).splitlines() if "cnn" in line]
    accuracy = [0.1834, 0.181, 0.1787, 0.1838, 0.1758]  # NR/R, in the runs' summaries
    mean = sum(accuracy) / 5
    deviation = (sum((each - mean) ** 2 for each in accuracy) / 4) ** 0.5
    assert row[0].endswith(f"| {100 * mean:.2f}% ± {100 * deviation:.2f} |")


def test_packing_is_reproducible_and_loses_nothing(files, tmp_path):
    archives = [tmp_path / "first.tar.xz", tmp_path / "second.tar.xz"]
    for archive in archives:
        results_runs.unpack(tmp_path / archive.stem)
        os.utime(tmp_path / archive.stem / "spin_rr" / "config.json")
        (tmp_path / archive.stem / "spin_rr" / "log.txt").write_text("not packed")
        results_runs.pack(tmp_path / archive.stem, archive)
    assert archives[0].read_bytes() == archives[1].read_bytes()
    assert results_runs.read_files(archives[0]) == files


def test_every_run_has_a_record_every_100_steps(files, runs):
    for run in runs.values():
        records = map(json.loads, files[f"{run.name}/metrics.jsonl"].splitlines())
        steps = [record["step"] for record in records if "loss" in record]
        assert steps == sorted({*range(100, run.steps + 1, 100), run.steps}), run.name


def test_commands_give_the_recorded_configurations(runs):
    preset = parse(["--workdir", "any", "--config", "spherical_mnist"]).config.to_dict()
    for run in runs.values():
        parsed = parse(shlex.split(run.commands[0])[1:]).config.to_dict()
        # Keys that are newer than a run have their defaults.
        recorded = {
            key: value
            for key, value in {**preset, **run.config}.items()
            if key not in results_runs.IMMATERIAL
        }
        parsed = {key: parsed[key] for key in parsed if key not in results_runs.IMMATERIAL}
        assert json.loads(json.dumps(parsed)) == json.loads(json.dumps(recorded)), run.name


def printed(script):
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_loops_run_the_commands_of_every_run(runs):
    echo = 'spin-train() { echo spin-train "$@"; }; spin-evaluate() { echo spin-evaluate "$@"; }\n'
    lines = [" ".join(shlex.split(line)) for run in runs.values() for line in run.commands]
    loops = results_table.loops(runs.values())
    assert sorted(printed(echo + loops)) == sorted(lines)
    assert len(loops.splitlines()) < len(lines)


def test_a_loop_does_not_evaluate_an_interrupted_training(runs):
    seeds = [run for run in runs.values() if run.name.startswith("spin_nr_seed")]
    fail = "spin-train() { echo $*; false; }; spin-evaluate() { echo evaluated; }\n"
    (trained,) = printed(fail + results_table.loops(seeds))
    assert "_seed_1 " in trained


def test_rotated_in_version_1_1_0_is_bilinear_rotated_today(runs, copy):
    old = runs["bilinear_spin_nr"]
    assert old.digits == "bilinear digits"
    assert "--config.dataset spherical_mnist/bilinear_canonical" in old.commands[0]
    assert old.commands[1].endswith("--dataset spherical_mnist/bilinear_canonical")
    folder = copy(old.name, "new", {"machine.json": {"dataset_version": "2.0.0"}})
    (new,) = results_runs.read_runs(folder)
    assert new.digits == ""
    assert "--config.dataset spherical_mnist/canonical" in new.commands[0]
    assert len(results_table.results_table([old, new]).splitlines()) == 4


def test_an_evaluation_has_its_own_dataset_version(runs, copy):
    today = {"dataset": "spherical_mnist/bilinear_canonical", "dataset_version": "2.0.0"}
    (run,) = results_runs.read_runs(copy("bilinear_spin_nr", "run", {EVALUATION: today}))
    assert run.accuracy == runs["bilinear_spin_nr"].accuracy


def test_an_evaluation_on_other_digits_is_not_in_the_row(copy):
    other = {"dataset": "spherical_mnist/bilinear_canonical"}
    changes = {EVALUATION: other, "machine.json": {"dataset_version": "2.0.0"}}
    (run,) = results_runs.read_runs(copy("bilinear_spin_nr", "run", changes))
    assert set(run.accuracy) == {"NR/R"}
    assert run.commands[1:] == (
        "spin-evaluate --workdir runs/run --dataset spherical_mnist/bilinear_canonical",
    )


def test_evaluations_on_the_validation_split_are_read(runs, copy):
    name = "validation/gated_nr"
    folder = copy(name, name)
    made_up = {"dataset": "spherical_mnist/canonical", "step": runs[name].steps, "accuracy": 0.5}
    path = folder / name / "evaluation_spherical_mnist_canonical_validation_last.json"
    path.write_text(json.dumps(made_up))
    (run,) = results_runs.read_runs(folder)
    assert run.accuracy == {**runs[name].accuracy, "NR/NR": 0.5}
    assert run.commands[1:] == (
        f"spin-evaluate --workdir runs/{name} --dataset spherical_mnist/canonical "
        "--split validation",
    )


@pytest.mark.parametrize(
    ("folder", "changes", "message"),
    [
        ("run", {"config.json": {"global_batch_size": 64}}, "run: a global batch of 64"),
        ("run", {"summary.json": {"num_train_steps": 9}}, "does not end at step 9"),
        ("run", {"machine.json": {"dataset_version": "1.0"}}, r"version 1\.0 is not known"),
        ("run", {EVALUATION: {"step": 9}}, "is not of step 22500"),
        ("run", {EVALUATION: {"dataset": "spherical_mnist/rotated"}}, "contradicts summary"),
        ("run_seed_2", {}, "run_seed_2: its seed is 42"),
        ("validation/run", {}, "measured on test"),
    ],
)
def test_a_run_that_contradicts_itself_is_refused(copy, folder, changes, message):
    with pytest.raises(ValueError, match=message):
        results_runs.read_runs(copy("bilinear_spin_nr", folder, changes))


def test_a_run_without_its_machine_is_not_packed(copy, tmp_path):
    folder = copy("spin_rr", "run")
    (folder / "run" / "machine.json").unlink()
    with pytest.raises(ValueError, match=r"run lacks 'machine\.json'"):
        results_runs.pack(folder, tmp_path / "runs.tar.xz")
    assert not (tmp_path / "runs.tar.xz").exists()


def test_one_training_does_not_count_twice(copy):
    copy("spin_rr_seed_1", "again")
    with pytest.raises(ValueError, match="again and spin_rr_seed_1 are the same training"):
        results_runs.read_runs(copy("spin_rr_seed_1", "spin_rr_seed_1"))
