"""Times registered models: initialisation, compilation, training step, evaluation.

Usage: python tools/benchmark_step.py [MODEL ...] [--batch 32] [--resolution 64]
           [--precision highest] [--devices N] [--steps 20]
       python tools/benchmark_step.py --sweep [--plot sweep.png]   (the plot needs matplotlib)

Each row is measured in a new process, so that no row uses the caches of another. Times depend on
the machine and its load. Therefore a step is also given as a multiple of a 2048 x 2048 x 2048
float32 matrix product at precision "highest", timed in alternation with it. Run this on a machine
without other load.

Columns:
  GFLOP, GB: floating-point operations and memory traffic of the compiled step, as counted by XLA.
  in products: share of matrix products and convolutions in the operations' time, from a profile.
  memory: planned by XLA for arguments, results and temporaries.
  error: change of the untrained network's logits when smooth fields are rotated, relative to the
    spread of the logits (`spin_layers.invariance_error`).
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import dataclasses
import functools
import glob
import multiprocessing
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import sphere_transforms as st
import spin_layers as sl
import spin_registry as sr
from spin_train.devices.sharding import data_mesh, replicate, shard_batch
from spin_train.model.functional import (
    FunctionalModel,
    functional_model,
    parameter_count,
)
from spin_train.model.train_state import initial_state
from spin_train.optimization.optimizer import make_optimizer
from spin_train.optimization.steps import make_eval_step, make_train_step
from spin_train.optimization.tasks import task_for

MODELS = ("spin_classifier_6_layers", "spherical_classifier_6_layers", "cnn_classifier_6_layers")
SWEEP_RESOLUTIONS, SWEEP_BATCHES = (32, 64, 128, 256), (8, 32, 128)
SECONDS = 20  # limit for the steps of one row, beyond the first three
PROFILED_STEPS = 3


@dataclasses.dataclass(frozen=True)
class Case:
    """What one row measures; if `devices` is None, on all devices."""

    model: str
    batch: int
    resolution: int
    precision: str
    devices: int | None
    steps: int


@dataclasses.dataclass(frozen=True)
class Row:
    """The results of a row. Times (also `product`) are in seconds, memory and traffic in bytes."""

    device: str
    parameters: int
    initialization: float
    compilation: float
    step: float
    evaluation: float
    product: float
    flop: float
    traffic: float
    memory: float
    in_products: float
    error: float


def main() -> None:
    """Prints one row for each case."""
    arguments = _parser().parse_args()
    if arguments.sweep:
        sweep(arguments)
        return
    models = arguments.models or MODELS
    cases = [_case(arguments, model, arguments.batch, arguments.resolution) for model in models]
    for index, case in enumerate(cases):
        row = measure_apart(case)
        if isinstance(row, str):
            print(f"{case.model}: {row}")
            continue
        if index == 0:
            size = f"{case.resolution} x {case.resolution}"
            print(f"{row.device}, batch {case.batch}, {size}, precision {case.precision}, ", end="")
            print(f"jax {jax.__version__}")
            columns = "param. | init s | compile s | step ms | eval ms | product ms (GFLOP/s)"
            print(f"\n| model | {columns} | ratio | GFLOP | GB | in products | memory MB | error |")
            print("|" + " --- |" * 13)
        print(_formatted(case.model, row), flush=True)


def sweep(arguments: argparse.Namespace) -> None:
    """Prints how the cost of a step grows, and plots it if requested."""
    model = (arguments.models or MODELS)[0]
    found: dict[tuple[int, int], Row] = {}
    print(f"{model}\n")
    print("| resolution | batch | compile s | step ms | us per sample | GFLOP | GB | memory MB |")
    print("|" + " --- |" * 8)
    for resolution in SWEEP_RESOLUTIONS:
        for batch in SWEEP_BATCHES:
            row = measure_apart(_case(arguments, model, batch, resolution))
            if isinstance(row, str):
                print(f"| {resolution} | {batch} | {row} |" + " |" * 5, flush=True)
                continue
            found[resolution, batch] = row
            per_sample = 1e6 * row.step / (batch * resolution**2)
            print(
                f"| {resolution} | {batch} | {row.compilation:.1f} | {1e3 * row.step:.1f} "
                f"| {per_sample:.3f} | {row.flop / 1e9:.1f} | {row.traffic / 1e9:.2f} "
                f"| {row.memory / 1e6:.0f} |",
                flush=True,
            )
    if arguments.plot:
        plot(found, model, arguments.plot)


def plot(found: dict[tuple[int, int], Row], model: str, path: str) -> None:
    """Plots step time over resolution, one line per batch size, with two slopes to compare."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4.2), facecolor="white")
    for batch in sorted({batch for _, batch in found}):
        points = sorted((size, row.step) for (size, other), row in found.items() if other == batch)
        sizes, seconds = zip(*points, strict=True)
        axes.loglog(sizes, [1e3 * one for one in seconds], "o-", label=f"batch {batch}")
    sizes = np.array(sorted({size for size, _ in found}))
    start = 1e3 * min(row.step for row in found.values())
    axes.loglog(sizes, start * (sizes / sizes[0]) ** 2, ":", color="grey", label="as the samples")
    axes.loglog(sizes, start * (sizes / sizes[0]) ** 3, "--", color="grey", label="as the FLOP")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set(xlabel="resolution", ylabel="one training step, ms", title=model)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def measure_apart(case: Case) -> Row | str:
    """Runs `measure` in a new process. Returns the reason if that is not possible."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        try:
            return executor.submit(measure, case).result()
        except (ValueError, MemoryError, sr.UnknownNameError) as error:
            return str(error)
        except concurrent.futures.process.BrokenProcessPool:
            return "its process was killed, perhaps for lack of memory"


def measure(case: Case) -> Row:
    """Creates the model and times it."""
    prepared = prepare(case)
    model, constants, mesh = prepared.model, prepared.constants, prepared.mesh
    # Before the first step, which donates the buffers of the parameters.
    error = _error(model, prepared.grid)
    evaluate = make_eval_step(model, prepared.task, mesh)
    state = initial_state(model, make_optimizer(lambda _: 1e-3))
    scored = (state, constants, {}, prepared.batch)
    evaluation = _median(lambda: evaluate(*scored), case.steps)

    began = time.perf_counter()
    compiled, advance = compiled_step(prepared)
    compilation = time.perf_counter() - began
    plan, costs = compiled.memory_analysis(), compiled.cost_analysis()
    memory = (
        plan.argument_size_in_bytes + plan.output_size_in_bytes + plan.temp_size_in_bytes
    ) - plan.alias_size_in_bytes
    _check_memory(memory)
    step_time, product_time = _in_turn(advance, _product(), case.steps)
    times, products = operation_times(advance), products_of(compiled.as_text())
    total = sum(times.values())
    return Row(
        device=f"{mesh.size} x {jax.devices()[0].device_kind}",
        parameters=parameter_count(model.variables.params),
        initialization=prepared.seconds,
        compilation=compilation,
        step=step_time,
        evaluation=evaluation,
        product=product_time,
        flop=costs["flops"],
        traffic=costs["bytes accessed"],
        memory=memory,
        in_products=sum(times[name] for name in times if name in products) / total
        if total
        else float("nan"),
        error=error,
    )


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A model on its devices, with a batch; `seconds` is the time to create the model."""

    model: FunctionalModel
    grid: st.EquiangularGrid
    task: Any
    mesh: Any
    constants: Any
    batch: Any
    seconds: float


def prepare(case: Case) -> Prepared:
    """Creates the model of a case.

    Raises:
      ValueError: the number of devices does not divide the batch.
    """
    if case.devices is not None:
        jax.config.update("jax_num_cpu_devices", case.devices)
    jnp.ones(()).block_until_ready()  # starts the backend, which is not timed
    mesh = data_mesh(jax.devices()[: case.devices])
    if case.batch % mesh.size:
        raise ValueError(f"a batch of {case.batch} cannot be divided among {mesh.size} devices")
    grid, output = st.EquiangularGrid(case.resolution), sr.ClassSpec(10)
    began = time.perf_counter()
    module = sr.get_model(case.model).create(
        input=sr.FieldSpec(grid, {0: 1}), output=output, rngs=nnx.Rngs(0), precision=case.precision
    )
    model = functional_model(module)
    jax.block_until_ready(model.variables)
    seconds = time.perf_counter() - began
    constants, batch = replicate(model.variables.constants, mesh), shard_batch(_batch(case), mesh)
    return Prepared(model, grid, task_for(output), mesh, constants, batch, seconds)


def compiled_step(prepared: Prepared) -> tuple[Any, Callable[[], Any]]:
    """Returns the compiled training step, and a function that makes a step from its own state."""
    optimizer = make_optimizer(lambda _: 1e-3)
    state = replicate(initial_state(prepared.model, optimizer), prepared.mesh)
    step = make_train_step(prepared.model, prepared.task, optimizer, prepared.mesh)
    compiled = step.lower(state, prepared.constants, prepared.batch).compile()

    def advance() -> Any:
        nonlocal state
        state, scores = compiled(state, prepared.constants, prepared.batch)
        return state, scores

    return compiled, advance


def _batch(case: Case) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    shape = (case.batch, case.resolution, case.resolution, 1)
    return {
        "input": {"spin_0": rng.integers(0, 256, shape, np.uint8)},
        "label": rng.integers(0, 10, case.batch).astype(np.int32),
        "mask": np.ones(case.batch, bool),
    }


def _error(model: FunctionalModel, grid: st.EquiangularGrid) -> float:
    """Returns the error for smooth fields: amplitudes (1 + ell)^-2, log-normal contrast."""
    count, keys = 16, jax.random.split(jax.random.key(0), 3)
    fields = st.random_coefficients(
        keys[0], {0: 1}, grid.band_limit, batch=count, real_scalars=True
    )[0]
    falling = (1.0 + jnp.arange(grid.band_limit)) ** -2
    contrast = jnp.exp(jax.random.normal(keys[1], (count,)))
    fields = fields * falling[None, :, None, None] * contrast[:, None, None, None]

    @jax.jit
    def logits(constants: Any, field: dict[int, jax.Array]) -> jax.Array:
        variables = dataclasses.replace(model.variables, constants=constants)
        return model.apply(variables, field, step=None)[0]

    function = functools.partial(logits, model.variables.constants)
    return float(sl.invariance_error(function, grid, {0: fields}, key=keys[2]))


def _product() -> Callable[[], Any]:
    side = jnp.ones((2048, 2048), jnp.float32)
    multiply = jax.jit(lambda a, b: jnp.matmul(a, b, precision="highest"))
    return lambda: multiply(side, side)


def _in_turn(
    first: Callable[[], Any], second: Callable[[], Any], count: int
) -> tuple[float, float]:
    """Returns the median times of two functions that alternate, so that load affects both."""
    _seconds(first), _seconds(second)
    times = [(_seconds(first), _seconds(second))]
    count = _affordable(times[0][0], count)
    times += [(_seconds(first), _seconds(second)) for _ in range(count - 1)]
    # The product's median is over at least 20 calls, whatever the number of steps.
    products = [other for _, other in times]
    products += [_seconds(second) for _ in range(20 - len(products))]
    return statistics.median(one for one, _ in times), statistics.median(products)


def _median(function: Callable[[], Any], count: int) -> float:
    _seconds(function)
    count = _affordable(_seconds(function), count)
    return statistics.median(_seconds(function) for _ in range(count))


def _affordable(seconds: float, count: int) -> int:
    return max(3, min(count, int(SECONDS / seconds)))


def _seconds(function: Callable[[], Any]) -> float:
    began = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - began


def operation_times(advance: Callable[[], Any]) -> dict[str, float]:
    """Returns the seconds that each operation of the program takes per call, from a profile.

    Operations run in parallel, and each on several cores, so the sum is not the time of a call.
    """
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(PROFILED_STEPS):
                jax.block_until_ready(advance())
        (path,) = glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)
        profile = jax.profiler.ProfileData.from_file(path)
    times: collections.Counter[str] = collections.Counter()
    for plane in profile.planes:
        for line in plane.lines:
            for event in line.events:
                operation = dict(event.stats).get("hlo_op")
                if operation is not None:
                    times[str(operation)] += event.duration_ns / 1e9 / PROFILED_STEPS
    return dict(times)


def products_of(program: str) -> set[str]:
    """Returns the names of instructions that are or contain matrix products or convolutions."""
    kind = re.compile(r"\b(dot|convolution)\(|custom_call_target=\"[^\"]*(gemm|matmul|[cC]onv)")
    computations: dict[str, list[str]] = {}
    for line in program.splitlines():
        if header := re.match(r"(?:ENTRY )?%?([\w.\-]+) \(.*\{$", line):
            lines = computations.setdefault(header[1], [])
        elif computations:
            lines.append(line)
    holding = {name for name, lines in computations.items() if any(map(kind.search, lines))}
    found = set()
    for lines in computations.values():
        for line in lines:
            called = re.search(r"calls=%?([\w.\-]+)", line)
            name = re.match(r"\s*(?:ROOT )?%?([\w.\-]+) = ", line)
            if name and (kind.search(line) or (called and called[1] in holding)):
                found.add(name[1])
    return found


def _check_memory(needed: int) -> None:
    if jax.default_backend() == "cpu":
        present = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if needed > 0.7 * present:
            raise MemoryError(f"needs {needed / 1e9:.0f} of this machine's {present / 1e9:.0f} GB")


def _formatted(name: str, row: Row) -> str:
    rate = 2 * 2048**3 / row.product / 1e9
    return (
        f"| {name} | {row.parameters:,} | {row.initialization:.2f} | {row.compilation:.1f} "
        f"| {1e3 * row.step:.1f} | {1e3 * row.evaluation:.1f} "
        f"| {1e3 * row.product:.1f} ({rate:,.0f}) | {row.step / row.product:.2f} "
        f"| {row.flop / 1e9:.1f} | {row.traffic / 1e9:.2f} | {row.in_products:.0%} "
        f"| {row.memory / 1e6:.0f} | {row.error:.1%} |"
    )


def _case(arguments: argparse.Namespace, model: str, batch: int, resolution: int) -> Case:
    return Case(model, batch, resolution, arguments.precision, arguments.devices, arguments.steps)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "models", nargs="*", help=f"registered names (default: {', '.join(MODELS)})"
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument(
        "--precision",
        choices=("highest", "high", "default"),
        default="highest",
        help="precision of the matrix products; on a GPU, default is TF32",
    )
    parser.add_argument(
        "--devices", type=int, help="number of devices; on a CPU, as many virtual ones are created"
    )
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument(
        "--sweep", action="store_true", help="measure one model at several resolutions and batches"
    )
    parser.add_argument("--plot", help="file for the plot of the sweep, .png or .pdf")
    return parser


if __name__ == "__main__":
    main()
