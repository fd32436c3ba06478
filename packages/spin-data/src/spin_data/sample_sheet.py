"""A sheet of samples: each on a globe that shows where it is bright, and as a map of the sphere."""

from typing import Any

import numpy as np

from spin_data.dataset import Dataset, read_batch
from spin_data.encoding import decode_fields
from spin_data.turned_grid import directions_and_frames
from spin_registry import ClassSpec

__all__ = ["brightest_direction", "draw_samples"]

_GLYPHS = 900  # on the whole sphere, for spins other than 0


def draw_samples(
    dataset: Dataset, *, split: str, count: int = 6, seed: int = 0, title: str = ""
) -> Any:
    """Draws some samples of a split.

    Of each spin weight a row of globes and a row of equirectangular maps. Spin 0 is the mean of its
    channels; of other spins the first channel is drawn, modulus in colour and direction by glyphs.

    Args:
        dataset: on a ring grid.
        split: its name.
        count: how many samples, at least 1.
        seed: which ones.
        title: of the figure.

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
    batch = read_batch(source, indices)
    fields = {spin: np.asarray(values) for spin, values in decode_fields(batch["input"]).items()}

    figure, axes = _axes(2 * len(fields), count)
    for row, spin in enumerate(sorted(fields)):
        for column in range(count):
            values = _one_map(fields[spin][column], spin)
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
                globe.set_title(_label(dataset, batch, column, int(indices[column])), fontsize=9)
    spins = ", ".join(f"spin {spin} ({n})" for spin, n in sorted(dataset.input.channels.items()))
    figure.suptitle(f"{title} {split}: {len(source)} samples of {spins} on {grid}", fontsize=10)
    return figure


def brightest_direction(values: np.ndarray, grid: Any) -> tuple[float, float]:
    """Where to look at a map from: the centre of mass of its modulus.

    Args:
        values: (lat, long), real or complex.
        grid: a ring grid.

    Returns:
        Colatitude and longitude in radians; a place in the north where nothing stands out.
    """
    weight = np.abs(values) * np.sin(grid.colatitudes)[:, None]
    x, y, z = center = directions_and_frames(grid)[0] @ weight.ravel()
    length = float(np.linalg.norm(center))
    if length <= 1e-3 * weight.sum() or not length:
        return np.pi / 3, 0.0
    return float(np.arccos(np.clip(z / length, -1, 1))), float(np.arctan2(y, x))


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


def _one_map(values: np.ndarray, spin: int) -> np.ndarray:
    if spin:
        return np.asarray(values[..., 0])
    return np.asarray(np.abs(values) if np.iscomplexobj(values) else values).mean(-1)


def _label(dataset: Dataset, batch: dict[str, Any], column: int, index: int) -> str:
    if isinstance(dataset.output, ClassSpec):
        return f"{index}: label {int(batch['label'][column])}"
    return str(index)
