"""Writes the report as one HTML file, with light and dark colours."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from spin_train.analysis import ModelAnalysis
from spin_train.report.line_charts import CHART_STYLE, Line, line_chart
from spin_train.report.model_sections import model_sections
from spin_train.report.tables import TABLE_STYLE, percent, table
from spin_train.workdir.metric_files import MetricRecord

_STYLE = (
    """
:root { color-scheme: light dark;
  --paper: #fdfdfc; --card: #ffffff; --ink: #1c1d1f; --muted: #5d6166; --rule: #e4e5e7; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181b; --card: #1d2024; --ink: #e9eaec; --muted: #a3a8af; --rule: #33373d; }
}
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .8rem; }
.subtitle { color: var(--muted); margin: .2rem 0 1.6rem; }
.tiles, .charts { display: grid; gap: 1rem; }
.tiles { grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); }
.tiles div, .charts figure { background: var(--card); border: 1px solid var(--rule);
  border-radius: 8px; margin: 0; padding: .9rem 1rem; }
.tiles b { display: block; font-size: 1.45rem; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--muted); font-size: .85rem; }
img { max-width: 100%; height: auto; background: #fff;
  border-radius: 8px; }
.note { color: var(--muted); font-size: .92rem; max-width: 46rem; }
code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .92em; }
"""
    + TABLE_STYLE
    + CHART_STYLE
)


def write_report(
    path: Path,
    config: Mapping[str, Any],
    summary: Mapping[str, Any],
    history: Sequence[MetricRecord],
    analysis: ModelAnalysis | str | None = None,
) -> None:
    """Writes the report of a run.

    Args:
      path: the HTML file.
      config: the configuration, as a plain dict.
      summary: the summary, as returned by `train`.
      history: the records of `metrics.jsonl`.
      analysis: the analysis of the trained model, or the reason why there is none; None to leave
        it out.
    """
    results = {split: values for split, values in summary.items() if isinstance(values, Mapping)}
    title = f"{summary['model_name']} on {summary['dataset']}"
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<p class="subtitle">{escape(_subtitle(summary))}</p>
<div class="tiles">
{_tiles(summary, results)}
</div>
<h2>Training</h2>
<div class="charts">
{_charts(history)}
</div>
<h2>Final metrics</h2>
{_results_table(results)}
{_analysis(analysis)}
{_timing(history)}
<h2>Configuration</h2>
{table(("key", "value"), ((key, _value(value)) for key, value in _flat(config)))}
</main>
</body>
</html>
"""
    path.write_text(page)


def _analysis(analysis: ModelAnalysis | str | None) -> str:
    if isinstance(analysis, str):
        return f'<p class="note">The trained model was not analyzed: {escape(analysis)}.</p>'
    return "" if analysis is None else model_sections(analysis)


def _subtitle(summary: Mapping[str, Any]) -> str:
    if summary["eval_dataset"] != summary["dataset"]:
        return f"evaluated on {summary['eval_dataset']}"
    return "a spin_train run"


def _tiles(summary: Mapping[str, Any], results: Mapping[str, Mapping[str, float]]) -> str:
    tiles = [
        (f"{split} {name.replace('_', ' ')}", _metric(name, value))
        for split, values in results.items()
        for name, value in values.items()
    ]
    tiles.append(("parameters", f"{summary['param_count']:,}"))
    tiles.append(("training steps", f"{summary['num_train_steps']:,}"))
    if summary["steps_per_sec"] is not None:
        tiles.append(("steps per second", f"{summary['steps_per_sec']:.3g}"))
    return "\n".join(
        f"<div><b>{escape(text)}</b><span>{escape(label)}</span></div>" for label, text in tiles
    )


def _charts(history: Sequence[MetricRecord]) -> str:
    evaluated = sorted({record["split"] for record in history if "split" in record})
    loss = [Line("training", _points(history, "loss"))]
    accuracy = [Line("training", _points(history, "train_accuracy"))]
    for split in evaluated:
        loss.append(Line(split, _points(history, "eval_loss", split), has_dots=True))
        accuracy.append(Line(split, _points(history, "accuracy", split), has_dots=True))
    rate = [Line("learning rate", _points(history, "learning_rate"))]
    # The record of the whole run's speed has no loss; it is a tile, not a point of the curve.
    windows = [record for record in history if "loss" in record]
    speed = [Line("since the last log", _points(windows, "steps_per_sec"))]
    charts = (
        line_chart("Loss", loss, x_label="step", y_label="loss", logarithmic=True),
        line_chart("Accuracy", accuracy, x_label="step", y_label="accuracy"),
        line_chart("Learning rate", rate, x_label="step", y_label="learning rate"),
        line_chart("Speed", speed, x_label="step", y_label="steps per second"),
    )
    return "\n".join(f"<figure>{chart}</figure>" for chart in charts if chart)


def _points(
    history: Sequence[MetricRecord], name: str, split: str | None = None
) -> list[tuple[float, float]]:
    return [
        (record["step"], record[name])
        for record in history
        if name in record and record.get("split") == split
    ]


def _results_table(results: Mapping[str, Mapping[str, float]]) -> str:
    return table(
        ("split", "metric", "value"),
        (
            (split, name, _metric(name, value))
            for split, values in results.items()
            for name, value in values.items()
        ),
    )


def _metric(name: str, value: float) -> str:
    return percent(value) if "accuracy" in name else f"{value:.4g}"


def _timing(history: Sequence[MetricRecord]) -> str:
    """Returns a section with the time that the training loop spent on each activity."""
    names = {
        "seconds_first_step": "the first step: compilation",
        "seconds_steps": "steps",
        "seconds_evaluating": "evaluation while training",
        "seconds_logging": "logging",
        "seconds_saving": "checkpoints",
    }
    records = [record for record in history if "seconds_steps" in record]
    if not records:
        return ""
    seconds = {text: records[-1][name] for name, text in names.items() if name in records[-1]}
    total = sum(seconds.values())
    rows = [(text, f"{value:,.1f}", percent(value / total)) for text, value in seconds.items()]
    rows.append(("total", f"{total:,.1f}", ""))
    note = "The time of the training loop. For a resumed run, it includes earlier processes."
    return (
        f'<h2>Timing</h2>\n<p class="note">{note}</p>\n'
        f"{table(('activity', 'seconds', 'share'), rows)}"
    )


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _value(value: Any) -> str:
    return "none" if value == {} else repr(value)
