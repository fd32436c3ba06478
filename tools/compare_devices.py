"""Compares the loss curves of one training on one device, on eight, and in two processes.

All trainings use float64, the same global batches, and a learning rate of 1e-3. They differ only in
the order of summation. The data are rotated digits, stored as float64 fields (`fields:`). The
default model is `tiny_classifier`.

Usage: python tools/compare_devices.py [--steps 50] [--resolution 16] [--workdir DIR]
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import spin_data
from spin_data.digits import load
from spin_train.workdir.metric_files import read_metrics

GLOBAL_BATCH = 16


def main() -> None:
    """Trains three times and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--resolution", type=int, default=16)
    parser.add_argument("--model", default="tiny_classifier")
    parser.add_argument("--workdir", type=Path)
    arguments = parser.parse_args()
    workdir = arguments.workdir or Path(tempfile.mkdtemp())
    data = workdir / "digits.npz"
    workdir.mkdir(parents=True, exist_ok=True)
    write_digits(data, arguments.resolution)
    words = f"""
      --config default --config.model_name {arguments.model} --config.dataset fields:{data}
      --config.model_options.dtype float64 --config.num_train_steps {arguments.steps}
      --config.learning_rate 0.002 --config.learning_rate_schedule constant
      --config.warmup_epochs 0 --config.log_loss_every_steps 1 --config.report_examples 0
    """.split()  # the learning rate is for a batch of 32: it is 1e-3 for this batch of 16
    curves = {
        "one device": train(workdir / "one", words, devices=1),
        "eight devices": train(workdir / "eight", words, devices=8),
        "two processes": train(workdir / "two", words, processes=2),
    }
    reference = curves["one device"]
    print(f"\n{'':<16}first loss          last loss           largest relative difference")
    for name, curve in curves.items():
        difference = np.max(np.abs(curve - reference) / np.abs(reference))
        print(f"{name:<16}{curve[0]:<20.15f}{curve[-1]:<20.15f}{difference:.1e}")


def write_digits(path: Path, resolution: int) -> None:
    """Writes rotated digits in float64."""
    splits = load(rotated=True, resolution=resolution).splits
    indices = np.arange(64)
    parts = {name: spin_data.read_batch(splits[name], indices) for name in splits}
    fields = [part["input"]["spin_0"].astype(np.float64) / 255 for part in parts.values()]
    labels = [part["label"] for part in parts.values()]
    names = np.repeat(list(parts), len(indices))
    np.savez(path, spin_0=np.concatenate(fields), label=np.concatenate(labels), split=names)


def train(workdir: Path, words: list[str], *, devices: int = 1, processes: int = 1) -> np.ndarray:
    """Trains in new processes; returns the losses."""
    environment = os.environ | {
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": "1",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    per_device = GLOBAL_BATCH // (devices * processes)
    command = [sys.executable, "-m", "spin_train", "--workdir", str(workdir), *words]
    command.append(f"--config.per_device_batch_size={per_device}")
    others: list[list[str]] = [[]]
    if processes > 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        others = [
            ["--coordinator", address, f"--num_processes={processes}", f"--process_id={index}"]
            for index in range(processes)
        ]
    running = [subprocess.Popen([*command, *other], env=environment) for other in others]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit("a training failed")
    return np.array([record["loss"] for record in read_metrics(workdir) if "loss" in record])


if __name__ == "__main__":
    main()
