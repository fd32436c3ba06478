"""The runs in results/runs.tar.xz: reads, checks and packs them.

A run is a folder with the files that `spin-train` and `spin-evaluate` write (config.json,
summary.json, metrics.jsonl, evaluation_*.json) and a machine.json written by hand:
{"machine": "an H100"}. Runs in `validation/` are measured on the validation split, all others on
the test split. Runs that differ only in the seed are named NAME_seed_N, and NAME for seed 42.
If config.json has no data_versions, machine.json also has the dataset's "dataset_version".
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import io
import json
import re
import shlex
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import spin_train

ARCHIVE = Path(__file__).parents[1] / "results" / "runs.tar.xz"
FILES = ("config.json", "summary.json", "metrics.jsonl", "evaluation_*.json", "machine.json")
# By dataset: whether its digits are rotated, and a remark for the table.
POSES = {"canonical": ("NR", ""), "rotated": ("R", ""), "rotated_per_500": ("R", "120 poses")}
# Configuration keys that do not affect the results.
IMMATERIAL = {"checkpoint_every_steps", "eval_every_steps", "log_loss_every_steps", "profile_steps"}
IMMATERIAL |= {"data_placement", "data_threads", "data_workers", "report_examples"}
# Keys that have their own columns, or that may differ between runs in one row.
NOT_SETTINGS = {"combine_train_val_and_eval_on_test", "dataset", "eval_dataset", "model_name"}
NOT_SETTINGS |= {"seed", "trial"}


@dataclasses.dataclass(frozen=True)
class Run:
    """One finished training.

    Attributes:
      name: its folder, such as "spin_rr" or "validation/spin_rr".
      config: its configuration, with the current names of the datasets.
      digits: how the digits are drawn and in how many poses, "" for the published drawing.
      parameters: number of parameters of the model.
      steps: number of training steps.
      split: the split that the accuracy is measured on, "test" or "validation".
      accuracy: accuracy by protocol, such as "R/R".
      evaluated: the datasets evaluated after the training.
      machine: the machine that trained it.
      hours: training time, without work repeated after an interruption.
    """

    name: str
    config: Mapping[str, Any]
    digits: str
    parameters: int
    steps: int
    split: str
    accuracy: Mapping[str, float]
    evaluated: tuple[str, ...]
    machine: str
    hours: float

    @property
    def changed(self) -> dict[str, Any]:
        """The values that differ from the preset `spherical_mnist` and may affect the results."""
        items = ((key, self.config[key]) for key in self.config if key not in IMMATERIAL)
        return {key: value for key, value in items if value != _preset().get(key)}

    @property
    def settings(self) -> dict[str, Any]:
        """The changed values that tell rows of the table apart."""
        return {key: value for key, value in self.changed.items() if key not in NOT_SETTINGS}

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that repeat the training and the evaluations."""
        workdir = f"--workdir runs/{self.name}"
        changes = [f" --config.{key} {word}" for key, word in options(self.changed)]
        split = "" if self.split == "test" else f" --split {self.split}"
        return (
            f"spin-train {workdir} --config spherical_mnist{''.join(changes)}",
            *(f"spin-evaluate {workdir} --dataset {each}{split}" for each in self.evaluated),
        )


def options(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields names and values for the command line: {"a": {"b": 1}} gives ("a.b", "1")."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", word) for inner, word in options(value))
        else:
            yield key, shlex.quote(str(tuple(value) if isinstance(value, list) else value))


def read_files(source: Path) -> dict[str, bytes]:
    """Reads the files of all finished runs, by path, from the archive or from a folder."""
    if source.is_dir():
        runs = [path.parent for path in source.rglob("summary.json")]
        paths = sorted(path for run in runs for name in FILES for path in run.glob(name))
        return {path.relative_to(source).as_posix(): path.read_bytes() for path in paths}
    with tarfile.open(source) as archive:
        opened = ((entry.name, archive.extractfile(entry)) for entry in archive)
        return {name: file.read() for name, file in opened if file}


def pack(folder: Path, archive: Path = ARCHIVE) -> None:
    """Writes the archive from a folder of valid runs; its bytes depend on the files only."""
    read_runs(folder)
    with tarfile.open(archive, "w:xz", format=tarfile.USTAR_FORMAT, preset=9) as packed:
        for name, content in sorted(read_files(folder).items()):
            entry = tarfile.TarInfo(name)  # its time, user and group are zero
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))


def unpack(folder: Path, archive: Path = ARCHIVE) -> None:
    """Writes the archive's files to a folder."""
    for name, content in read_files(archive).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def read_runs(source: Path = ARCHIVE) -> list[Run]:
    """Reads all runs from the archive or from a folder.

    Raises:
      ValueError: a run is incomplete, contradicts itself, or occurs twice.
    """
    folders: dict[str, dict[str, bytes]] = {}
    for path, content in read_files(source).items():
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, {})[name] = content
    runs: dict[str, Run] = {}
    for name, files in folders.items():
        try:
            run = _read_run(name, files)
        except KeyError as error:
            raise ValueError(f"{name} lacks {error}") from error
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        first = runs.setdefault(json.dumps(run.changed, sort_keys=True), run)
        _check(first is run, f"{first.name} and {name} are the same training, with the same seed")
    return list(runs.values())


def _read_run(name: str, files: Mapping[str, bytes]) -> Run:
    recorded, summary, machine = (
        json.loads(files[file]) for file in ("config.json", "summary.json", "machine.json")
    )
    metrics = [json.loads(line) for line in files["metrics.jsonl"].splitlines()]
    config, steps = recorded["config"], summary["num_train_steps"]
    split = "test" if config["combine_train_val_and_eval_on_test"] else "validation"
    _check(name.startswith("validation/") == (split == "validation"), f"measured on {split}")
    _check(metrics[-1]["step"] == steps, f"metrics.jsonl does not end at step {steps}")
    batch, seed = recorded["global_batch_size"], re.search(r"_seed_(\d+)$", name)
    _check(batch == config["per_device_batch_size"], f"a global batch of {batch}")
    _check(not seed or int(seed[1]) == config["seed"], f"its seed is {config['seed']}")
    versions = recorded.get("data_versions") or {config["dataset"]: machine["dataset_version"]}
    version = versions[config["dataset"]]
    for key in ("dataset", "eval_dataset"):
        config[key] = _todays_name(config[key], version)
    trained, digits = _pose_and_digits(config["dataset"])
    tested, tested_digits = _pose_and_digits(config["eval_dataset"] or config["dataset"])
    _check(digits == tested_digits, f"trained on {digits!r}, tested on {tested_digits!r} digits")
    accuracy, evaluated = {f"{trained}/{tested}": summary[split]["accuracy"]}, []
    for file in fnmatch.filter(files, f"evaluation_*_{split}_last.json"):
        evaluation = json.loads(files[file])
        _check(evaluation["step"] == steps, f"{file} is not of step {steps}")
        of_version = evaluation.get("dataset_version", version)
        evaluated.append(_todays_name(evaluation["dataset"], of_version))
        tested, tested_digits = _pose_and_digits(evaluated[-1])
        if digits == tested_digits:  # the table has no column for other digits
            first = accuracy.setdefault(f"{trained}/{tested}", evaluation["accuracy"])
            _check(first == evaluation["accuracy"], f"{file} contradicts summary.json")
    seconds = sum(record[key] for record in metrics for key in record if "seconds_" in key)
    return Run(
        name=name,
        config=config,
        digits=digits,
        parameters=summary["param_count"],
        steps=steps,
        split=split,
        accuracy=accuracy,
        evaluated=tuple(evaluated),
        machine=machine["machine"],
        hours=seconds / 3600,
    )


def _check(valid: bool, message: str) -> None:
    if not valid:
        raise ValueError(message)


@functools.cache
def _preset() -> dict[str, Any]:
    return spin_train.load_config("spherical_mnist").to_dict()


def _todays_name(dataset: str, version: str) -> str:
    """Returns the current name: "rotated" of version 1.1.0 is "bilinear_rotated" in 2.0.0."""
    _check(version in ("1.1.0", "2.0.0"), f"dataset version {version} is not known")
    return dataset.replace("/", "/bilinear_") if version == "1.1.0" else dataset


def _pose_and_digits(dataset: str) -> tuple[str, str]:
    """Returns, for example, ("R", "bilinear digits, 120 poses")."""
    form = dataset.removeprefix("spherical_mnist/")
    pose, poses = POSES[form.removeprefix("bilinear_")]
    drawn = "bilinear digits" if form.startswith("bilinear_") else ""
    return pose, ", ".join(filter(None, (drawn, poses)))
