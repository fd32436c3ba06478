"""What a run reads back from its workdir is checked by one schema, and a fault names its place."""

import json
import random

import numpy as np
import pytest

import spin_train
from spin_train.cli import evaluate
from spin_train.workdir.identity import read_run
from spin_train.workdir.metric_files import MetricWriter, read_metrics

GOOD = '{"step": 1, "loss": 2.5}'
BAD_LINES = {
    "a string for a number": '{"step": 2, "split": "validation", "accuracy": "0.5"}',
    "a list for the split": '{"step": 2, "split": ["validation"], "accuracy": 0.5}',
    "a boolean for a number": '{"step": 2, "accuracy": true}',
    "an object for a number": '{"step": 2, "loss": {"mean": 1}}',
    "a fraction for the step": '{"step": 2.5, "loss": 1}',
    "a boolean for the step": '{"step": true, "loss": 1}',
    "a negative step": '{"step": -2, "loss": 1}',
    "no step": '{"loss": 1}',
    "no object": "[1]",
    "deep nesting": "[" * 100_000,
    "a number of 6,000 digits": '{"step": 2, "loss": ' + "9" * 6000 + "}",
    "a number beyond floats": '{"step": 2, "loss": 1' + "0" * 400 + "}",
    "no JSON": "loss=1",
}


@pytest.mark.parametrize("fault", BAD_LINES)
def test_a_line_that_is_no_record_is_named(tmp_path, fault):
    (tmp_path / "metrics.jsonl").write_text(f"{GOOD}\n{BAD_LINES[fault]}\n{GOOD}\n")
    told = []
    records = read_metrics(tmp_path, told.append)
    assert records == [{"step": 1, "loss": 2.5}] * 2
    (line,) = told
    assert line.startswith(f"'{tmp_path / 'metrics.jsonl'}' is damaged: line 2 (")
    assert "\n" not in line
    assert len(line) < 400


def test_a_line_that_a_crash_cut_short_is_no_damage(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(f'{GOOD}\n{{"step": 2, "lo')
    assert read_metrics(tmp_path) == [{"step": 1, "loss": 2.5}]


def test_damaged_metrics_are_set_aside_and_the_training_goes_on(config, tmp_path, capsys, curve):
    whole = spin_train.train(config, tmp_path)
    expected = curve(tmp_path)
    metrics = tmp_path / "metrics.jsonl"
    damaged = metrics.read_text() + "".join(f"{line}\n" for line in BAD_LINES.values())
    metrics.write_text(damaged)
    capsys.readouterr()
    assert spin_train.train(config, tmp_path)["validation"] == whole["validation"]
    said = capsys.readouterr().out
    assert f"note: '{metrics}' is damaged: line " in said
    assert "and 12 more lines are no records; the file is kept as 'damaged_0_metrics.jsonl'" in said
    assert (tmp_path / "damaged_0_metrics.jsonl").read_text() == damaged
    assert curve(tmp_path) == expected


def test_metrics_that_are_no_file_are_set_aside(tmp_path):
    told = []
    (tmp_path / "metrics.jsonl").mkdir()
    with MetricWriter(tmp_path, 0, told.append) as writer:
        writer.write(1, {"loss": 1.0})
    assert read_metrics(tmp_path) == [{"step": 1, "loss": 1.0}]
    assert "it is no regular file; the file is kept as 'damaged_0_metrics.jsonl'" in told[0]


RECORD = {"config": {"seed": 1}, "global_batch_size": 16, "data_versions": {"a": "1"}}
BAD_RECORDS = {
    "a list": [1],
    "null": None,
    "no configuration": {"global_batch_size": 16},
    "a list as configuration": RECORD | {"config": [1]},
    "a string for the seed": RECORD | {"config": {"seed": "many"}},
    "an unknown key": RECORD | {"config": {"sed": 1}},
    "options of no mapping": RECORD | {"config": {"model_options": [1]}},
    "a boolean batch": RECORD | {"global_batch_size": True},
    "an absurd batch": RECORD | {"global_batch_size": 10**30},
    "versions of no mapping": RECORD | {"data_versions": ["1"]},
    "a number for a version": RECORD | {"data_versions": {"a": 1}},
}


@pytest.mark.parametrize("fault", BAD_RECORDS)
def test_a_configuration_of_the_wrong_types_is_one_line(tmp_path, capsys, fault):
    (tmp_path / "config.json").write_text(json.dumps(BAD_RECORDS[fault]))
    check_refused(tmp_path, capsys)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"9" * 6000, b"\xff\xfe", b"", b'{"config": '])
def test_a_configuration_that_is_no_json_is_one_line(tmp_path, capsys, content):
    (tmp_path / "config.json").write_bytes(content)
    check_refused(tmp_path, capsys)


def check_refused(workdir, capsys):
    assert evaluate.main(["--workdir", str(workdir)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"'{workdir / 'config.json'}' is not the configuration of a run: " in line


def test_mutated_files_of_a_run_are_right_or_refused(tmp_path):
    """A seeded fuzz: bytes changed, removed and doubled, and values replaced."""
    randomness = random.Random(0)
    record = json.dumps(RECORD, indent=2).encode()
    metrics = f"{GOOD}\n{GOOD}\n".encode()
    refusals = []
    for _ in range(300):
        (tmp_path / "config.json").write_bytes(mutated(record, randomness))
        (tmp_path / "metrics.jsonl").write_bytes(mutated(metrics, randomness))
        try:
            found = read_run(tmp_path)
        except spin_train.UserError as error:
            refusals.append(str(error))
        else:
            assert type(found.global_batch_size) is int
        for read in read_metrics(tmp_path, lambda text: None):
            assert type(read["step"]) is int
            others = [value for name, value in read.items() if name not in ("step", "split")]
            assert all(np.isscalar(value) and np.isreal(value) for value in others)
    assert len(refusals) > 100
    assert all("config.json" in line and "\n" not in line for line in refusals)


def mutated(content: bytes, randomness: random.Random) -> bytes:
    start = randomness.randrange(len(content))
    end = start + randomness.randrange(8)
    new = randomness.choice(
        [
            b"",
            bytes([randomness.randrange(256)]),
            b"null",
            b"[]",
            b'"',
            b"1e999",
            content[start:end],
        ]
    )
    return content[:start] + new + content[end:]
