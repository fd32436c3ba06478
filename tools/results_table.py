"""Prints the table of results, and the command of each of its runs, from the runs kept in results/.

Usage: python tools/results_table.py [--split test] [--split validation] [--every-line]

Runs that differ in their seed alone, in folders `NAME_seed_N`, share one command, a loop over the
seeds; with --every-line each has its own, as `tools/train_many.py` reads them.

A run is a folder of `results/` with the files that `spin-train` and `spin-evaluate` leave in a
working directory: config.json, summary.json, metrics.jsonl and evaluation_*.json; and machine.json,
written by hand: {"machine": "..."}, and "dataset_version": "2.0.0" where the run's own files do not
have it. What is "rotated" in version 1.1.0 is "bilinear_rotated" in 2.0.0. Trainings that are
measured on the validation split, to choose by, are in `results/validation/`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shlex
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import spin_train

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
VALIDATION = RESULTS / "validation"
NAME = "spherical_mnist/"
# By the dataset's form, how digits stand, and what tells rows apart besides.
FORMS = {
    "canonical": ("NR", ""),
    "rotated": ("R", ""),
    "rotated_per_500": ("R", "120 poses"),
}
BILINEAR = "bilinear_"
PROTOCOLS = ("NR/NR", "R/R", "NR/R")
# What tells runs of one row apart, and what changes no number.
NOT_OF_A_ROW = {
    "combine_train_val_and_eval_on_test",  # a table has one split
    "dataset",
    "eval_dataset",
    "model_name",
    "seed",
    "trial",
}
IMMATERIAL = {
    "checkpoint_every_steps",
    "data_placement",
    "data_threads",
    "data_workers",
    "eval_every_steps",
    "log_loss_every_steps",
    "profile_steps",
    "report_examples",
}


@dataclasses.dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
      name: of its folder.
      config: its configuration, plain.
      changed: what differs from the preset spherical_mnist and changes a number.
      digits: what tells apart the digits trained on, but for whether they are turned.
      parameters: the model's.
      steps: that it was trained.
      split: whose digits it is measured on, "test" or "validation".
      accuracy: on these digits, by protocol, "R/R".
      evaluated: datasets that were looked at after the training.
      machine: what it ran on.
      hours: that it took, without what was done twice after an interruption.
    """

    name: str
    config: Mapping[str, Any]
    changed: Mapping[str, Any]
    digits: str
    parameters: int
    steps: int
    split: str
    accuracy: Mapping[str, float]
    evaluated: tuple[str, ...]
    machine: str
    hours: float

    @property
    def row(self) -> tuple[str, ...]:
        """What the runs of one row have in common."""
        kept = {key: value for key, value in self.changed.items() if key not in NOT_OF_A_ROW}
        return (self.config["model_name"], json.dumps(kept, sort_keys=True), self.digits)

    @property
    def command(self) -> str:
        """Trains it anew."""
        words = [f"spin-train --workdir {self._workdir} --config spherical_mnist"]
        words += [f"--config.{key} {_word(value)}" for key, value in _flat(self.changed)]
        return " ".join(words)

    @property
    def evaluations(self) -> list[str]:
        """The commands of its figures on other digits than those it is tested on at the end."""
        split = "" if self.split == "test" else f" --split {self.split}"
        return [
            f"spin-evaluate --workdir {self._workdir} --dataset {name}{split}"
            for name in self.evaluated
        ]

    @property
    def lines(self) -> tuple[str, ...]:
        """All that makes its figures anew."""
        return (self.command, *self.evaluations)

    @property
    def _workdir(self) -> str:
        return f"runs/{self.name}" if self.split == "test" else f"runs/{self.split}/{self.name}"


def read_runs(folder: Path = RESULTS, split: str = "test") -> list[Run]:
    """Reads every run that is finished.

    Raises:
      FileNotFoundError, KeyError: a run's folder lacks something.
      ValueError: its files contradict one another, or it is measured on another split.
    """
    runs = [_read_run(path.parent) for path in sorted(folder.glob("*/summary.json"))]
    for run in runs:
        if run.split != split:
            raise ValueError(f"{folder / run.name} is measured on {run.split}, not on {split}")
    return runs


def _read_run(folder: Path) -> Run:
    recorded = _json(folder / "config.json")
    config = recorded["config"]
    summary = _json(folder / "summary.json")
    machine = _json(folder / "machine.json")
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    if (last := metrics[-1]["step"]) != summary["num_train_steps"]:
        raise ValueError(f"{folder}: metrics.jsonl ends at {last}, not at the last step")
    if (size := recorded["global_batch_size"]) != config["per_device_batch_size"]:
        raise ValueError(f"{folder}: a global batch of {size}, which its command gives no device")
    if (named := re.search(r"_seed_(\d+)$", folder.name)) and int(named[1]) != config["seed"]:
        raise ValueError(f"{folder}: its seed is {config['seed']}, by config.json")
    version = recorded.get("data_versions", {}).get(config["dataset"])
    by_hand = machine.get("dataset_version", version)
    if by_hand != (version or by_hand):
        raise ValueError(f"{folder}: data of {version} in config.json, {by_hand} in machine.json")
    if by_hand is None:
        raise ValueError(f"{folder}: no data_versions in config.json, no dataset_version by hand")
    for key in ("dataset", "eval_dataset"):
        config[key] = _renamed(config[key], by_hand)
    preset = spin_train.load_config("spherical_mnist").to_dict()
    changed = {
        key: value
        for key, value in config.items()
        if key not in IMMATERIAL and value != preset[key]
    }
    trained, digits = _form(config["dataset"])
    split = "test" if config["combine_train_val_and_eval_on_test"] else "validation"
    tested, tested_on = _form(config["eval_dataset"] or config["dataset"])
    if tested_on != digits:
        raise ValueError(f"{folder}: trained on {digits!r}, tested on {tested_on!r} digits")
    accuracy, evaluated = {f"{trained}/{tested}": summary[split]["accuracy"]}, []
    for path in sorted(folder.glob(f"evaluation_*_{split}_last.json")):
        evaluation = _json(path)
        if evaluation["step"] != summary["num_train_steps"]:
            raise ValueError(f"{path} is of step {evaluation['step']}, not of the last one")
        dataset = _renamed(evaluation["dataset"], evaluation.get("dataset_version", by_hand))
        evaluated.append(dataset)
        tested, tested_on = _form(dataset)
        if tested_on != digits:
            continue  # of another row's digits, which the table has no column for
        protocol = f"{trained}/{tested}"
        if accuracy.setdefault(protocol, evaluation["accuracy"]) != evaluation["accuracy"]:
            raise ValueError(f"{path} and summary.json differ in {protocol}")
    return Run(
        folder.name,
        config,
        changed,
        digits,
        summary["param_count"],
        summary["num_train_steps"],
        split,
        accuracy,
        tuple(evaluated),
        machine["machine"],
        _hours(metrics),
    )


def _renamed(dataset: str, version: str) -> str:
    """The name in version 2.0.0 of what has this one in another."""
    old = {"1.1.0": True, "2.0.0": False}[version]
    return dataset.replace(NAME, NAME + BILINEAR) if old else dataset


def _hours(metrics: Iterable[Mapping[str, Any]]) -> float:
    times = (each[key] for each in metrics for key in each if key.startswith("seconds_"))
    return sum(times) / 3600


def _form(dataset: str) -> tuple[str, str]:
    """How a dataset's digits stand, NR or R, and what tells them apart besides."""
    form = dataset.removeprefix(NAME)
    pose, poses = FORMS[form.removeprefix(BILINEAR)]
    drawn = "bilinear digits" if form.startswith(BILINEAR) else ""
    return pose, ", ".join(each for each in (drawn, poses) if each)


def results_table(runs: Iterable[Run]) -> str:
    """The runs as a table in Markdown: a row for each model and way of training."""
    lines = [
        "| model | parameters | NR/NR | R/R | NR/R | seeds | steps | hours a run, machine |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in _rows(runs):
        first = row[0]
        _check_seeds(row)
        cells = [
            _label(first),
            f"{first.parameters:,}",
            *(_percent([run.accuracy.get(protocol) for run in row]) for protocol in PROTOCOLS),
            _listed(run.config["seed"] for run in row),
            f"{first.steps:,}",
            _times(row),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def commands(runs: Iterable[Run]) -> str:
    """What trains and measures every run anew, a line each."""
    return "\n".join(line for run in runs for line in run.lines)


def loops(runs: Iterable[Run]) -> str:
    """The same in fewer lines: one for all runs `NAME_seed_N` that differ in N alone."""
    seeds: dict[tuple[str, ...], list[int] | None] = {}
    for run in runs:
        seed = run.config["seed"]
        if not run.name.endswith(f"_seed_{seed}"):
            seeds[run.lines] = None
            continue
        lines = tuple(_with_variable(line, seed) for line in run.lines)
        alike = seeds.setdefault(lines, [])
        assert alike is not None  # with $seed in them, they are no run's own lines
        alike.append(seed)
    return "\n".join(
        "\n".join(lines) if each is None else _loop(lines, each) for lines, each in seeds.items()
    )


def _loop(lines: Iterable[str], seeds: Iterable[int]) -> str:
    # A training that is broken off must not be evaluated as if it had ended.
    body = " && ".join(lines)
    return f"for seed in {' '.join(map(str, sorted(seeds)))}; do {body} || break; done"


def _with_variable(line: str, seed: int) -> str:
    return re.sub(rf"(_seed_|--config\.seed ){seed}\b", r"\1$seed", line)


def _rows(runs: Iterable[Run]) -> list[list[Run]]:
    rows: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        rows.setdefault(run.row, []).append(run)
    return sorted(rows.values(), key=lambda row: (row[0].digits, row[0].parameters, -row[0].steps))


def _check_seeds(row: list[Run]) -> None:
    seen: dict[tuple[object, ...], str] = {}
    for run in row:
        trained = (run.config["seed"], run.config["dataset"], run.config["eval_dataset"])
        if other := seen.get(trained):
            raise ValueError(f"{other} and {run.name} are one training, with the same seed")
        seen[trained] = run.name


def _times(row: list[Run]) -> str:
    """Mean hours a run, machine by machine."""
    hours: dict[str, list[float]] = {}
    for run in row:
        hours.setdefault(run.machine, []).append(run.hours)
    return "; ".join(f"{_rounded(statistics.mean(each))}, {name}" for name, each in hours.items())


def _rounded(hours: float) -> str:
    return f"{hours:.1f}" if hours >= 1 else f"{hours:.2f}"


def _label(run: Run) -> str:
    kept = {k: v for k, v in run.changed.items() if k not in NOT_OF_A_ROW}
    settings = [f"{key} {_word(value)}" for key, value in _flat(kept)]
    words = [f"`{run.config['model_name']}`", *settings, run.digits]
    return ", ".join(word for word in words if word)


def _percent(values: Iterable[float | None]) -> str:
    known = [100 * value for value in values if value is not None]
    if not known:
        return ""
    spread = f" ± {statistics.stdev(known):.2f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.2f}%{spread}"


def _listed(seeds: Iterable[int]) -> str:
    return ", ".join(str(seed) for seed in sorted(set(seeds)))


def _flat(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            pairs += [(f"{key}.{inner}", word) for inner, word in _flat(value)]
        else:
            pairs.append((key, value))
    return pairs


def _word(value: Any) -> str:
    return shlex.quote(str(tuple(value) if isinstance(value, list) else value))


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def main() -> None:
    """Prints the table and the commands of each split."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--split", action="append", choices=["test", "validation"])
    parser.add_argument("--every-line", action="store_true", help="no loops over seeds")
    arguments = parser.parse_args()
    printed = commands if arguments.every_line else loops
    for split in arguments.split or ["test", "validation"]:
        runs = read_runs(RESULTS if split == "test" else VALIDATION, split)
        print(results_table(runs), printed(runs), sep="\n\n", end="\n\n")


if __name__ == "__main__":
    main()
