"""Line charts as inline SVG, styled by the page they stand in."""

import dataclasses
import math
from collections.abc import Sequence
from html import escape

# In units of the viewBox; the page scales the chart.
_WIDTH, _HEIGHT = 560.0, 320.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 66.0, 16.0, 58.0, 46.0

# A page with a chart includes this. Colours: Okabe and Ito, told apart by the colour-blind; the
# second set is lighter, for dark backgrounds.
CHART_STYLE = """
.chart { --line-0: #0072b2; --line-1: #d55e00; --line-2: #009e73; width: 100%; height: auto; }
@media (prefers-color-scheme: dark) {
  .chart { --line-0: #56b4e9; --line-1: #f0a35e; --line-2: #4fd1a5; }
}
.chart text { font: 12px system-ui, sans-serif; fill: var(--muted); }
.chart .title { font-size: 15px; font-weight: 600; fill: var(--ink); }
.chart .grid { stroke: var(--rule); stroke-width: 1; }
.chart .axis { stroke: var(--muted); stroke-width: 1; fill: none; }
.chart .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.chart .line-0 { stroke: var(--line-0); } .chart .dot-0 { fill: var(--line-0); }
.chart .line-1 { stroke: var(--line-1); } .chart .dot-1 { fill: var(--line-1); }
.chart .line-2 { stroke: var(--line-2); } .chart .dot-2 { fill: var(--line-2); }
"""


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
      label: for the legend.
      points: (x, y) pairs, x ascending; those that are not finite are left out.
      has_dots: whether each point is marked; a mark's tooltip has its value.
    """

    label: str
    points: Sequence[tuple[float, float]]
    has_dots: bool = False


@dataclasses.dataclass(frozen=True)
class Axis:
    """A scale from values to positions.

    Attributes:
      low: value at `start`.
      high: value at `end`.
      start: position of `low`.
      end: position of `high`.
      is_logarithmic: whether equal ratios are equal distances.
      ticks: values to label.
    """

    low: float
    high: float
    start: float
    end: float
    is_logarithmic: bool
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        """Returns the position of a value."""
        low, high = self.low, self.high
        if self.is_logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    logarithmic: bool = False,
    includes: Sequence[float] = (),
) -> str:
    """Draws lines over common axes.

    Args:
      title: what the chart shows.
      lines: at most three; those without a point are left out.
      x_label: name of the horizontal axis.
      y_label: name of the vertical axis, with its unit if it has one.
      logarithmic: whether the vertical axis may be logarithmic: it is where all values are
        positive and span more than a factor of 20.
      includes: values that the vertical axis shows in any case.

    Returns:
      An `<svg>` element; empty text if no line has a point. The page must hold `CHART_STYLE` and
      define the colours --ink, --muted and --rule.
    """
    drawn = [dataclasses.replace(line, points=_finite(line.points)) for line in lines]
    drawn = [line for line in drawn if line.points]
    if not drawn:
        return ""
    xs = [x for line in drawn for x, _ in line.points]
    ys = [y for line in drawn for _, y in line.points]
    x_axis = linear_axis(min(0.0, *xs), max(xs), _LEFT, _WIDTH - _RIGHT, snap=False)
    spans_decades = min(ys) > 0 and max(ys) > 20 * min(ys)
    make_axis = logarithmic_axis if logarithmic and spans_decades else linear_axis
    ys += includes
    y_axis = make_axis(min(ys), max(ys), _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" '
        f'aria-label="{escape(title)}">',
        f'<text class="title" x="{_LEFT:g}" y="20">{escape(title)}</text>',
        *_axes(x_axis, y_axis, x_label, y_label),
        *_legend(drawn),
    ]
    for number, line in enumerate(drawn):
        parts += _line(number, line, x_axis, y_axis)
    return "\n".join([*parts, "</svg>"])


def linear_axis(low: float, high: float, start: float, end: float, *, snap: bool = True) -> Axis:
    """Makes an axis whose ticks are multiples of 1, 2 or 5 times a power of ten.

    Args:
      low: smallest value to show.
      high: largest.
      start: position of the axis' beginning.
      end: position of its end.
      snap: whether it is widened to whole ticks.
    """
    if high <= low:
        margin = abs(low) / 2 or 0.5
        low, high = low - margin, high + margin
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    if snap:
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = tuple(number * step for number in range(first, last + 1))
    return Axis(low, high, start, end, False, ticks)


def logarithmic_axis(low: float, high: float, start: float, end: float) -> Axis:
    """Makes a logarithmic axis; ticks are powers of ten, with 2 and 5 between if they are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if last - first <= 3 else (1,)
    ticks = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
    low = max(tick for tick in ticks if tick <= low * (1 + 1e-9))
    high = min(tick for tick in ticks if tick >= high * (1 - 1e-9))
    return Axis(low, high, start, end, True, tuple(t for t in ticks if low <= t <= high))


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _axes(x_axis: Axis, y_axis: Axis, x_label: str, y_label: str) -> list[str]:
    left, right, top, bottom = _LEFT, _WIDTH - _RIGHT, _TOP, _HEIGHT - _BOTTOM
    parts = []
    for tick in y_axis.ticks:
        y = y_axis(tick)
        parts.append(f'<path class="grid" d="M{left:g} {y:.1f}H{right:g}"/>')
        parts.append(
            f'<text x="{left - 8:g}" y="{y + 4:.1f}" text-anchor="end">{_number(tick)}</text>'
        )
    for tick in x_axis.ticks:
        x = x_axis(tick)
        parts.append(f'<path class="axis" d="M{x:.1f} {bottom:g}v5"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 18:g}" text-anchor="middle">{_number(tick)}</text>'
        )
    parts.append(f'<path class="axis" d="M{left:g} {top:g}V{bottom:g}H{right:g}"/>')
    parts.append(
        f'<text x="{(left + right) / 2:g}" y="{_HEIGHT - 8:g}" text-anchor="middle">'
        f"{escape(x_label)}</text>"
    )
    middle = (top + bottom) / 2
    parts.append(
        f'<text x="14" y="{middle:g}" text-anchor="middle" '
        f'transform="rotate(-90 14 {middle:g})">{escape(y_label)}</text>'
    )
    return parts


def _legend(lines: Sequence[Line]) -> list[str]:
    parts, x = [], _LEFT
    for number, line in enumerate(lines):
        parts.append(f'<path class="line line-{number}" d="M{x:g} 40h18"/>')
        if line.has_dots:
            parts.append(f'<circle class="dot-{number}" cx="{x + 9:g}" cy="40" r="3"/>')
        parts.append(f'<text x="{x + 24:g}" y="44">{escape(line.label)}</text>')
        x += 24 + 7 * len(line.label) + 22
    return parts


def _line(number: int, line: Line, x_axis: Axis, y_axis: Axis) -> list[str]:
    places = [(x_axis(x), y_axis(y)) for x, y in line.points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    parts = [f'<path class="line line-{number}" d="M{path}"/>'] if len(places) > 1 else []
    if line.has_dots or len(places) == 1:
        parts += [
            f'<circle class="dot-{number}" cx="{x:.1f}" cy="{y:.1f}" r="3">'
            f"<title>{escape(line.label)}, {_number(value_x)}: {value_y:.5g}</title></circle>"
            for (x, y), (value_x, value_y) in zip(places, line.points, strict=True)
        ]
    return parts


def _number(value: float) -> str:
    """Writes a tick's value: 22,500 or 0.05 or 1e-05."""
    if value == 0:
        return "0"
    if abs(value) >= 1000 and value == int(value):
        return f"{int(value):,}"
    return f"{value:.6g}" if abs(value) >= 0.001 else f"{value:.1e}".replace(".0e", "e")
