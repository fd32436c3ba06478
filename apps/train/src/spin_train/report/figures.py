"""Draws fields on the sphere, as images in HTML."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from spin_data import brightest_direction, one_map
from spin_train.analysis import FeatureMap, LargeLossExample

_PER_ROW = 6
_DOTS_PER_INCH = 96


def draw_examples(examples: Sequence[LargeLossExample], grid: Any, titles: Sequence[str]) -> str:
    """Returns an <img> of globes, each seen from its brightest direction."""
    from sphere_transforms.drawing import draw_field

    if not examples:
        return ""
    rows = -(-len(examples) // _PER_ROW)
    figure, axes = _figure(rows, min(_PER_ROW, len(examples)), height=2.05)
    for axis, example, title in zip(axes.flat, examples, titles, strict=False):
        spin = min(example.field, key=abs)
        values = one_map(example.field[spin], spin)
        draw_field(
            values,
            grid,
            spin=spin,
            ax=axis,
            center=brightest_direction(values, grid),
            num_pixels=240,
        )
        axis.set_title(title, fontsize=8, parse_math=False)  # names may contain a $
    for axis in axes.flat[len(examples) :]:
        axis.axis("off")
    return _image(figure, "the examples with the largest losses, on the sphere")


def draw_feature_maps(maps: Sequence[FeatureMap]) -> str:
    """Returns an <img> with two rows of globes, before and after the rotation."""
    from sphere_transforms.drawing import draw_field

    figure, axes = _figure(2, len(maps), height=2.0)
    for column, shown in enumerate(maps):
        low, high = _limits(shown)
        for row, values in enumerate((shown.before, shown.after)):
            axis = axes[row, column]
            if not shown.spin and np.iscomplexobj(values):
                values = np.abs(values)
            draw_field(
                values,
                shown.grid,
                spin=shown.spin,
                ax=axis,
                center=shown.center,
                limits=(low, high),
                colormap="RdBu_r" if low < 0 else "viridis",
                num_pixels=240,
                num_glyphs=350,
            )
            if row == 0:
                title = f"{shown.layer}, spin {shown.spin}"
                axis.set_title(title, fontsize=9, parse_math=False)
    axes[0, 0].annotate("before", (-0.12, 0.5), xycoords="axes fraction", rotation=90, va="center")
    axes[1, 0].annotate("after", (-0.12, 0.5), xycoords="axes fraction", rotation=90, va="center")
    return _image(figure, "feature maps before and after a rotation of the input")


def _limits(shown: FeatureMap) -> tuple[float, float]:
    """Returns one scale for both pictures, which single samples near a pole do not affect."""
    both = np.stack([shown.before, shown.after])
    if shown.spin or np.iscomplexobj(both):
        return 0.0, max(float(np.percentile(np.abs(both), 99.5)), 1e-12)
    low, high = (float(value) for value in np.percentile(both, (0.5, 99.5)))
    if low < -0.25 * high < 0:  # more than the ringing at an edge
        return -max(-low, high), max(-low, high)
    return (max(low, 0.0), high) if high > 0 else (low, low + 1.0)


def _figure(rows: int, columns: int, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(1.85 * columns, height * rows), layout="constrained", facecolor="white"
    )
    return figure, figure.subplots(rows, columns, squeeze=False)


def _image(figure: Any, description: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<div class="wide"><img alt="{description}" src="data:image/png;base64,{encoded}"></div>'
    )
