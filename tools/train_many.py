"""Runs many trainings, so many at a time, and stops them in time: for a GPU lent by the minute.

Usage:
  python tools/results_table.py --split test --every-line | grep ^spin-train > commands
  python tools/train_many.py --at-once 4 --minutes 9 < commands

Each line of the input is a command of spin-train with a --workdir. Commands begin in their order,
as others end; one whose working directory has a summary.json is passed over. When time is up all
are told to stop, save their state, and go on from there when the same lines are given again. On one
GPU, start NVIDIA's MPS before (`nvidia-cuda-mps-control -d`), so that kernels of several processes
run at once, and set JAX_COMPILATION_CACHE_DIR, so that runs of one network compile it once. What
`spin-evaluate` finds out afterwards, NR/NR for one, is left to do.
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

from spin_train.metrics import read_metrics

GRACE = 30  # seconds to save in


def main() -> int:
    """Reads commands from standard input, runs them, and prints where each one stands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--options", default="", help="more for each, '--config.key value ...'")
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    more = shlex.split(arguments.options)
    lines = [line for line in sys.stdin if line.strip()]
    if not lines or 60 * arguments.minutes <= GRACE:
        sys.exit(
            f"needs commands to read, and --minutes above {GRACE / 60:g}, which saving may take"
        )
    commands = [words_of(line) + more for line in lines]
    folders = [folder_of(command) for command in commands]
    if len(set(folders)) < len(folders) or arguments.at_once < 1:
        sys.exit("each command needs a --workdir of its own, and --at-once at least 1")
    # Processes share a card: none may take most of its memory at its start.
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
    """Starts one after another into `runs`, until all have ended or it is `end`."""
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
    """Lets all of them save their state, together within `GRACE` seconds, and ends the others."""
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
    """In words: whether it has ended, and how."""
    if (folder / "summary.json").exists():
        return "done"
    if code in (None, -signal.SIGTERM, 143):
        return "to be gone on with"
    return f"failed with exit status {code}: see log.txt there"


def words_of(line: str) -> list[str]:
    """A line's words, as a shell would have them."""
    try:
        return shlex.split(line)
    except ValueError as error:
        sys.exit(f"not a command: {line.strip()} ({error})")


def folder_of(command: list[str]) -> Path:
    """The working directory of a command."""
    if command[:1] != ["spin-train"] or "--workdir" not in command[:-1]:
        sys.exit(f"not 'spin-train --workdir FOLDER ...': {shlex.join(command)}")
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
    return max((int(record["step"]) for record in read_metrics(folder)), default=0)


if __name__ == "__main__":
    sys.exit(main())
