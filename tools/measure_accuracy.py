"""Measures the errors of the transforms of sphere-transforms, for its README.

Usage: python tools/measure_accuracy.py [--band-limits 64 256 1024]

Prints two Markdown tables: the error of forward(inverse(a)) for random coefficients a, and of
inverse(a) against ducc0, if that is installed. Each row is measured in a new process, which keeps
memory use low. x64 is enabled only for float64, so that float32 runs as it does for users.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import importlib.metadata
import importlib.util
import multiprocessing
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

SPINS = (0, 1, 10)
SPINS_AGAINST_DUCC0 = (0, 1, 2, 10)
TABLES_LIMIT = 2_500_000_000  # bytes; memory may hold two copies while tables are built


@dataclasses.dataclass(frozen=True)
class Case:
    """What one row measures."""

    grid: str
    band_limit: int
    method: str
    dtype: str


# Relative to the expected values, in the L2 norm and in the maximum norm.
Errors = tuple[float, float]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--band-limits", type=int, nargs="+", default=[64, 256, 1024])
    band_limits = sorted(parser.parse_args().band_limits)
    if band_limits[0] <= max(SPINS_AGAINST_DUCC0):
        parser.error(f"--band-limits has {band_limits[0]}; spin 10 needs 11 or more.")
    ducc0 = importlib.util.find_spec("ducc0") is not None
    packages = ("sphere-transforms", "jax", "numpy", *["ducc0"] * ducc0)
    versions = (f"{name} {importlib.metadata.version(name)}" for name in packages)
    print(f"{platform.machine()}, Python {platform.python_version()}, {', '.join(versions)}")
    print("\nRelative errors, in the L2 norm / in the maximum norm.")

    print("\n### forward(inverse(a)) against a, random\n")
    middle = band_limits[len(band_limits) // 2]
    grids = [("EquiangularGrid", size) for size in band_limits]
    grids += [(name, middle) for name in ("GaussLegendreGrid", "McEwenWiauxGrid")]
    print_table(round_trip, SPINS, grids)
    if ducc0:
        print("\n### inverse(a) against ducc0.sht.synthesis_2d in float64\n")
        print_table(against_ducc0, SPINS_AGAINST_DUCC0, grids[: len(band_limits)])
    else:
        print("\nNo comparison with ducc0, which is not installed: pip install ducc0")


def print_table(
    measure: Callable[[Case, int], Errors | None],
    spins: Sequence[int],
    grids: Iterable[tuple[str, int]],
) -> None:
    """Prints a row for each grid, dtype and method, each measured in a new process."""
    print_row("grid", "L", "dtype", "method", *(f"spin {spin}" for spin in spins))
    print_row(*["---"] * (4 + len(spins)))
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=spawn, max_tasks_per_child=1
    ) as processes:
        for grid, band_limit in grids:
            for dtype in ("float64", "float32"):
                for method in ("tables", "recursion"):
                    case = Case(grid, band_limit, method, dtype)
                    print(f"{measure.__name__} {case}", file=sys.stderr)
                    row = processes.submit(measure_row, measure, case, spins).result()
                    print_row(grid, band_limit, dtype, method, *map(cell, row))


def measure_row(
    measure: Callable[[Case, int], Errors | None], case: Case, spins: Iterable[int]
) -> list[Errors | None]:
    """Runs in the process: returns the errors of each spin, None if the tables are too large."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["JAX_ENABLE_X64"] = str(int(case.dtype == "float64"))
    return [measure(case, spin) for spin in spins]


def round_trip(case: Case, spin: int) -> Errors | None:
    """Returns the errors of forward(inverse(a)) against a."""
    import jax

    transform = make_transform(case, spin)
    if transform is None:
        return None
    coefficients = draw(case, spin)
    field = jax.jit(lambda t, a: t.inverse({spin: a}, real_scalars=True))(transform, coefficients)
    result = jax.jit(lambda t, x: t.forward(x))(transform, field)[spin]
    return errors(result, coefficients)


def against_ducc0(case: Case, spin: int) -> Errors | None:
    """Returns the errors of inverse(a) against ducc0 in float64, from the same coefficients."""
    import ducc0
    import jax
    import jax.numpy as jnp

    from sphere_transforms.fields import to_ducc0

    transform = make_transform(case, spin)
    if transform is None:
        return None
    coefficients = draw(case, spin)
    field = jax.jit(lambda t, a: t.inverse({spin: a}, real_scalars=True))(transform, coefficients)
    with jax.enable_x64(True):
        alm = to_ducc0({spin: jnp.asarray(coefficients, np.complex128)})[spin]
    rings, longitudes = transform.grid.shape
    maps = ducc0.sht.synthesis_2d(
        alm=np.asarray(alm)[0, 0],
        spin=spin,
        lmax=case.band_limit - 1,
        geometry="CC",
        ntheta=rings,
        nphi=longitudes,
        nthreads=os.cpu_count(),
    )
    expected = maps[0] if spin == 0 else maps[0] + 1j * maps[1]
    return errors(np.asarray(field[spin])[0, :, :, 0], expected)


def make_transform(case: Case, spin: int) -> Any:
    """Returns the transform, or None if its tables would be too large."""
    from sphere_transforms import SpinTransform, grids

    argument = case.band_limit * (2 if case.grid == "EquiangularGrid" else 1)
    grid = getattr(grids, case.grid)(argument)
    estimate = SpinTransform(grid, (spin,), dtype=case.dtype, method="recursion").memory
    if case.method == "tables" and estimate.tables > TABLES_LIMIT:
        return None
    return SpinTransform(grid, (spin,), dtype=case.dtype, method=case.method)


def draw(case: Case, spin: int) -> Any:
    """Returns random coefficients of one field, which is real for spin 0."""
    import jax

    from sphere_transforms import random_coefficients

    key, size = jax.random.key(spin), case.band_limit
    return random_coefficients(key, {spin: 1}, size, real_scalars=True, dtype=case.dtype)[spin]


def errors(result: Any, expected: Any) -> Errors:
    """Returns the errors in the L2 norm and in the maximum norm, relative to `expected`."""
    result, expected = np.asarray(result, np.complex128), np.asarray(expected, np.complex128)
    difference, size = np.abs(result - expected).ravel(), np.abs(expected).ravel()
    return (
        float(np.linalg.norm(difference) / np.linalg.norm(size)),
        float(difference.max() / size.max()),
    )


def cell(value: Errors | None) -> str:
    """Returns both errors as text, or a dash for None."""
    return "-" if value is None else f"{value[0]:.1e} / {value[1]:.1e}"


def print_row(*cells: Any) -> None:
    """Prints a row of a Markdown table."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
