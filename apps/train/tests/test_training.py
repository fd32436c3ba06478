"""A whole run, on a plugin's small model and data: what it leaves, and how it resumes."""

import json
import os
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

import spin_train
from spin_train import training
from spin_train.checkpoints import Checkpoints
from spin_train.experiment import make_experiment
from spin_train.main import main
from spin_train.metrics import read_metrics
from spin_train.run_files import read_config

TIMES = {"steps_per_sec"}


def final_state(workdir):
    experiment = make_experiment(read_config(workdir))
    with Checkpoints(workdir) as checkpoints:
        return checkpoints.restore_latest(experiment.initial_state(), experiment.mesh)


def untimed(records):
    return [
        {key: value for key, value in record.items() if key not in TIMES}
        for record in records
        if set(record) - TIMES != {"step"}
    ]


def test_a_run_leaves_everything(config, tmp_path, capsys):
    summary = spin_train.train(config, tmp_path / "run")
    workdir = tmp_path / "run"

    assert summary == json.loads((workdir / "summary.json").read_text())
    final = summary.pop("validation")
    assert summary.pop("steps_per_sec") > 0
    assert summary == {
        "model_name": "tiny_spheres_net",
        "dataset": "tiny_spheres/bytes",
        "eval_dataset": "tiny_spheres/bytes",
        "param_count": 6 + 12 + 6 + 18 * 4 + 4,  # The complex ones counted once.
        "num_train_steps": 8,
    }
    assert set(final) == {"accuracy", "eval_loss"}

    records = read_metrics(workdir)
    assert records[0] == {"step": 1, "param_count": 100}
    training_names = {"step", "learning_rate", "loss", "loss_std", "train_accuracy"}
    logged = [record for record in records if "loss" in record]
    assert [record["step"] for record in logged] == [2, 4, 6, 8]
    assert all(set(record) - TIMES == training_names for record in logged)
    evaluated = [record for record in records if record.get("split") == "validation"]
    assert [record["step"] for record in evaluated] == [4, 8]
    assert evaluated[-1]["accuracy"] == final["accuracy"]

    assert read_config(workdir).to_dict() == config.to_dict()
    assert list((workdir / "tensorboard").glob("events.out.tfevents.*"))
    assert sorted(int(path.name) for path in (workdir / "checkpoints").iterdir()) == [6, 8]
    assert "<svg" in (workdir / "report.html").read_text()

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "model=tiny_spheres_net, dataset=tiny_spheres/bytes, param_count=100, devices=8 x cpu, "
        "num_train_steps=8, steps_per_epoch=4"
    )
    assert lines[1].startswith("[2] learning_rate=")


def test_it_learns(config, tmp_path):
    config.update({"num_train_steps": 80, "weight_decay": 0.0, "eval_every_steps": 1000})
    config.combine_train_val_and_eval_on_test = True
    config.model_options.dropout = 0.0
    config.per_device_batch_size = 4
    summary = spin_train.train(config, tmp_path)
    assert summary["test"]["accuracy"] > 0.9
    assert "validation" not in summary
    # Trained on both, 90 records; evaluated at the end only.
    assert [r["step"] for r in read_metrics(tmp_path) if "split" in r] == [80]

    assert spin_train.evaluate(tmp_path) == summary["test"]
    elsewhere = spin_train.evaluate(tmp_path, dataset="tiny_spheres/dark", split="validation")
    assert elsewhere["accuracy"] < 0.5


def test_fields_of_several_spins_train(config, tmp_path):
    config.update({"dataset": "tiny_spheres/spins", "num_train_steps": 2})
    assert np.isfinite(spin_train.train(config, tmp_path)["validation"]["eval_loss"])


def test_checkpoints_hold_no_constants(config, tmp_path):
    spin_train.train(config, tmp_path)
    experiment = make_experiment(config)
    tables = jax.tree.leaves(experiment.parts.constants["others"])
    assert any(table.shape == (8, 1, 1) for table in tables)
    saved = jax.tree.leaves(final_state(tmp_path))
    assert all(leaf.shape != (8, 1, 1) for leaf in saved)


def test_an_interrupted_run_ends_exactly_as_an_uninterrupted_one(config, tmp_path, monkeypatch):
    config.log_loss_every_steps = 1
    whole = spin_train.train(config, tmp_path / "whole")

    calls = []

    def shard_batch_until_the_power_fails(batch, mesh):
        calls.append(batch)
        if len(calls) == 6:
            raise ConnectionError("power failure")
        return original(batch, mesh)

    original = training.shard_batch
    monkeypatch.setattr(training, "shard_batch", shard_batch_until_the_power_fails)
    with pytest.raises(ConnectionError):
        spin_train.train(config, tmp_path / "broken")
    monkeypatch.undo()
    assert [r["step"] for r in read_metrics(tmp_path / "broken")][-1] == 5

    resumed = spin_train.train(config, tmp_path / "broken")
    assert resumed["validation"] == whole["validation"]
    ours, theirs = (final_state(tmp_path / name) for name in ("broken", "whole"))
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    broken, unbroken = (untimed(read_metrics(tmp_path / name)) for name in ("broken", "whole"))
    assert broken == unbroken


def test_a_finished_run_is_only_evaluated(config, tmp_path, capsys, monkeypatch):
    first = spin_train.train(config, tmp_path)
    records = read_metrics(tmp_path)
    capsys.readouterr()
    monkeypatch.setattr(training, "make_train_step", None)
    assert spin_train.train(config, tmp_path) == first
    assert "all 8 steps are done already: evaluating only" in capsys.readouterr().out
    assert sorted(map(str, read_metrics(tmp_path))) == sorted(map(str, records))


def test_another_configuration_in_the_workdir_is_refused(config, tmp_path):
    config.num_train_steps = 2
    spin_train.train(config, tmp_path)
    other = config.copy_and_resolve_references()
    other.update({"learning_rate": 0.5, "trial": 1})
    other.model_options.dropout = 0.0
    with pytest.raises(spin_train.UserError) as error:
        spin_train.train(other, tmp_path)
    assert "learning_rate (0.02 there, 0.5 here)" in str(error.value)
    assert "trial (0 there, 1 here)" in str(error.value)
    assert "model_options" in str(error.value)
    assert "seed" not in str(error.value)

    other = config.copy_and_resolve_references()
    other.per_device_batch_size = 4
    with pytest.raises(spin_train.UserError, match="global batch size \\(16 there, 32 here"):
        spin_train.train(other, tmp_path)

    config.update({"log_loss_every_steps": 1, "eval_every_steps": 1, "checkpoint_every_steps": 1})
    spin_train.train(config, tmp_path)


def test_evaluating_what_is_not_there(config, tmp_path):
    with pytest.raises(spin_train.UserError, match=r"there is no config\.json"):
        spin_train.evaluate(tmp_path)
    config.num_train_steps = 1
    spin_train.train(config, tmp_path)
    with pytest.raises(spin_train.UserError, match="no split 'tests'"):
        spin_train.evaluate(tmp_path, split="tests")
    with pytest.raises(spin_train.UserError, match="has channels"):
        spin_train.evaluate(tmp_path, dataset="tiny_spheres/spins")


def test_num_epochs_and_num_eval_steps(config, tmp_path):
    config.update({"num_train_steps": -1, "num_epochs": 2, "num_eval_steps": 1})
    config.eval_pad_last_batch = False
    assert spin_train.train(config, tmp_path)["num_train_steps"] == 2 * (70 // 16)


def test_two_processes_train_as_one_does(config, tmp_path):
    """The same command, under JAX's own distributed runtime; the same global batch of 16."""
    words = f"""
      --config default --config.model_name {config.model_name}
      --config.dataset tiny_spheres/spins --config.num_train_steps 6
      --config.checkpoint_every_steps 3 --config.log_loss_every_steps 1
    """.split()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    inherited = {key: value for key, value in os.environ.items() if key != "XLA_FLAGS"}
    command = [sys.executable, "-m", "spin_train", "--workdir", str(tmp_path / "two"), *words]
    processes = [
        subprocess.Popen(
            [*command, "--config.per_device_batch_size", "8"],
            env=inherited
            | {
                "JAX_COORDINATOR_ADDRESS": address,
                "JAX_NUM_PROCESSES": "2",
                "JAX_PROCESS_ID": str(index),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=120)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()  # jax.distributed swallows SIGTERM.
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert "devices=2 x cpu" in outputs[0]
    assert "devices" not in outputs[1]

    one = [*words, "--config.per_device_batch_size", "2"]
    assert main(["--workdir", str(tmp_path / "one"), *one]) == 0
    two_records, one_records = (untimed(read_metrics(tmp_path / name)) for name in ("two", "one"))
    assert len(two_records) == len(one_records) == 8
    for ours, theirs in zip(two_records, one_records, strict=True):
        assert ours.pop("split", None) == theirs.pop("split", None)
        assert ours == pytest.approx(theirs, rel=1e-4)
