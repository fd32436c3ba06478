"""Runs many trainings, so many at a time, and stops them in time: for a GPU lent by the minute.

Usage:
  python tools/results_table.py | grep ^spin-train > commands
  python tools/train_many.py --at-once 4 --minutes 9 < commands

Each line of the input is a command of spin-train with a --workdir. Commands begin in their order,
as others end; one whose working directory has a summary.json is passed over. When time is up all
are told to stop, save their state, and go on from there when the same lines are given again. On one
GPU, start NVIDIA's MPS before (`nvidia-cuda-mps-control -d`), so that kernels of several processes
run at once.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE = 30  # seconds to save in


def main() -> None:
    """Reads commands from standard input, runs them, and prints where each one stands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--options", default="", help="more for each, '--config.key value ...'")
    arguments = parser.parse_args()
    lines = [line.strip() for line in sys.stdin if line.strip()]
    waiting = [shlex.split(line) + shlex.split(arguments.options) for line in lines]
    for command in waiting:
        if command[0] != "spin-train" or "--workdir" not in command:
            sys.exit(f"not a spin-train command with a --workdir: {shlex.join(command)}")
    # Processes share a card: none may take most of its memory at its start.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    end = time.monotonic() + 60 * arguments.minutes - GRACE
    running: dict[Path, subprocess.Popen[bytes]] = {}
    folders = [folder_of(command) for command in waiting]
    reported = time.monotonic()
    while (running or waiting) and time.monotonic() < end:
        running = {folder: run for folder, run in running.items() if run.poll() is None}
        while waiting and len(running) < arguments.at_once:
            command = waiting.pop(0)
            folder = folder_of(command)
            if not (folder / "summary.json").exists():
                running[folder] = start(command)
        if time.monotonic() - reported > 20:
            reported = time.monotonic()
            print(", ".join(f"{each.name} {step_of(each)}" for each in running), flush=True)
        time.sleep(0.3)
    for run in running.values():
        run.send_signal(signal.SIGTERM)
    for run in running.values():
        try:
            run.wait(GRACE)
        except subprocess.TimeoutExpired:
            run.kill()
    for folder in folders:
        ended = "done" if (folder / "summary.json").exists() else "to be gone on with"
        print(f"{folder}: step {step_of(folder)}, {ended}")


def folder_of(command: list[str]) -> Path:
    """The working directory of a command."""
    return Path(command[command.index("--workdir") + 1])


def start(command: list[str]) -> subprocess.Popen[bytes]:
    """Starts it, with what it prints in `log.txt` of its working directory."""
    folder = folder_of(command)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log.txt", "ab") as log:
        words = [sys.executable, "-m", "spin_train", *command[1:]]
        return subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)


def step_of(folder: Path) -> int:
    """The last step in its metrics, 0 where there is none."""
    metrics = folder / "metrics.jsonl"
    lines = metrics.read_text().splitlines() if metrics.exists() else []
    return json.loads(lines[-1])["step"] if lines else 0


if __name__ == "__main__":
    main()
