"""Measures the rate of the input pipeline, and its share of the time of a training.

Usage: python tools/benchmark_pipeline.py [--dataset spherical_mnist/rotated] [--batch 32]
           [--model spin_classifier_6_layers] [--steps 20] [--rounds 9] [--rates-only]

The rates are those of the iterator alone, with the training split held in memory and read from its
files. The share is measured in rounds: steps whose batches come from the iterator alternate with
steps on one batch that stays on the device. Each round uses a new iterator with empty buffers.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import jax

import spin_data
import spin_registry as sr
import spin_train
from spin_train.devices.sharding import shard_batch
from spin_train.optimization.steps import make_train_step
from spin_train.training.setup import TrainingSetup, make_setup

SECONDS = 5  # duration of each measurement of a rate, after a warm-up


def main() -> None:
    """Prints the rates, then the share."""
    parser = argparse.ArgumentParser(
        description="Measures the rates of the input pipeline, and its share of a training."
    )
    parser.add_argument("--dataset", default="spherical_mnist/rotated")
    parser.add_argument("--model", default="spin_classifier_6_layers")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20, help="steps of each kind in a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--rates-only", action="store_true")
    arguments = parser.parse_args()
    print_rates(arguments.dataset, arguments.batch)
    if not arguments.rates_only:
        print_share(arguments)


def print_rates(name: str, batch_size: int) -> None:
    """Prints a table of batches and records per second."""
    source = sr.get_dataset(name).load().splits["train"]
    megabytes = spin_data.source_bytes(source) / 1e6
    print(f"{name}, {len(source)} training records, {megabytes:.0f} MB, batch {batch_size}\n")
    print("| records from | threads | rotations | batches/s | records/s |")
    print("|" + " --- |" * 5)
    for placement, threads, rotate in (
        ("memory", 2, False),
        ("memory", 2, True),
        ("memory", 0, False),
        ("disk", 2, False),
        ("disk", 0, False),
    ):
        placed = spin_data.place_source(source, placement, name)
        if isinstance(placed, spin_data.InMemorySource):
            placed.arrays()
        rate = batches_per_second(placed, batch_size, num_threads=threads, rotate=rotate)
        drawn = "drawn" if rotate else "-"
        print(
            f"| {placement} | {threads} | {drawn} | {rate:.0f} | {rate * batch_size:.0f} |",
            flush=True,
        )


def batches_per_second(
    source: spin_data.RandomAccessSource, batch_size: int, *, num_threads: int, rotate: bool
) -> float:
    """Returns the rate of the iterator alone, without its start and its first 20 batches."""
    iterator = spin_data.training_iterator(
        source, batch_size=batch_size, seed=0, num_threads=num_threads, rotate=rotate
    )
    for _ in range(20):
        next(iterator)
    began, count = time.perf_counter(), 0
    while (seconds := time.perf_counter() - began) < SECONDS:
        next(iterator)
        count += 1
    iterator.close()
    return count / seconds


def print_share(arguments: argparse.Namespace) -> None:
    """Prints the times of steps with and without the iterator, and its share."""
    config = spin_train.load_config("default")
    config.dataset, config.model_name = arguments.dataset, arguments.model
    config.per_device_batch_size = arguments.batch // jax.device_count()
    setup = make_setup(config)
    step = make_train_step(setup.model, setup.task, setup.optimizer, setup.mesh)
    state, constants = setup.initial_state(), setup.constants()
    iterator, pipeline = setup.data.training_input(setup.mesh, setup.global_batch_size)
    constant = shard_batch(next(iterator), setup.mesh)
    iterator.close()

    def run(next_batch: Callable[[], object]) -> float:
        """Returns seconds per step. As in the runner, one step runs while the next is prepared."""
        nonlocal state
        began, running = time.perf_counter(), None
        for _ in range(arguments.steps):
            state, scores = step(state, constants, next_batch(), pipeline)
            if running is not None:
                jax.block_until_ready(running)
            running = scores
        jax.block_until_ready(running)
        return (time.perf_counter() - began) / arguments.steps

    run(lambda: constant)
    from_pipeline, from_constant = [], []
    waited: list[float] = []
    for number in range(arguments.rounds):
        from_pipeline.append(run(batches_of(setup, number * arguments.steps, waited)))
        from_constant.append(run(lambda: constant))
    fed, bare = statistics.median(from_pipeline), statistics.median(from_constant)
    shares = [1 - b / f for f, b in zip(from_pipeline, from_constant, strict=True)]
    print(
        f"\n{arguments.model}, {arguments.rounds} rounds of {arguments.steps} steps of each kind:"
    )
    print(f"a step takes {1e3 * fed:.1f} ms with the pipeline, {1e3 * bare:.1f} ms on one batch;")
    rounds = ", ".join(f"{share:.1%}" for share in shares)
    print(f"the pipeline's share is {statistics.median(shares):.1%}, the median of {rounds}.")
    print(
        f"Getting and placing a batch took {1e3 * statistics.median(waited):.2f} ms (median), "
        f"{1e3 * max(waited):.1f} ms at most, and in total "
        f"{sum(waited) / sum(from_pipeline) / arguments.steps:.2%} "
        "of the time, mostly while the previous step was running"
    )


def batches_of(setup: TrainingSetup, first_step: int, waited: list[float]) -> Callable[[], object]:
    """Returns a function that puts the next batch of a new iterator on the devices.

    The function appends the seconds that this takes to `waited`. Some of this time passes while the
    previous step is running.
    """
    batches, _ = setup.data.training_input(setup.mesh, setup.global_batch_size, first_step)

    def next_batch() -> object:
        began = time.perf_counter()
        batch = shard_batch(next(batches), setup.mesh)
        waited.append(time.perf_counter() - began)
        return batch

    return next_batch


if __name__ == "__main__":
    main()
