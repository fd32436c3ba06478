"""Measures the time that the runner adds to the bare training step.

Each round times a number of bare steps and the same number of steps of the runner's training loop.
Bare steps use the same batch, and each is awaited after the next one has started. The training loop
also gets batches, and ends with a log and a checkpoint. The ratio compares the times per step. The
loop's time per step includes a hundredth of a log and a thousandth of a checkpoint, as in the
default configuration. Timings are noisy: use the median of many short rounds.

Usage: python tools/benchmark_runner.py [--steps 20] [--rounds 15] [--model NAME] [--batch 32]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

from spin_train.configuration import complete_config
from spin_train.devices.sharding import shard_batch
from spin_train.optimization.steps import make_train_step
from spin_train.training import loop as loop_module
from spin_train.training.interruption import Interruption
from spin_train.training.loop import RunServices, TrainingLoop
from spin_train.training.progress import Progress
from spin_train.training.setup import make_setup
from spin_train.workdir.checkpoints import Checkpoints
from spin_train.workdir.metric_files import MetricWriter


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--model", default="spin_classifier_6_layers")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--resolution", type=int, default=64)
    arguments = parser.parse_args()
    config = {
        "model_name": arguments.model,
        "dataset": "digits/rotated",
        "dataset_options": {"resolution": arguments.resolution},
        "combine_train_val_and_eval_on_test": True,
        "per_device_batch_size": arguments.batch,
        "num_train_steps": arguments.steps,
        "checkpoint_every_steps": arguments.steps,
        "log_loss_every_steps": arguments.steps,
    }
    setup = make_setup(complete_config(config))
    step = make_train_step(setup.model, setup.task, setup.optimizer, setup.mesh)
    constants = setup.constants()
    batches, pipeline = setup.data.training_input(setup.mesh, setup.global_batch_size)
    batch = shard_batch(next(batches), setup.mesh)

    def bare() -> float:
        state = setup.initial_state()
        state, scores = step(state, constants, batch, pipeline)
        jax.block_until_ready(scores)
        began = time.perf_counter()
        for _ in range(arguments.steps - 1):
            before = scores
            state, scores = step(state, constants, batch, pipeline)
            jax.block_until_ready(before)
        jax.block_until_ready(scores)
        return (time.perf_counter() - began) / (arguments.steps - 1)

    def runner(workdir: Path) -> tuple[float, dict[str, float]]:
        with (
            Checkpoints(workdir) as checkpoints,
            MetricWriter(workdir, 0) as writer,
            Progress(0, arguments.steps) as progress,
            Interruption() as interruption,
        ):
            services = RunServices(workdir, checkpoints, None, writer, progress, interruption)
            loop = TrainingLoop(setup, services, {})
            loop.run(setup.initial_state(), 0)
        (seconds,) = (r for r in writer.history if "seconds_steps" in r)
        parts = {name: seconds[f"seconds_{name}"] for name in ("steps", "logging", "saving")}
        whole = parts["steps"] / (arguments.steps - 1)
        return whole + parts["logging"] / 100 + parts["saving"] / 1000, parts

    loop_module.make_train_step = lambda *args, **options: step  # compiled once for all rounds
    bare()
    ratios: list[float] = []
    for number in range(arguments.rounds):
        # The order alternates, so that a machine that slows down favours neither.
        with tempfile.TemporaryDirectory() as folder:
            if number % 2:
                (with_runner, parts), alone = runner(Path(folder)), bare()
            else:
                alone, (with_runner, parts) = bare(), runner(Path(folder))
        ratios.append(with_runner / alone)
        print(
            f"bare {1e3 * alone:7.1f} ms   runner {1e3 * with_runner:7.1f} ms   "
            f"ratio {ratios[-1]:.3f}   a log {1e3 * parts['logging']:.1f} ms, "
            f"a checkpoint {1e3 * parts['saving']:.1f} ms",
            flush=True,
        )
    low, middle, high = np.percentile(ratios, (25, 50, 75))
    print(f"ratio: median {middle:.3f}, quartiles {low:.3f} and {high:.3f}")


if __name__ == "__main__":
    main()
