"""The sections of a report about the trained model: its mistakes, and the effect of rotations."""

from collections.abc import Sequence
from html import escape

import numpy as np

from spin_train.analysis import SHOWN_DEGREES, ModelAnalysis, Rotations
from spin_train.report.figures import draw_examples, draw_feature_maps
from spin_train.report.line_charts import Line, line_chart
from spin_train.report.tables import confusion_table, percent, table

_LARGEST_MATRIX = 30
_WORST_PAIRS = 20


def model_sections(analysis: ModelAnalysis) -> str:
    """Returns the sections as HTML."""
    return "\n".join(
        (
            _mistakes(analysis),
            _largest_losses(analysis),
            _rotations(analysis.rotations),
            _feature_maps(analysis.rotations),
            *(
                f'<p class="note">Not measured: {escape(r)}.</p>'
                for r in analysis.rotations.remarks
            ),
        )
    )


def _mistakes(analysis: ModelAnalysis) -> str:
    matrix, names = analysis.confusion, analysis.names
    total, right = int(matrix.sum()), int(np.trace(matrix))
    wrong_count = f"{total - right:,} of {total:,}"
    note = f"{wrong_count} examples of the split {analysis.split!r} are misclassified."
    if len(names) <= _LARGEST_MATRIX:
        shown = confusion_table(matrix, names)
    else:
        wrong = matrix * (1 - np.eye(len(names), dtype=int))
        worst = np.argsort(-wrong, axis=None, kind="stable")[:_WORST_PAIRS]
        pairs = [np.unravel_index(place, wrong.shape) for place in worst if wrong.flat[place]]
        shown = table(
            ("true class", "predicted class", "examples"),
            ((names[i], names[j], wrong[i, j]) for i, j in pairs),
        )
    return _section("Confusion", note, shown)


def _largest_losses(analysis: ModelAnalysis) -> str:
    titles = [
        f"{_short(analysis.names[example.label])}, predicted "
        f"{_short(analysis.names[example.predicted])} ({100 * example.probability:.0f}%)"
        if example.label != example.predicted
        else f"{_short(analysis.names[example.label])} ({100 * example.probability:.0f}%)"
        for example in analysis.largest_losses
    ]
    picture = draw_examples(analysis.largest_losses, analysis.grid, titles)
    note = "The examples with the largest loss, and the probability of the predicted class."
    indices = ", ".join(str(example.index) for example in analysis.largest_losses)
    return _section("Hardest examples", f"{note} Their indices in the split: {indices}.", picture)


def _rotations(rotations: Rotations) -> str:
    if not rotations.accuracy:
        return ""
    curve = [(float(degrees), value) for degrees, value in rotations.accuracy.items()]
    charts = [
        line_chart(
            "Accuracy by rotation angle",
            [Line("accuracy", curve, has_dots=True)],
            x_label="angle in degrees, about a random axis",
            y_label="accuracy",
            includes=(0.0, 1.0),  # so that a constant accuracy looks constant
        )
    ]
    rows: list[Sequence[object]] = []
    if rotations.layer_errors:
        errors = list(rotations.layer_errors.items())
        charts.append(
            line_chart(
                "Equivariance error by layer",
                [Line("error", [(i, e) for i, (_, e) in enumerate(errors, 1)], has_dots=True)],
                x_label="layer",
                y_label="relative error",
                logarithmic=True,
            )
        )
        rows += [(name, f"{error:.2e}") for name, error in errors]
    if rotations.invariance_error is not None:
        rows.append(("outputs", f"{rotations.invariance_error:.2e}"))
    note = (
        f"Measured on the first {rotations.examples} examples. Degrees above the grid's band limit "
        "are removed from the inputs, so that rotating them is exact. The error of a layer "
        "compares the layer's output for the rotated input with the rotated output for the "
        "original input: it is the norm of their difference, divided by the norm of the output. "
        "It is computed from coefficients below the layer's band limit, with one random rotation "
        f"for each example. The median over {rotations.layer_examples} examples is shown. The "
        "error of the outputs is the root mean square of their change under rotation, divided by "
        "their standard deviation over the examples."
    )
    figures = "\n".join(f"<figure>{chart}</figure>" for chart in charts)
    lowest, highest = min(rotations.accuracy.values()), max(rotations.accuracy.values())
    spread = f"Accuracy is between {percent(lowest)} and {percent(highest)} over all angles."
    return _section(
        "Rotations",
        f"{note} {spread}",
        f'<div class="charts">{figures}</div>\n{table(("layer", "relative error"), rows)}',
    )


def _feature_maps(rotations: Rotations) -> str:
    if not rotations.feature_maps:
        return ""
    note = (
        "The first example and some of its features, before (above) and after (below) the input is "
        f"rotated by {SHOWN_DEGREES} degrees about the direction in the middle of each picture. "
        "For each spin, the channel that varies most is shown. For spins other than 0, colour is "
        "the modulus, and glyphs show the direction. Equivariant features rotate with the input."
    )
    return _section("Feature maps", note, draw_feature_maps(rotations.feature_maps))


def _section(title: str, note: str, content: str) -> str:
    return f'<h2>{title}</h2>\n<p class="note">{escape(note)}</p>\n{content}'


def _short(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}…"
