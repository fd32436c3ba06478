"""A whole run, on a plugin's small model and data: what it leaves, and that it learns."""

import json
import shutil

import jax
import numpy as np
import pytest

import spin_train
from spin_train.training import loop
from spin_train.training.setup import make_setup
from spin_train.workdir.identity import read_run
from spin_train.workdir.metric_files import read_metrics


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
    assert all(set(record) - {"steps_per_sec"} == training_names for record in logged)
    (times,) = (record for record in records if "seconds_steps" in record)
    assert set(times) == {"step"} | {
        f"seconds_{what}" for what in ("first_step", "steps", "logging", "evaluating", "saving")
    }
    evaluated = [record for record in records if record.get("split") == "validation"]
    assert [record["step"] for record in evaluated] == [4, 8]
    assert evaluated[-1]["accuracy"] == final["accuracy"]

    assert read_run(workdir).config.to_dict() == config.to_dict()
    assert list((workdir / "tensorboard").glob("events.out.tfevents.*"))
    assert sorted(int(path.name) for path in (workdir / "checkpoints").iterdir()) == [6, 8]
    best = max(evaluated, key=lambda record: record["accuracy"])
    assert max(int(path.name) for path in (workdir / "best").iterdir()) == best["step"]
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


def test_a_linen_model_trains_and_goes_on_exactly(config, tmp_path, final_state):
    config.model_name, config.model_options = "tiny_spheres_linen", {}
    config.update({"log_loss_every_steps": 1, "num_train_steps": 4, "checkpoint_every_steps": 2})
    whole = spin_train.train(config, tmp_path)
    state = final_state(tmp_path)
    assert np.any(state.batch_stats["net"]["BatchNorm_0"]["mean"])
    shutil.rmtree(tmp_path / "checkpoints" / "4")  # as if it had been stopped after step 2
    assert spin_train.train(config, tmp_path)["validation"] == whole["validation"]
    jax.tree.map(np.testing.assert_array_equal, final_state(tmp_path), state)


def test_fields_of_several_spins_train(config, tmp_path):
    config.update({"dataset": "tiny_spheres/spins", "num_train_steps": 2})
    assert np.isfinite(spin_train.train(config, tmp_path)["validation"]["eval_loss"])


def test_checkpoints_hold_no_constants(config, tmp_path, final_state):
    spin_train.train(config, tmp_path)
    setup = make_setup(config)
    tables = jax.tree.leaves(setup.model.variables.constants["others"])
    assert any(table.shape == (8, 1, 1) for table in tables)
    saved = jax.tree.leaves(final_state(tmp_path))
    assert all(leaf.shape != (8, 1, 1) for leaf in saved)


def test_a_finished_run_is_only_evaluated(config, tmp_path, capsys, monkeypatch):
    first = spin_train.train(config, tmp_path)
    records = read_metrics(tmp_path)
    capsys.readouterr()
    monkeypatch.setattr(loop, "make_train_step", None)
    assert spin_train.train(config, tmp_path) == first
    assert "all 8 steps are done already: evaluating only" in capsys.readouterr().out
    assert sorted(map(str, read_metrics(tmp_path))) == sorted(map(str, records))


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


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("placement", ["disk", "memory", "device"])
def test_a_plugins_label_out_of_range_is_named(config, tmp_path, split, placement):
    """It would make the loss NaN: in training at some step, in evaluation without an error."""
    config.update({"dataset": f"tiny_spheres/bad_label_in_{split}", "data_placement": placement})
    config.update({"num_train_steps": 6, "eval_every_steps": 1})
    with pytest.raises(
        spin_train.UserError, match=rf"split '{split}', record 5: label 4, expected one in \[0, 4\)"
    ):
        spin_train.train(config, tmp_path)
