"""Times initialisation, compilation and one training step of registered models.

Usage: python tools/benchmark_step.py [MODEL ...] [--batch 32] [--resolution 64] [--steps 12]

Times depend on the machine and on what else it does, so each step is also given as a multiple of a
2048 x 2048 x 2048 float32 matrix product, timed in turn with it. Run on a quiet machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import sphere_transforms as st
import spin_registry as sr
from spin_train.model_state import parameter_count, split_model
from spin_train.optimizer import make_optimizer
from spin_train.sharding import data_mesh, shard_batch
from spin_train.step import initial_state, make_train_step
from spin_train.tasks import task_for

MODELS = ("spin_classifier_6_layers", "spherical_classifier_6_layers", "cnn_classifier_6_layers")


def main() -> None:
    """Prints one row for each model."""
    arguments = _parser().parse_args()
    jnp.ones(()).block_until_ready()  # starts the backend, which is no model's doing
    device, size = jax.devices()[0].device_kind, f"{arguments.resolution} x {arguments.resolution}"
    print(f"{device}, batch {arguments.batch}, {size}, jax {jax.__version__}")
    header = ("model", "parameters", "init s", "compile s", "step ms", "product ms", "ratio")
    print("{:<30} {:>10} {:>7} {:>10} {:>8} {:>11} {:>6}".format(*header))
    for name in arguments.models:
        row = benchmark(name, arguments.batch, arguments.resolution, arguments.steps)
        print("{:<30} {:>10,} {:>7.2f} {:>10.1f} {:>8.0f} {:>11.0f} {:>6.2f}".format(name, *row))


def benchmark(name: str, batch_size: int, resolution: int, steps: int) -> tuple[float, ...]:
    """Parameters, seconds to initialise, to compile; ms of a step, of the product; their ratio."""
    spec, output = sr.FieldSpec(st.EquiangularGrid(resolution), {0: 1}), sr.ClassSpec(10)
    began = time.perf_counter()
    model = sr.get_model(name).create(input=spec, output=output, rngs=nnx.Rngs(0))
    parts = split_model(model)
    jax.block_until_ready(parts.params)
    initialised = time.perf_counter() - began

    mesh, optimizer = data_mesh(), make_optimizer(lambda _: 1e-3)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch_size, resolution, resolution, 1), np.uint8)
    labels = rng.integers(0, 10, batch_size).astype(np.int32)
    batch = shard_batch({"input": {"spin_0": images}, "label": labels}, mesh)
    state = initial_state(parts, optimizer)
    began = time.perf_counter()
    step = make_train_step(parts, task_for(output), optimizer, mesh)
    compiled = step.lower(state, parts.constants, batch).compile()
    compile_time = time.perf_counter() - began

    def advance() -> None:
        nonlocal state
        state, scores = compiled(state, parts.constants, batch)
        jax.block_until_ready((state, scores))

    side = jnp.ones((2048, 2048), jnp.float32)
    product = jax.jit(lambda a, b: jnp.matmul(a, b, precision="highest"))

    def multiply() -> None:
        product(side, side).block_until_ready()

    advance(), multiply()
    # In turn, so that whatever else the machine does hits both alike.
    times = [(_seconds(advance), _seconds(multiply), _seconds(multiply)) for _ in range(steps)]
    step_time = statistics.median(one for one, *_ in times)
    product_time = statistics.median(other for _, *others in times for other in others)
    count = parameter_count(parts.params)
    ratio = step_time / product_time
    return count, initialised, compile_time, 1e3 * step_time, 1e3 * product_time, ratio


def _seconds(function: Callable[[], Any]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--steps", type=int, default=12)
    return parser


if __name__ == "__main__":
    main()
