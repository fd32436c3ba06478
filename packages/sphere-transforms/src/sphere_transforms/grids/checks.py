"""Checks that a grid, which may be a user's own class, has what a transform needs."""

from __future__ import annotations

import functools
import inspect
from typing import cast

import numpy as np

from sphere_transforms.grids.healpix import HealpixGrid
from sphere_transforms.grids.protocol import Grid

# The members that a transform reads. Drawing, pooling and integrals use the others.
_MEMBERS = (
    "shape",
    "band_limit",
    "colatitudes",
    "longitudes",
    "ring_colatitudes",
    "ring_lengths",
    "ring_offsets",
    "analysis",
)


def check_grid(grid: object) -> Grid:
    """Returns the grid if it fulfils the requirements of a transform.

    Args:
      grid: the grid that the user passed.

    Raises:
      ValueError: the grid lacks a member of the protocol or a hash, the shapes or types of its
        arrays do not match, its rings are not in order or not equally spaced, or a grid of shape
        (lat, long) has too few longitudes for its band limit.
    """
    if isinstance(grid, type):
        raise ValueError(f"grid is the class {grid.__name__}: give an object of it.")
    # A static look-up does not evaluate properties, which may compute arrays of many pixels.
    missing = [name for name in _MEMBERS if inspect.getattr_static(grid, name, None) is None]
    if missing:
        raise ValueError(
            f"grid is {grid!r}, which lacks {', '.join(missing)}: give a grid object such as "
            "EquiangularGrid(64), or complete yours as sphere_transforms.Grid describes."
        )
    try:
        _check_once(cast(Grid, grid))
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        raise ValueError(
            f"grid is {grid!r}, which has no hash ({error}): a grid is a constant; make it a "
            "frozen dataclass of numbers, strings and tuples."
        ) from error
    return cast(Grid, grid)


@functools.lru_cache(maxsize=64)
def _check_once(grid: Grid) -> None:
    # HealpixGrid has tests of its own, and keeps the arrays of all its pixels once they are read. A
    # subclass may have changed them.
    if type(grid) is HealpixGrid:
        return
    for name in _MEMBERS[2:-1]:
        array = getattr(grid, name)
        kinds = "iu" if name == "ring_lengths" else "f"
        if not isinstance(array, np.ndarray) or array.dtype.kind not in kinds:
            raise ValueError(
                f"{grid!r}: {name} is {array!r}; give a NumPy array of "
                f"{'integers' if kinds == 'iu' else 'floats'}."
            )
    rings = len(grid.ring_colatitudes)
    for name in ("ring_lengths", "ring_offsets"):
        if np.shape(getattr(grid, name)) != (rings,):
            raise ValueError(
                f"{grid!r}: {name} has shape {np.shape(getattr(grid, name))}, but there are "
                f"{rings} ring_colatitudes; give one entry for each ring."
            )
    if not np.all(np.diff(grid.ring_colatitudes) > 0):
        raise ValueError(
            f"{grid!r}: ring_colatitudes do not increase; list the rings from north to south."
        )
    if int(np.sum(grid.ring_lengths)) != int(np.prod(grid.shape)):
        raise ValueError(
            f"{grid!r}: its rings have {int(np.sum(grid.ring_lengths))} samples in all, but its "
            f"shape {tuple(grid.shape)} holds {int(np.prod(grid.shape))}."
        )
    if grid.analysis.resampling is None and len(grid.analysis.colatitudes) != rings:
        raise ValueError(
            f"{grid!r}: analysis has {len(grid.analysis.colatitudes)} nodes for {rings} rings, and "
            "no resampling from the rings to the nodes."
        )
    if len(grid.shape) == 2:
        _check_equal_rings(grid)
    else:
        _check_pixels(grid)


def _check_equal_rings(grid: Grid) -> None:
    count = grid.shape[1]
    if not np.all(np.asarray(grid.ring_lengths) == count):
        raise ValueError(
            f"{grid!r}: a grid of shape (lat, long) has {count} samples on every ring, but "
            "ring_lengths differ; give it the shape (pixel,)."
        )
    offset = float(grid.ring_offsets[0])
    expected = offset + 2 * np.pi * np.arange(count) / count
    steps = np.exp(1j * np.asarray(grid.longitudes)) / np.exp(1j * expected)
    if not (np.allclose(grid.ring_offsets, offset, atol=1e-9) and np.allclose(steps, 1, atol=1e-9)):
        raise ValueError(
            f"{grid!r}: its longitudes are not ring_offsets + 2 pi k / {count}, the same on every "
            "ring; a grid of shape (lat, long) needs equally spaced ones. Give ring_offsets the "
            "first longitude, or the grid the shape (pixel,)."
        )
    if 2 * grid.band_limit - 1 > count:
        raise ValueError(
            f"{grid!r} claims band limit {grid.band_limit}, but {count} longitudes carry degrees "
            f"below {(count + 1) // 2} only: lower its band_limit."
        )


def _check_pixels(grid: Grid) -> None:
    lengths = grid.ring_lengths
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    steps = (np.arange(len(first)) - first) / np.repeat(lengths, lengths)
    expected = {
        "colatitudes": np.repeat(grid.ring_colatitudes, lengths),
        "longitudes": np.repeat(grid.ring_offsets, lengths) + 2 * np.pi * steps,
    }
    for name, angles in expected.items():
        found = getattr(grid, name)
        # As points on the circle: longitudes may differ by whole turns.
        if found.shape != angles.shape or not np.allclose(
            np.exp(1j * found), np.exp(1j * angles), atol=1e-9
        ):
            raise ValueError(
                f"{grid!r}: its {name} are not those of its rings, which have the colatitudes "
                "ring_colatitudes and the longitudes ring_offsets + 2 pi k / ring_lengths; list "
                "the pixels ring after ring, eastwards."
            )
