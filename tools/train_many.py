"""Runs many trainings on one machine, several at a time, for a limited time.

Usage:
  python tools/results_table.py --split test --every-line | grep ^spin-train > commands
  python tools/train_many.py --at-once 4 --minutes 9 < commands

Each input line is a `spin-train` command with a --workdir of its own. Commands start in the order
of the lines. A command whose working directory has a summary.json is skipped. When the time is up,
all trainings get a signal to save their state and stop. Run the same input again to resume them.

On one GPU, start NVIDIA's MPS first (`nvidia-cuda-mps-control -d`), so that kernels of several
processes run at the same time, and set JAX_COMPILATION_CACHE_DIR, so that each network is compiled
once. The `spin-evaluate` commands are not run.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from spin_train.workdir.metric_files import read_metrics

GRACE = 30  # seconds that the trainings have to save their state


def main() -> int:
    """Reads commands from standard input, runs them, and prints the state of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument(
        "--options", default="", help="added to each command: '--config.key value ...'"
    )
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    added = shlex.split(arguments.options)
    lines = [line for line in sys.stdin if line.strip()]
    if not lines or 60 * arguments.minutes <= GRACE:
        sys.exit(
            f"needs commands on standard input, and --minutes above {GRACE / 60:g}, the time "
            "that saving may take"
        )
    commands = [words_of(line) + added for line in lines]
    folders = [folder_of(command) for command in commands]
    if len(set(folders)) < len(folders) or arguments.at_once < 1:
        sys.exit("each command needs a --workdir of its own, and --at-once at least 1")
    # By default, the first process would reserve most of the memory of a shared GPU.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))
    runs: dict[Path, subprocess.Popen[bytes]] = {}
    try:
        run_until(end - GRACE, commands, arguments.at_once, runs)
    finally:
        stop(runs)
    codes = {folder: run.returncode for folder, run in runs.items()}
    for folder in folders:
        print(f"{folder}: step {step_of(folder)}, {standing(folder, codes.get(folder))}")
    return int(any(code not in (0, -signal.SIGTERM, 143) for code in codes.values()))


def run_until(
    end: float,
    commands: list[list[str]],
    at_once: int,
    runs: dict[Path, subprocess.Popen[bytes]],
) -> None:
    """Starts the commands and adds their processes to `runs`, until all have ended or `end`."""
    waiting = [each for each in commands if not (folder_of(each) / "summary.json").exists()]
    reported = time.monotonic()
    while time.monotonic() < end:
        running = [folder for folder, run in runs.items() if run.poll() is None]
        if not running and not waiting:
            return
        if waiting and len(running) < at_once:
            command = waiting.pop(0)
            runs[folder_of(command)] = start(command)
            continue
        if time.monotonic() - reported > 20:
            reported = time.monotonic()
            print(", ".join(f"{folder.name} {step_of(folder)}" for folder in running), flush=True)
        time.sleep(0.3)


def stop(runs: dict[Path, subprocess.Popen[bytes]]) -> None:
    """Lets all trainings save their state, and kills those that need more than `GRACE` seconds."""
    alive = [run for run in runs.values() if run.poll() is None]
    for run in alive:
        run.send_signal(signal.SIGTERM)
    end = time.monotonic() + GRACE
    for run in alive:
        try:
            run.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()


def standing(folder: Path, code: int | None) -> str:
    """Returns whether a training is done, stopped or failed."""
    if (folder / "summary.json").exists():
        return "done"
    if code in (None, -signal.SIGTERM, 143):
        return "stopped, to be resumed"
    return f"failed with exit status {code}: see {folder / 'log.txt'}"


def words_of(line: str) -> list[str]:
    """Splits a line into words, as a shell does."""
    try:
        return shlex.split(line)
    except ValueError as error:
        sys.exit(f"not a command: {line.strip()} ({error})")


def folder_of(command: list[str]) -> Path:
    """Returns the working directory of a command."""
    if command[:1] != ["spin-train"] or "--workdir" not in command[:-1]:
        sys.exit(f"not 'spin-train --workdir FOLDER ...': {shlex.join(command)}")
    return Path(command[command.index("--workdir") + 1])


def start(command: list[str]) -> subprocess.Popen[bytes]:
    """Starts a training, which prints to `log.txt` in its working directory."""
    folder = folder_of(command)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log.txt", "ab") as log:
        words = [sys.executable, "-m", "spin_train", *command[1:]]
        return subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)


def step_of(folder: Path) -> int:
    """Returns the last step in the metrics, or 0."""
    return max((int(record["step"]) for record in read_metrics(folder)), default=0)


if __name__ == "__main__":
    sys.exit(main())
