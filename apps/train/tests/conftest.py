"""What the tests share: a plugin that trains in seconds, installed as a stranger's would be."""

from pathlib import Path

import ml_collections
import pytest

import spin_registry
import spin_train
from spin_train.configuration import as_plain_dict
from spin_train.report import write_report

PLUGIN = Path(__file__).parent / "plugin"

HISTORY = [
    {"step": 1, "param_count": 10},
    {"step": 50, "learning_rate": 1e-3, "loss": 2.0, "loss_std": 0.1, "train_accuracy": 0.2},
    {"step": 50, "split": "validation", "accuracy": 0.3, "eval_loss": 1.9},
    {"step": 100, "learning_rate": 0.0, "loss": 0.05, "loss_std": 0.1, "train_accuracy": 0.9},
    {"step": 100, "split": "validation", "accuracy": 0.8125, "eval_loss": 0.4},
]
SUMMARY = {
    "model_name": "a<b>&c",
    "dataset": "digits/rotated",
    "eval_dataset": "digits/canonical",
    "param_count": 39146,
    "num_train_steps": 100,
    "steps_per_sec": None,
    "validation": {"accuracy": 0.8125, "eval_loss": 0.4},
}


@pytest.fixture(autouse=True)
def tiny_spheres(monkeypatch):
    """Puts the plugin, with its metadata, on the path of this process and of those it starts."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    spin_registry.refresh()
    yield
    spin_registry.refresh()


@pytest.fixture
def config() -> ml_collections.ConfigDict:
    """A run of eight steps with all there is: dropout, weight decay, logs and checkpoints."""
    config = spin_train.load_config("default")
    config.model_name = "tiny_spheres_net"
    config.dataset = "tiny_spheres/bytes"
    config.model_options = ml_collections.ConfigDict({"dropout": 0.3})
    config.num_train_steps = 8
    config.per_device_batch_size = 2
    config.learning_rate = 0.02
    config.weight_decay = 0.01
    config.log_loss_every_steps = 2
    config.eval_every_steps = 4
    config.checkpoint_every_steps = 3
    return config


@pytest.fixture
def report(tmp_path) -> Path:
    """A report of a run that never was."""
    path = tmp_path / "report.html"
    write_report(path, as_plain_dict(spin_train.load_config("digits")), SUMMARY, HISTORY)
    return path
