"""The results that the documents show are those of the runs kept in results/."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


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


def test_the_tables_are_of_the_runs(tool, runs):
    page = (ROOT / "results" / "README.md").read_text()
    assert tool.results_table(runs) in page
    assert tool.commands(runs) in page
    assert tool.results_table(runs) in (ROOT / "README.md").read_text()


def test_every_run_is_whole(runs):
    assert runs
    for run in runs:
        folder = ROOT / "results" / run.name
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        steps = [record["step"] for record in records if "loss" in record]
        assert steps == sorted(set(steps))
        assert steps[-1] == run.steps


def test_a_run_that_contradicts_itself_is_refused(tool, runs, tmp_path):
    run = runs[0]
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in (ROOT / "results" / run.name).iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    assert tool.read_runs(tmp_path)[0].accuracy == run.accuracy
    summary = json.loads((folder / "summary.json").read_text())
    summary["num_train_steps"] += 1
    (folder / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(ValueError, match=r"metrics\.jsonl ends at"):
        tool.read_runs(tmp_path)
