"""The package itself: its README, its imports, its demo."""

import os
import re
import subprocess
import sys
from pathlib import Path

import spin_train
from spin_train.demo import comparison
from spin_train.demo.__main__ import main

README = Path(__file__).parents[1] / "README.md"


def run_python(code, cwd=None):
    """Runs code in a process of its own, on one device."""
    flags = {"XLA_FLAGS": os.environ["SPIN_GENERATOR_FLAG"]}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | flags,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_readme_example_runs(tmp_path):
    code = re.search("```python\n(.*?)```", README.read_text(), re.DOTALL).group(1)
    assert len([line for line in code.splitlines() if line]) <= 5
    done = run_python(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    upright, rotated = re.search(
        r"^([\d.]+) \{'accuracy': ([\d.]+)", done.stdout, re.MULTILINE
    ).groups()
    assert 0 <= float(upright) <= 1
    assert 0 <= float(rotated) <= 1
    assert (tmp_path / "runs" / "readme" / "report.html").exists()


def test_importing_is_light_and_every_public_name_is_there():
    done = run_python(
        "import sys, spin_train\n"
        "spin_train.load_config('digits'), spin_train.UserError, dir(spin_train)\n"
        "assert 'jax' not in sys.modules\n"
        "import spin_train.training.run, spin_train.training.evaluation, spin_train.cli.train\n"
        "assert callable(spin_train.train) and callable(spin_train.evaluate)\n"
    )
    assert done.returncode == 0, done.stderr
    for name in spin_train.__all__:
        assert getattr(spin_train, name) is not None


def test_the_demo_prints_a_table_and_fails_below_its_accuracy(tmp_path, capsys, monkeypatch):
    asked = []

    def train(config, workdir):
        asked.append((config.model_name, config.dataset, config.eval_dataset))
        return {"param_count": 11594, "test": {"accuracy": accuracy}}

    monkeypatch.setattr(comparison, "train", train)
    accuracy = 0.96
    assert main(["--workdir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "trained/tested" in out
    assert out.count("96.00%") == 4
    assert "tiny_cnn_classifier_NR_R" in out
    assert ("tiny_classifier", "digits/canonical", "digits/rotated") in asked
    accuracy = 0.94
    assert main(["--workdir", str(tmp_path), "--skip-canonical"]) == 1
    assert "expected 0.95" in capsys.readouterr().err
