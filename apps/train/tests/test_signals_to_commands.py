"""Signals to `spin-train` and its siblings outside the steps: imports, compilation, end."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

COMMANDS = {
    "spin-train": ("spin_train.cli.train", ["--workdir", "{folder}/run"]),
    "spin-evaluate": ("spin_train.cli.evaluate", ["--workdir", "{folder}"]),
    "spin-export": ("spin_train.cli.export", ["--workdir", "{folder}", "--output", "{folder}/w"]),
    "spin-predict": ("spin_train.cli.predict", ["--workdir", "{folder}", "{folder}/image.png"]),
    "spin-data": ("spin_data.__main__", ["show", "digits/rotated", "--output={folder}/a.png"]),
}


def begun(module, words, **environment):
    """Starts a command, and says when its first line is executed."""
    program = (
        "import sys; from spin_registry.command_signals import CommandSignals; "
        "enter = CommandSignals.__enter__; "
        "CommandSignals.__enter__ = lambda self: (enter(self), print('BEGUN', flush=True))[0]; "
        f"from {module} import main; sys.exit(main())"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_while_libraries_load(tmp_path, command):
    module, words = COMMANDS[command]
    rng = random.Random(command)
    for number in (signal.SIGINT, signal.SIGTERM):
        with begun(module, [word.format(folder=tmp_path) for word in words]) as process:
            for line in process.stdout:
                if line == "BEGUN\n":
                    break
            time.sleep(rng.uniform(0, 0.1))
            process.send_signal(number)
            rest = process.stdout.read()
        # Or it had ended by itself before, where there is nothing to be done.
        if process.returncode != 2:
            assert process.returncode == 128 + number
            assert rest == f"{command}: stopped by {number.name}\n"


def test_ctrl_c_during_the_compilation_of_the_first_step(start, tmp_path):
    """Nothing is lost, so it is answered at once; a second one does not crash the interpreter."""
    process = start(
        *("--workdir", str(tmp_path / "run"), "--config", "digits"),
        # A network whose compilation takes longer than the test, with all optimizations.
        *("--config.model_name", "spin_classifier_6_layers", "--config.num_train_steps", "5"),
        JAX_DISABLE_MOST_OPTIMIZATIONS="false",
        JAX_ENABLE_COMPILATION_CACHE="false",
    )
    for line in process.stdout:
        if line.startswith("model="):
            break
    time.sleep(4)  # traced, and in XLA
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    began = time.monotonic()
    rest = process.communicate(timeout=60)[0]
    assert time.monotonic() - began < 5
    assert process.returncode == 130
    said = [line for line in rest.splitlines() if line.startswith("spin-train: ")]
    assert len(said) == 1
    assert "stopped by SIGINT" in said[0]
    assert "Traceback" not in rest


def check_end(process, rest, command, number):
    """It ends as if there had been no signal, or with its exit code and one line."""
    assert process.returncode in (0, 128 + number), (process.returncode, rest)
    lines = [line for line in rest.splitlines() if line.startswith(f"{command}: stopped by ")]
    assert len(lines) == (process.returncode != 0), rest
    assert "Traceback" not in rest


@pytest.mark.parametrize("seconds", [0, 0.01, 0.02, 0.05])
def test_a_signal_when_everything_is_written(tmp_path, seconds):
    """Python ends its threads, its libraries and itself; no moment of this is without an answer."""
    words = ["show", "digits/canonical", "--count=1", f"--output={tmp_path / 'a.png'}"]
    number = signal.SIGINT if seconds in (0, 0.02) else signal.SIGTERM
    with begun("spin_data.__main__", words) as process:
        for line in process.stdout:
            if "a.png" in line:
                break
        time.sleep(seconds)
        process.send_signal(number)
        rest = process.stdout.read()
    check_end(process, rest, "spin-data", number)
    assert (tmp_path / "a.png").exists()


def test_a_signal_after_the_report(start, words, tmp_path):
    words += ["--config.num_train_steps=1"]
    process = start("--workdir", str(tmp_path / "run"), *words)
    for line in process.stdout:
        if line.startswith("report: "):
            break
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[0]
    # The process may be over already, or be in the last of its own steps.
    check_end(process, rest, "spin-train", signal.SIGINT)
    assert (tmp_path / "run" / "summary.json").exists()
