"""Compares this library's transforms with torch-harmonics, ducc0 and s2fft, in one run.

Usage: python tools/benchmark_transforms.py [--band-limits 64 128 256] [--maps 16]
       python tools/benchmark_transforms.py --on-the-fly [1024] [--time-limit 600]

Prints Markdown tables, and the progress to stderr. Each library runs in its own process, with its
own threads, settings and memory, and the processes take turns in one loop. Run this on a machine
without other load. Load slows torch most; then minima are more reliable than medians. Libraries
that are not installed are skipped, with a message.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import importlib.util
import multiprocessing
import os
import pathlib
import platform
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

OURS = "sphere-transforms"
REQUIRED = {"torch-harmonics": 2.5, "ducc0": 2.0, "s2fft": 20.0}  # required multiples of our time
LIBRARIES = (OURS, *REQUIRED)
DIRECTIONS = ("forward", "inverse")
COLUMNS = (
    *("library, grid", "spin", "L", "direction", "median ms", "minimum ms", "ratio to ours"),
    *("set-up s", "compile s", "peak MB", "error (dtype)"),
)
CORES = os.cpu_count() or 1

LARGEST_S2FFT_KERNEL = 128  # at L = 256, a kernel has 0.5 GB in float64, and s2fft copies it
SECONDS_PER_CASE = 60.0  # a library that has used this time skips the remaining repetitions
PAUSE_SECONDS = 0.05  # between turns, because threads of some libraries keep spinning


@dataclasses.dataclass(frozen=True)
class Case:
    """What one process computes; `recursion` means without tables of about L^3 entries."""

    library: str
    spin: int
    band_limit: int
    maps: int
    same_grid: bool = True
    recursion: bool = False
    dtype: str = "float32"


@dataclasses.dataclass(frozen=True)
class Program:
    """A library's transforms: two functions of one array, which return when they are done."""

    grid: str
    coefficients: Any
    forward: Callable[[Any], Any]
    inverse: Callable[[Any], Any]
    setup_seconds: float
    compile_seconds: float | None = None


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--band-limits", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--maps", type=int, default=16)
    parser.add_argument("--repetitions", type=int, default=12)
    parser.add_argument("--on-the-fly", type=int, nargs="?", const=1024, metavar="BAND_LIMIT")
    parser.add_argument("--time-limit", type=float, default=600.0, help="seconds, for --on-the-fly")
    arguments = parser.parse_args()
    libraries = print_machine()
    if (size := arguments.on_the_fly) is not None:
        libraries = [name for name in libraries if name in (OURS, "s2fft")]
        print(f"\n### By recursion, without large tables: L = {size}, one map, one call each way\n")
        print_header(*COLUMNS)
        for dtype in ("float32", "float64"):
            for spin in (0, 1):
                case = Case(OURS, spin, size, 1, recursion=True, dtype=dtype)
                print_rows(case, measure(case, libraries, 0, arguments.time_limit))
        return
    measured = []
    same = "The same grid, 2L x 2L with both poles (s2fft: its nearest grid, 2L rings)"
    for same_grid, title in ((True, same), (False, "Each library's own best grid")):
        print(f"\n### {title}; {arguments.maps} maps, float32\n")
        print_header(*COLUMNS)
        for band_limit in arguments.band_limits:
            for spin in (0, 1):
                case = Case(OURS, spin, band_limit, arguments.maps, same_grid)
                measured.append((case, measure(case, libraries, arguments.repetitions)))
                print_rows(*measured[-1])
    print_verdict(measured)


def print_machine() -> list[str]:
    """Prints the machine and the versions; returns the installed libraries."""
    processor = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    print(f"{CORES} cores of {processor[1] if processor else platform.machine()}, no accelerator.")
    present = [name for name in LIBRARIES if importlib.util.find_spec(name.replace("-", "_"))]
    packages = [*present, "jax", "numpy", *["torch"] * ("torch-harmonics" in present)]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    print(f"Python {platform.python_version()}, {versions}.")
    for name in [name for name in LIBRARIES if name not in present]:
        print(f"{name} is not installed: pip install {name}")
    if (load := os.getloadavg()[0]) > 0.5:
        print(f"**Warning:** the load average is {load:.1f}: other programs disturb these times.")
    return present


def measure(
    case: Case, libraries: Iterable[str], repetitions: int, time_limit: float | None = None
) -> dict[str, dict[str, Any]]:
    """Returns each library's results, timed in turn; with 0 repetitions, of the first call."""
    workers = []
    for library in libraries:
        workers.append(Worker(dataclasses.replace(case, library=library)))
        print(f"building {workers[-1].case}", file=sys.stderr)
        workers[-1].wait_until_ready(time_limit)  # no two build at the same time
    for repetition in range(repetitions):
        print(f"repetition {repetition + 1} of {repetitions}", file=sys.stderr)
        for direction in DIRECTIONS:
            for worker in workers:
                worker.take_turn(direction)
                time.sleep(PAUSE_SECONDS)
    return {worker.case.library: worker.close() for worker in workers}


class Worker:
    """A process that runs the program of one library."""

    def __init__(self, case: Case):
        context = multiprocessing.get_context("spawn")
        self.case, self._ready = case, False
        self._facts: dict[str, Any] = {}
        self._times: dict[str, list[float]] = {direction: [] for direction in DIRECTIONS}
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, case), daemon=True)
        self._process.start()
        theirs.close()

    def wait_until_ready(self, time_limit: float | None) -> None:
        """Waits until the program is built and has run both ways, each within the time limit."""
        try:
            for _ in range(3):
                if not self._connection.poll(time_limit):
                    self._facts["missing"] = f"> {time_limit:g} s"
                    self._process.kill()
                self._facts |= self._connection.recv()
            self._ready = True
        except EOFError:  # it was killed, or failed with a message on stderr
            return

    def take_turn(self, direction: str) -> None:
        """Lets the process run, unless it failed or has used its time."""
        if self._ready and sum(map(sum, self._times.values())) < SECONDS_PER_CASE:
            self._connection.send(direction)
            self._times[direction] += self._connection.recv()

    def close(self) -> dict[str, Any]:
        """Ends the process; returns its results and the times of its calls by direction."""
        if self._ready:
            self._connection.send(None)
        self._process.join()
        return self._facts | {name: times for name, times in self._times.items() if times}


def work(connection: Any, case: Case) -> None:
    """Runs in the process: builds the program, runs it once both ways, and then on request."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["JAX_ENABLE_X64"] = str(int(case.dtype == "float64"))
    importlib.import_module(case.library.replace("-", "_"))
    after_import = peak_megabytes()
    program = BUILDERS[case.library](case)
    times = {"set-up": program.setup_seconds, "compile": program.compile_seconds}
    connection.send(times | {"grid": program.grid})
    field, seconds = timed(program.inverse, program.coefficients)
    connection.send({"inverse": [seconds]})
    result, seconds = timed(program.forward, field)
    peak = peak_megabytes() - after_import
    result, expected = np.asarray(result), np.asarray(program.coefficients)
    error = np.linalg.norm((result - expected).ravel()) / np.linalg.norm(expected.ravel())
    text = f"{error:.1e} ({result.dtype})"
    connection.send({"forward": [seconds], "peak": peak, "error": text})
    while (direction := connection.recv()) is not None:
        argument = field if direction == "forward" else program.coefficients
        connection.send(turn(getattr(program, direction), argument))


def turn(function: Callable[[Any], Any], argument: Any) -> list[float]:
    """Returns times of calls for 50 ms; a first call wakes the threads and counts only if long."""
    times = [timed(function, argument)[1]]
    while sum(times[1:]) < 0.05 and times[0] < 0.5:
        times.append(timed(function, argument)[1])
    return times[1:] or times


def build_ours(case: Case) -> Program:
    """Uses SpinTransform, jitted with the transform as an argument."""
    import jax

    from sphere_transforms import SpinTransform, random_coefficients
    from sphere_transforms.grids import EquiangularGrid, GaussLegendreGrid

    size, spin = case.band_limit, case.spin
    grid = EquiangularGrid(2 * size) if case.same_grid else GaussLegendreGrid(size)
    method = "recursion" if case.recursion else "auto"
    make = partial(SpinTransform, grid, (spin,), dtype=case.dtype, method=method)
    transform, setup_seconds = timed(lambda: jax.block_until_ready(make()))
    key, channels = jax.random.key(0), {spin: 1}
    drawn = random_coefficients(key, channels, size, batch=case.maps, real_scalars=True)[spin]
    forward, inverse, compile_seconds = compiled(
        lambda t, x: t.forward({spin: x})[spin],
        lambda t, a: t.inverse({spin: a}, real_scalars=True)[spin],
        (transform, transform),
        drawn,
    )
    kind = "equiangular" if case.same_grid else "Gauss-Legendre"
    name = f"{kind} {grid.shape[0]}x{grid.shape[1]}, {transform.method}"
    return Program(name, drawn, forward, inverse, setup_seconds, compile_seconds)


def build_torch_harmonics(case: Case) -> Program:
    """Uses RealSHT, or RealVectorSHT for spin 1: two real components are one complex field."""
    import torch
    import torch_harmonics as th

    torch.set_num_threads(CORES)
    size, spin = case.band_limit, case.spin
    rings, grid = (2 * size, "equiangular") if case.same_grid else (size, "legendre-gauss")
    scalar, vector = (th.RealSHT, th.InverseRealSHT), (th.RealVectorSHT, th.InverseRealVectorSHT)
    shape = {"nlat": rings, "nlon": 2 * size, "lmax": size, "mmax": size, "grid": grid}
    kinds = vector if spin else scalar
    modules, setup_seconds = timed(lambda: [kind(**shape).float() for kind in kinds])
    values = random_half(case)
    coefficients = torch.from_numpy(values if spin else values[:, 0].copy())
    forward, inverse = (torch.inference_mode()(module) for module in modules)
    return Program(f"{grid} {rings}x{2 * size}", coefficients, forward, inverse, setup_seconds)


def build_ducc0(case: Case) -> Program:
    """Uses analysis_2d and synthesis_2d, map by map, each call on all cores."""
    import ducc0

    size, spin = case.band_limit, case.spin
    geometry, rings = ("CC", 2 * size) if case.same_grid else ("GL", size)
    orders, degrees = np.triu_indices(size)
    coefficients = np.ascontiguousarray(random_half(case)[..., degrees, orders])
    options = {"spin": spin, "lmax": size - 1, "geometry": geometry, "nthreads": CORES}
    shape = {"ntheta": rings, "nphi": 2 * size}

    def forward(maps: Any) -> Any:
        return [ducc0.sht.analysis_2d(map=one, **options) for one in maps]

    def inverse(alms: Any) -> Any:
        return [ducc0.sht.synthesis_2d(alm=one, **shape, **options) for one in alms]

    return Program(f"{geometry} {rings}x{2 * size}", coefficients, forward, inverse, 0.0)


def build_s2fft(case: Case) -> Program:
    """Uses precomputed kernels if they fit, otherwise recursions; jitted, vmapped over maps."""
    import jax
    import jax.numpy as jnp
    import s2fft
    from s2fft.precompute_transforms import construct, spherical
    from s2fft.utils.signal_generator import generate_flm

    size, spin, real = case.band_limit, case.spin, case.spin == 0
    sampling, rings = ("dh", 2 * size) if case.same_grid else ("mw", size)
    precomputed = size <= LARGEST_S2FFT_KERNEL and not case.recursion

    def table(to_degrees: bool) -> Any:
        if not precomputed:
            return s2fft.generate_precomputes_jax(size, spin, sampling, None, to_degrees)
        with jax.enable_x64(True):  # in float32 its recursions lose digits
            make = construct.spin_spherical_kernel_jax
            kernel = np.asarray(make(size, spin, real, sampling, None, to_degrees))
        return jnp.asarray(kernel, case.dtype)

    def transform(recursive: Any, with_kernel: Any, table: Any, data: Any) -> Any:
        if precomputed:
            return with_kernel(data, table, size, sampling, real, spin, None)
        return recursive(data, size, spin, None, sampling, real, table)

    tables, setup_seconds = timed(lambda: jax.block_until_ready((table(True), table(False))))
    rng = np.random.default_rng(0)
    drawn = np.stack([generate_flm(rng, size, 0, spin, real) for _ in range(case.maps)])
    coefficients = jnp.asarray(drawn, np.result_type(case.dtype, "complex64"))
    forward, inverse, seconds = compiled(
        jax.vmap(partial(transform, s2fft.forward_jax, spherical.forward_transform_jax), (None, 0)),
        jax.vmap(partial(transform, s2fft.inverse_jax, spherical.inverse_transform_jax), (None, 0)),
        tables,
        coefficients,
    )
    name = f"{sampling} {rings}x{2 * size - 1}, {'precomputed' if precomputed else 'recursion'}"
    return Program(name, coefficients, forward, inverse, setup_seconds, seconds)


BUILDERS = {OURS: build_ours, "ducc0": build_ducc0, "s2fft": build_s2fft}
BUILDERS["torch-harmonics"] = build_torch_harmonics


def compiled(forward: Any, inverse: Any, tables: Any, coefficients: Any) -> tuple[Any, Any, float]:
    """Compiles two functions of (table, array) and binds their tables; also returns the seconds."""
    import jax

    field = jax.eval_shape(inverse, tables[1], coefficients)

    def bound(function: Any, table: Any, data: Any) -> Callable[[Any], Any]:
        program = jax.jit(function).lower(table, data).compile()
        return lambda data: jax.block_until_ready(program(table, data))

    forward, first = timed(bound, forward, tables[0], field)
    inverse, second = timed(bound, inverse, tables[1], coefficients)
    return forward, inverse, first + second


def random_half(case: Case) -> Any:
    """Returns coefficients, (map, component, ell, m >= 0): one component, or two for spin 1."""
    rng = np.random.default_rng(0)
    shape = (case.maps, 1 if case.spin == 0 else 2, case.band_limit, case.band_limit)
    values = np.tril(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    values[..., 0] = values[..., 0].real
    values[..., : case.spin, :] = 0
    return values.astype(np.result_type(case.dtype, "complex64"))


def print_rows(case: Case, results: dict[str, dict[str, Any]]) -> None:
    """Prints a row for each direction and library."""
    for direction in DIRECTIONS:
        for library, facts in results.items():
            times = [1e3 * seconds for seconds in facts.get(direction, [])]
            summary = [facts.get("missing", "failed"), None]
            if times:
                summary = [statistics.median(times), min(times)]
            summary.append(ratio(results, library, direction, statistics.median))
            summary += [facts.get(name) for name in ("set-up", "compile", "peak", "error")]
            label = f"{library}, {facts.get('grid', '-')}"
            print_row(label, case.spin, case.band_limit, direction, *summary)


def print_verdict(measured: Iterable[tuple[Case, dict[str, dict[str, Any]]]]) -> None:
    """Prints each peer's median and minimum as multiples of ours, and the required multiples."""
    print("\n### Time as a multiple of ours: median, minimum (required; bold: median too low)\n")
    measures = (statistics.median, min)
    peers = (f"{peer} (>= {factor:g})" for peer, factor in REQUIRED.items())
    print_header("grid", "L", "spin", "direction", *peers)
    for case, results in measured:
        for direction in DIRECTIONS:
            cells: list[str | None] = []
            for peer, factor in REQUIRED.items():
                middle, least = (ratio(results, peer, direction, of) for of in measures)
                text = f"{middle:.2f}, {least:.2f}" if middle and least else None
                cells.append(f"**{text}**" if middle and middle < factor else text)
            grid = "same" if case.same_grid else "own best"
            print_row(grid, case.band_limit, case.spin, direction, *cells)


def ratio(results: Any, library: str, direction: str, of: Any) -> float | None:
    """Returns the ratio of, for example, the medians; None if either was not measured."""
    times, ours = (results.get(name, {}).get(direction) for name in (library, OURS))
    return of(times) / of(ours) if times and ours else None


def print_header(*columns: str) -> None:
    """Prints the header of a table."""
    print_row(*columns)
    print_row(*("---" for _ in columns))


def print_row(*cells: Any) -> None:
    """Prints a row: floats with three digits or as whole numbers, None as a dash."""
    texts = [f"{c:{'.3g' if c < 100 else '.0f'}}" if isinstance(c, float) else c for c in cells]
    print("|", " | ".join("-" if text is None else str(text) for text in texts), "|", flush=True)


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Returns the result of a call, and the seconds that it took."""
    began = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - began


def peak_megabytes() -> float:
    """Returns the peak memory of this process; Linux reports kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
