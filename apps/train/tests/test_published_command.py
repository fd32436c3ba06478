"""The published command on real data: `SPIN_MNIST_DIR=FOLDER tox run -e slow`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spin_train import configs

pytestmark = pytest.mark.slow


@pytest.mark.skipif("SPIN_MNIST_DIR" not in os.environ, reason="SPIN_MNIST_DIR is unset")
def test_200_steps_of_it_learn(tmp_path):
    default = Path(configs.__file__).with_name("default.py")
    command = (
        f"-m spin_train --workdir {tmp_path} --config {default} "
        "--config.dataset spherical_mnist/rotated --config.model_name spin_classifier_6_layers "
        "--config.combine_train_val_and_eval_on_test True --config.num_train_steps 200 "
        "--config.log_loss_every_steps 20"
    )
    environment = {key: value for key, value in os.environ.items() if key != "XLA_FLAGS"}
    environment.setdefault("TFDS_DATA_DIR", str(tmp_path / "datasets"))
    subprocess.run([sys.executable, *command.split()], env=environment, check=True)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    losses = {
        record["step"]: record["loss"] for record in map(json.loads, lines) if "loss" in record
    }
    assert np.isfinite(list(losses.values())).all()
    assert losses[200] < 0.9 * losses[20]
    assert json.loads((tmp_path / "summary.json").read_text())["param_count"] == 39_146
