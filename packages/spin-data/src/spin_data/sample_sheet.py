"""Draws a sheet of samples, each as a globe and as an equirectangular map."""

from typing import Any

import numpy as np

import sphere_transforms
from spin_data.dataset import Dataset
from spin_data.encoding import read_fields
from spin_registry import ClassSpec

__all__ = ["brightest_direction", "draw_samples", "one_map"]

_GLYPHS = 900  # on the whole sphere, for spins other than 0


def draw_samples(
    dataset: Dataset, *, split: str, count: int = 6, seed: int = 0, title: str = ""
) -> Any:
    """Draws samples of a split.

    The sheet has a row of globes and a row of equirectangular maps for each spin weight. A globe is
    seen from the direction in which the sample is brightest. For spin 0 the mean over channels is
    drawn. For other spins the first channel is drawn, with its modulus as colour and its direction
    as glyphs.

    Args:
      dataset: a dataset.
      split: the name of the split.
      count: the number of samples, at least 1.
      seed: selects the samples.
      title: the first words of the figure's title.

    Returns:
      The matplotlib figure.

    Raises:
      ImportError: matplotlib is not installed.
      ValueError: there is no such split, or `count` is not positive.
    """
    from sphere_transforms.drawing import draw_field

    if split not in dataset.splits:
        raise ValueError(f"no split {split!r}; the dataset has {', '.join(dataset.splits)}")
    if count < 1:
        raise ValueError(f"count is {count}, expected 1 or more")
    source, grid = dataset.splits[split], dataset.input.grid
    count = min(count, len(source))
    indices = np.sort(np.random.default_rng(seed).choice(len(source), count, replace=False))
    decoded, labels = read_fields(source, indices)
    fields = {spin: np.asarray(values) for spin, values in decoded.items()}

    figure, axes = _axes(2 * len(fields), count)
    for row, spin in enumerate(sorted(fields)):
        for column in range(count):
            values = one_map(fields[spin][column], spin)
            globe, flat = axes[2 * row, column], axes[2 * row + 1, column]
            center = brightest_direction(values, grid)
            draw_field(
                values, grid, spin=spin, ax=globe, center=center, num_pixels=300, num_glyphs=_GLYPHS
            )
            draw_field(
                values,
                grid,
                spin=spin,
                ax=flat,
                projection="equirectangular",
                center=(np.pi / 2, np.pi),
                num_pixels=200,
                num_glyphs=_GLYPHS,
            )
            if row == 0:
                globe.set_title(_label(dataset, labels, column, int(indices[column])), fontsize=9)
    spins = ", ".join(f"spin {spin} ({n})" for spin, n in sorted(dataset.input.channels.items()))
    figure.suptitle(f"{title} {split}: {len(source)} samples of {spins} on {grid}", fontsize=10)
    return figure


def brightest_direction(values: np.ndarray, grid: Any) -> tuple[float, float]:
    """Returns the direction in which a map is brightest: the centre of mass of its modulus.

    Args:
      values: one map, of the grid's shape, real or complex.
      grid: the grid.

    Returns:
      Colatitude and longitude in radians; (pi / 3, 0) if the map has no brightest direction.
    """
    # Pixels have equal areas; samples of a ring get fewer of it towards the poles.
    areas = np.sin(grid.colatitudes)[:, None] if len(grid.shape) == 2 else 1.0
    weight = np.abs(values) * areas
    points, _, _ = sphere_transforms.unit_vectors(*grid.points)
    x, y, z = center = weight.ravel() @ points.reshape(-1, 3)
    length = float(np.linalg.norm(center))
    if length <= 1e-3 * weight.sum() or not length:
        return np.pi / 3, 0.0
    return float(np.arccos(np.clip(z / length, -1, 1))), float(np.arctan2(y, x))


def one_map(values: np.ndarray, spin: int) -> np.ndarray:
    """Reduces the channels of a field to one map, for drawing.

    Args:
      values: (*grid.shape, channel).
      spin: the field's spin weight.

    Returns:
      One map, of the grid's shape. For spin 0, the mean over channels, of the modulus if the values
      are complex. For other spins, the first channel.
    """
    if spin:
        return np.asarray(values[..., 0])
    return np.asarray(np.abs(values) if np.iscomplexobj(values) else values).mean(-1)


def _axes(rows: int, columns: int) -> Any:
    try:
        from matplotlib import figure as figures
    except ImportError as error:
        raise ImportError('a sheet needs matplotlib: pip install "spin-data[plot]"') from error

    figure = figures.Figure(
        figsize=(2.1 * columns, 1.65 * rows + 0.4), layout="constrained", facecolor="white"
    )
    ratios = [2, 1.1] * (rows // 2)
    return figure, figure.subplots(
        rows, columns, squeeze=False, gridspec_kw={"height_ratios": ratios}
    )


def _label(dataset: Dataset, labels: Any, column: int, index: int) -> str:
    if isinstance(dataset.output, ClassSpec):
        return f"{index}: label {int(labels[column])}"
    return str(index)
