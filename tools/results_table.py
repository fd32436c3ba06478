"""Prints the tables of results and the commands of their runs.

Usage:
  python tools/results_table.py                  tables and commands
  python tools/results_table.py --write          the same, written into results/README.md
  python tools/results_table.py --readme         the short table of the main README
  python tools/results_table.py --every-line     commands without loops, for tools/train_many.py
  python tools/results_table.py --unpack FOLDER  copies the runs to a folder
  python tools/results_table.py --pack FOLDER    makes results/runs.tar.xz from such a folder

The runs are read from results/runs.tar.xz, or from a folder given as --runs.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Iterable
from pathlib import Path

from results_runs import ARCHIVE, Run, options, pack, read_runs, unpack

PAGE = ARCHIVE.with_name("README.md")
PROTOCOLS = ("NR/NR", "R/R", "NR/R")
README_MODELS = {
    "spin_classifier_6_layers": "the published network",
    "gated_spin_classifier_6_layers": "ours: spins gate each other, exact pooling",
    "spherical_classifier_6_layers": "spin 0 only, isotropic filters",
    "cnn_classifier_6_layers": "a CNN on the longitude-latitude image",
}


def results_table(runs: Iterable[Run]) -> str:
    """Returns a Markdown table with a row for each model and its training settings."""
    rows = [
        [
            _label(row[0]),
            *_figures(row),
            ", ".join(str(seed) for seed in sorted({run.config["seed"] for run in row})),
            f"{row[0].steps:,}",
            _hours(row),
        ]
        for row in _rows(runs)
    ]
    header = ["model", "parameters", *PROTOCOLS, "seeds", "steps", "hours a run, machine"]
    return _markdown(header, rows)


def readme_table(runs: Iterable[Run]) -> str:
    """Returns the main README's table, of full trainings on the published drawing.

    It lists the networks that have a result in all three protocols.
    """
    published = [run for run in runs if run.split == "test" and not run.digits]
    chosen = [run for run in published if run.settings.keys() <= {"learning_rate"}]
    # If a network was trained with several learning rates, the one with most seeds is shown.
    rows = {row[0].config["model_name"]: row for row in sorted(_rows(chosen), key=len)}
    cells = [[f"`{name}`, {said}", *_figures(rows[name])] for name, said in README_MODELS.items()]
    return _markdown(["model", "parameters", *PROTOCOLS], [each for each in cells if all(each)])


def loops(runs: Iterable[Run]) -> str:
    """Returns the commands of all runs; runs NAME_seed_N that differ only in N share a loop."""
    seeds: dict[tuple[str, ...], list[int]] = {}
    for run in runs:
        lines, seed = run.commands, run.config["seed"]
        if run.name.endswith(f"_seed_{seed}"):
            number = re.compile(rf"(_seed_|--config\.seed ){seed}\b")
            lines = tuple(number.sub(r"\1$seed", line) for line in lines)
            seeds.setdefault(lines, []).append(seed)
        else:
            seeds[lines] = []
    return "\n".join(_loop(lines, sorted(each)) for lines, each in seeds.items())


def _loop(lines: Iterable[str], seeds: list[int]) -> str:
    if not seeds:
        return "\n".join(lines)
    # "&&" and "break": a training that was interrupted must not be evaluated.
    return f"for seed in {' '.join(map(str, seeds))}; do {' && '.join(lines)} || break; done"


def sections(runs: Iterable[Run]) -> dict[str, str]:
    """Returns the tables and commands in results/README.md, by the name in their markers."""
    runs = list(runs)
    test, validation = ([run for run in runs if run.split == s] for s in ("test", "validation"))
    return {
        "results": results_table(test),
        "commands": f"```console\n{loops(test)}\n```",
        "validation": results_table(validation),
        "validation commands": f"```console\n{loops(validation)}\n```",
    }


def rewritten(page: str, runs: Iterable[Run]) -> str:
    """Returns the page with the tables and commands of the runs between its markers."""
    for name, text in sections(runs).items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, rest = page.split(begin)
        _, after = rest.split(end)
        page = f"{before}{begin}{text}\n{end}{after}"
    return page


def _rows(runs: Iterable[Run]) -> list[list[Run]]:
    rows: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        key = (run.config["model_name"], json.dumps(run.settings, sort_keys=True), run.digits)
        rows.setdefault(key, []).append(run)
    return sorted(rows.values(), key=lambda row: (row[0].digits, row[0].parameters, -row[0].steps))


def _figures(row: list[Run]) -> list[str]:
    """Returns the cells with the number of parameters and the three protocols."""
    cells = [f"{row[0].parameters:,}"]
    for protocol in PROTOCOLS:
        values = [100 * run.accuracy[protocol] for run in row if protocol in run.accuracy]
        mean = f"{statistics.mean(values):.2f}%" if values else ""
        cells.append(f"{mean} ± {statistics.stdev(values):.2f}" if len(values) > 1 else mean)
    return cells


def _hours(row: list[Run]) -> str:
    """Returns the mean number of hours on each machine."""
    hours: dict[str, list[float]] = {}
    for run in row:
        hours.setdefault(run.machine, []).append(run.hours)
    means = {machine: statistics.mean(each) for machine, each in hours.items()}
    return "; ".join(f"{each:.{1 if each >= 1 else 2}f}, {name}" for name, each in means.items())


def _label(run: Run) -> str:
    words = [f"{key} {word}" for key, word in options(run.settings)]
    return ", ".join(filter(None, (f"`{run.config['model_name']}`", *words, run.digits)))


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Runs the action that the arguments request."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=ARCHIVE, help="a folder of runs")
    parser.add_argument(
        "--split", choices=["test", "validation"], help="for --every-line: only these runs"
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", action="store_true", help="write into results/README.md")
    action.add_argument("--readme", action="store_true", help="print the short table")
    action.add_argument("--every-line", action="store_true", help="print commands without loops")
    action.add_argument("--pack", type=Path, metavar="FOLDER", help="make the archive")
    action.add_argument("--unpack", type=Path, metavar="FOLDER", help="copy the runs to a folder")
    arguments = parser.parse_args()
    if arguments.pack:
        return pack(arguments.pack)
    if arguments.unpack:
        return unpack(arguments.unpack)
    runs = read_runs(arguments.runs)
    if arguments.write:
        PAGE.write_text(rewritten(PAGE.read_text(), runs))
    elif arguments.readme:
        print(readme_table(runs))
    elif arguments.every_line:
        chosen = [run for run in runs if arguments.split in (None, run.split)]
        print(*(line for run in chosen for line in run.commands), sep="\n")
    else:
        print(*sections(runs).values(), sep="\n\n")
    return None


if __name__ == "__main__":
    main()
