"""Run beside installed packages of this repository: the plugin is found, and trained by name."""

import json
import subprocess
import sys

import pytest

import spin_registry as sr


def test_it_is_installed_from_a_wheel_and_found_by_name():
    import my_sphere_plugin

    assert "site-packages" in my_sphere_plugin.__file__
    assert "three_spins" in sr.model_names()
    assert "bumps" in sr.dataset_names()
    assert not sr.broken_plugins()


def test_the_runner_trains_it(tmp_path):
    words = (
        f"-m spin_train --workdir {tmp_path} --config digits --config.dataset bumps "
        "--config.model_name three_spins --config.num_train_steps 150 "
        "--config.model_options.width 6 --config.eval_every_steps 1000"
    )
    finished = subprocess.run([sys.executable, *words.split()], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["model_name"] == "three_spins"
    (metrics,) = (summary[split] for split in ("test", "validation") if split in summary)
    assert metrics["accuracy"] > 0.8  # one in three by chance


@pytest.mark.parametrize("command", [["-m", "spin_registry"]])
def test_spin_list_shows_where_it_comes_from(command):
    listing = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    assert "my-sphere-plugin 1.0" in listing.stdout
