"""Draws line charts with matplotlib, as inline SVG in the colours of the page."""

import dataclasses
import io
import math
import re
from collections.abc import Sequence
from html import escape
from typing import Any

_INK, _MUTED, _RULE = "#010101", "#020202", "#030303"  # placeholders for the page's colours
_PAGE_COLOURS = {_INK: "var(--ink)", _MUTED: "var(--muted)", _RULE: "var(--rule)"}

# Okabe and Ito's colours. Colour-blind people can tell them apart, and they are visible on light
# and on dark pages.
_LINE_COLOURS = ("#3a8fc9", "#d9762c", "#2fa583")

CHART_STYLE = """
.charts svg { width: 100%; height: auto; }
"""


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
      label: text in the legend.
      points: (x, y) pairs, with x ascending; points that are not finite are left out.
      has_dots: whether to mark each point.
    """

    label: str
    points: Sequence[tuple[float, float]]
    has_dots: bool = False


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    logarithmic: bool = False,
    includes: Sequence[float] = (),
) -> str:
    """Draws lines on common axes.

    Args:
      title: what the chart shows.
      lines: at most three lines; lines without points are left out.
      x_label: name of the horizontal axis.
      y_label: name of the vertical axis, with its unit if it has one.
      logarithmic: whether the vertical axis may be logarithmic. It is logarithmic if all values are
        positive and span more than a factor of 20.
      includes: values that a linear vertical axis always includes.

    Returns:
      An `<svg>` element; "" if no line has a point. The page must include `CHART_STYLE` and define
      the colours --ink, --muted and --rule.
    """
    drawn = [dataclasses.replace(line, points=_finite(line.points)) for line in lines]
    drawn = [line for line in drawn if line.points]
    if not drawn:
        return ""
    figure, axes = _axes(title, x_label, y_label)
    for line, colour in zip(drawn, _LINE_COLOURS, strict=False):
        xs, ys = zip(*line.points, strict=True)
        marker = "o" if line.has_dots or len(xs) == 1 else ""
        label = line.label.replace("$", r"\$")  # not a formula
        axes.plot(xs, ys, color=colour, marker=marker, markersize=4, linewidth=1.6, label=label)
    values = [y for line in drawn for _, y in line.points]
    if logarithmic and min(values) > 0 and max(values) > 20 * min(values):
        axes.set_yscale("log")
    elif includes:
        margin = 0.04 * (max(*includes, *values) - min(*includes, *values))
        axes.set_ylim(min(*includes, *values) - margin, max(*includes, *values) + margin)
    if all(float(x).is_integer() for line in drawn for x, _ in line.points):
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlim(left=min(0.0, *(x for line in drawn for x, _ in line.points)))
    axes.legend(loc="best", frameon=False, labelcolor=_MUTED)
    return _svg(figure, title)


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _axes(title: str, x_label: str, y_label: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", color=_INK, fontsize=11, fontweight="bold")
    axes.set_xlabel(x_label, color=_MUTED)
    axes.set_ylabel(y_label, color=_MUTED)
    axes.tick_params(which="both", colors=_MUTED)
    axes.grid(axis="y", color=_RULE, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_MUTED)
    axes.patch.set_visible(False)
    return figure, axes


def _svg(figure: Any, title: str) -> str:
    import matplotlib

    buffer = io.StringIO()
    options: Any = {"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif"}
    with matplotlib.rc_context(options):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    # A page has several charts: their definitions must have different names.
    prefix = re.sub(r"\W+", "-", title.lower())
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    for colour, variable in _PAGE_COLOURS.items():
        svg = svg.replace(colour, variable)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1)
