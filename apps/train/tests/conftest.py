"""What the tests share: a plugin that trains in seconds, installed as a stranger's would be."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import ml_collections
import numpy as np
import pytest

import spin_registry
import spin_train
from sphere_transforms import EquiangularGrid
from spin_train.analysis import FeatureMap, LargeLossExample, ModelAnalysis, Rotations
from spin_train.configuration import as_plain_dict
from spin_train.optimization.steps import TrainState
from spin_train.report import write_report
from spin_train.training.setup import make_setup
from spin_train.workdir.checkpoints import Checkpoints
from spin_train.workdir.identity import read_run
from spin_train.workdir.metric_files import read_metrics

PLUGIN = Path(__file__).parent / "plugin"

HISTORY = [
    {"step": 1, "param_count": 10},
    {"step": 50, "learning_rate": 1e-3, "loss": 2.0, "loss_std": 0.1, "train_accuracy": 0.2},
    {"step": 50, "split": "validation", "accuracy": 0.3, "eval_loss": 1.9},
    {"step": 100, "learning_rate": 0.0, "loss": 0.05, "loss_std": 0.1, "train_accuracy": 0.9},
    {"step": 100, "steps_per_sec": 7.5},
    {"step": 100, "seconds_first_step": 6.0, "seconds_steps": 12.0, "seconds_saving": 2.0},
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
    config.report_examples = 0
    return config


@pytest.fixture
def curve() -> Callable[[Path], list[dict[str, Any]]]:
    """Reads a run's metrics, in the order of steps and without times."""

    def read(workdir: Path) -> list[dict[str, Any]]:
        records = [
            {name: value for name, value in record.items() if not is_time(name)}
            for record in read_metrics(workdir)
        ]
        return sorted((r for r in records if set(r) != {"step"}), key=lambda r: r["step"])

    return read


@pytest.fixture
def final_state() -> Callable[[Path], TrainState]:
    """Reads a run's newest checkpoint."""

    def read(workdir: Path) -> TrainState:
        setup = make_setup(read_run(workdir).config)
        with Checkpoints(workdir) as checkpoints:
            return checkpoints.restore_latest(setup.initial_state(), setup.mesh)[0]

    return read


def is_time(name: str) -> bool:
    """Whether a metric is a time or a speed, which no two runs share."""
    return name == "steps_per_sec" or name.startswith("seconds_")


@pytest.fixture
def report(tmp_path, analysis) -> Path:
    """A report of a run that never was."""
    path = tmp_path / "report.html"
    config = as_plain_dict(spin_train.load_config("digits"))
    write_report(path, config, SUMMARY, HISTORY, analysis)
    return path


@pytest.fixture
def analysis() -> ModelAnalysis:
    """What might be found out about a model of three classes with two layers."""
    grid = EquiangularGrid(8)
    rng = np.random.default_rng(0)
    real = rng.normal(size=(2, 8, 8))
    spin = (rng.normal(size=(2, 8, 8, 2)) @ (1, 1j)).astype(np.complex64)
    return ModelAnalysis(
        split="test",
        names=("a<b>", "b", "c"),
        confusion=np.array([[8, 1, 0], [0, 9, 0], [2, 0, 7]]),
        largest_losses=[
            LargeLossExample(5, 0, 1, 0.93, {0: real[0][..., None]}),
            LargeLossExample(17, 2, 2, 0.41, {0: np.abs(spin[0])[..., None]}),
        ],
        rotations=Rotations(
            examples=20,
            layer_examples=10,
            accuracy={0: 0.9, 90: 0.85, 180: 0.8},
            layer_errors={"block 1": 0.01, "block 2": 0.05},
            invariance_error=0.125,
            feature_maps=[
                FeatureMap("input", 0, 0, grid, (1.0, 2.0), real[0], real[1]),
                FeatureMap("block 1", 1, 3, grid, (1.0, 2.0), spin[0], spin[1]),
            ],
            remarks=("block 3: no <transform>",),
        ),
        grid=grid,
    )


class Started(Protocol):
    """Starts `spin-train` in a process of its own."""

    def __call__(self, *words: str, devices: int = 1, **environment: str) -> subprocess.Popen[str]:
        """Its stdout and stderr are one pipe, and orbax's own lines are there."""


@pytest.fixture
def start() -> Iterator[Started]:
    """Starts processes, and sees to it that none outlives the test."""
    processes = []

    def start(*words: str, devices: int = 1, **environment: str) -> subprocess.Popen[str]:
        code = (
            "import sys; from absl import logging; logging.set_verbosity(logging.INFO); "
            "from spin_train.cli.train import main; sys.exit(main())"
        )
        flags = (
            f"--xla_force_host_platform_device_count={devices} {os.environ['SPIN_GENERATOR_FLAG']}"
        )
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", code, *words],
            env=os.environ | {"XLA_FLAGS": flags} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def words(config: ml_collections.ConfigDict) -> list[str]:
    """The command line that means `config`, without `--workdir`."""
    line = ["--config", "default"]
    for key, value in config.items():
        if key == "model_options":
            line += [f"--config.model_options.{name}={option}" for name, option in value.items()]
        elif key != "dataset_options":
            line.append(f"--config.{key}={value}")
    return line
