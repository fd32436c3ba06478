"""The part of a report that is about the trained model: mistakes, and rotations."""

import dataclasses
from collections.abc import Sequence
from html import escape

import numpy as np

import spin_data
from spin_train.analysis import (
    Hardest,
    Rotations,
    TrainedModel,
    confusion_matrix,
    hardest,
    measure_rotations,
    predict_split,
)
from spin_train.analysis.rotations import SHOWN_DEGREES
from spin_train.report.figures import draw_feature_maps, draw_hardest
from spin_train.report.line_chart import Line, line_chart
from spin_train.report.tables import confusion_table, percent, table

_MOST_PREDICTIONS = 10_000
_HARDEST = 12
_LARGEST_MATRIX = 30
_WORST_PAIRS = 20


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was found out about a trained model.

    Attributes:
      split: the split that it was looked at with.
      names: of the classes.
      confusion: counts, (true class, predicted class).
      hardest: the examples of the largest losses.
      rotations: how it takes rotations.
      grid: of the inputs.
    """

    split: str
    names: tuple[str, ...]
    confusion: np.ndarray
    hardest: list[Hardest]
    rotations: Rotations
    grid: object


def find_out(
    model: TrainedModel, source: spin_data.RandomAccessSource, split: str, examples: int
) -> Findings:
    """Looks at a trained model.

    Args:
      model: a classifier.
      source: examples to look at it with.
      split: their split's name.
      examples: how many of them are turned; for the mistakes, up to 10,000 are looked at.
    """
    predictions = predict_split(model, source, _MOST_PREDICTIONS)
    num_classes = model.output.num_classes
    return Findings(
        split,
        tuple(model.class_name(label) for label in range(num_classes)),
        confusion_matrix(predictions, num_classes),
        hardest(predictions, source, _HARDEST),
        measure_rotations(model, source, examples),
        model.input.grid,
    )


def findings_sections(findings: Findings) -> str:
    """Returns the sections of a page."""
    return "\n".join(
        (
            _mistakes(findings),
            _hardest(findings),
            _rotations(findings.rotations),
            _feature_maps(findings.rotations),
            *(
                f'<p class="note">Not measured: {escape(r)}.</p>'
                for r in findings.rotations.remarks
            ),
        )
    )


def _mistakes(findings: Findings) -> str:
    matrix, names = findings.confusion, findings.names
    total, right = int(matrix.sum()), int(np.trace(matrix))
    note = f"Of {total:,} examples of {findings.split!r}, {total - right:,} are mistaken."
    if len(names) <= _LARGEST_MATRIX:
        shown = confusion_table(matrix, names)
    else:
        wrong = matrix * (1 - np.eye(len(names), dtype=int))
        worst = np.argsort(-wrong, axis=None, kind="stable")[:_WORST_PAIRS]
        pairs = [np.unravel_index(place, wrong.shape) for place in worst if wrong.flat[place]]
        shown = table(
            ("true class", "taken for", "times"),
            ((names[i], names[j], wrong[i, j]) for i, j in pairs),
        )
    return _section("Confusion", note, shown)


def _hardest(findings: Findings) -> str:
    titles = [
        f"{_short(findings.names[example.label])} taken for "
        f"{_short(findings.names[example.predicted])} ({100 * example.probability:.0f}%)"
        if example.label != example.predicted
        else f"{_short(findings.names[example.label])} ({100 * example.probability:.0f}%)"
        for example in findings.hardest
    ]
    picture = draw_hardest(findings.hardest, findings.grid, titles)
    note = "Those of the largest loss, with the probability of the predicted class."
    indices = ", ".join(str(example.index) for example in findings.hardest)
    return _section("Hardest examples", f"{note} Their numbers in the split: {indices}.", picture)


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
            includes=(0.0, 1.0),  # what is flat is to look flat
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
        f"Measured on the first {rotations.examples} examples, without what lies above the grid's "
        "band limit, so that a rotation is exact. Of a layer: the difference between its output "
        "for the input turned and its output turned, by their coefficients below the band limit of "
        "its grid, relative to the latter; for a random rotation of each example, the median over "
        f"{rotations.layer_examples}. Of the outputs: the root mean square of their change, "
        "relative to their standard deviation over the examples."
    )
    figures = "\n".join(f"<figure>{chart}</figure>" for chart in charts)
    lowest, highest = min(rotations.accuracy.values()), max(rotations.accuracy.values())
    spread = f"Accuracy between {percent(lowest)} and {percent(highest)} over all angles."
    return _section(
        "Rotations",
        f"{note} {spread}",
        f'<div class="charts">{figures}</div>\n{table(("layer", "relative error"), rows)}',
    )


def _feature_maps(rotations: Rotations) -> str:
    if not rotations.feature_maps:
        return ""
    note = (
        "The first example and features of it, before (above) and after (below) a rotation of the "
        f"input by {SHOWN_DEGREES} degrees about the direction that is in the middle here: of each "
        "spin the channel that varies most. Of spins other than 0 the colour is the modulus, and "
        "glyphs show the direction. An equivariant feature turns with the input."
    )
    return _section("Feature maps", note, draw_feature_maps(rotations.feature_maps))


def _section(title: str, note: str, content: str) -> str:
    return f'<h2>{title}</h2>\n<p class="note">{escape(note)}</p>\n{content}'


def _short(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}…"
