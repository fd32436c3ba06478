"""The small files of a working directory: the configuration and the summary."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
import ml_collections

from spin_train.checkpoints import FOLDER
from spin_train.configuration import as_plain_dict, complete_config
from spin_train.errors import WorkdirError, as_user_error
from spin_train.processes import is_first_process, largest_of_all

CONFIG_FILE = "config.json"
SUMMARY_FILE = "summary.json"
LOCK_FILE = ".lock"

# How often a run logs, evaluates and saves may change in mid-run, and how it reads its records. The
# batch size per device follows the number of devices: what is kept is the global batch.
_MAY_DIFFER = (
    "log_loss_every_steps",
    "eval_every_steps",
    "checkpoint_every_steps",
    "per_device_batch_size",
    "data_placement",
    "data_threads",
    "data_workers",
    "profile_steps",
    "report_examples",
)


@dataclasses.dataclass(frozen=True)
class Recorded:
    """What a working directory says of its run.

    Attributes:
      config: the configuration.
      global_batch_size: examples per step.
      data_versions: of the datasets that have one, by their names.
    """

    config: ml_collections.ConfigDict
    global_batch_size: int
    data_versions: Mapping[str, str]


def global_batch_size(workdir: Path, config: ml_collections.ConfigDict, device_count: int) -> int:
    """Returns the examples per step: those of the run in the directory, if there is one.

    The same configuration goes on with the same global batch on any number of devices that divides
    it; a new run has `per_device_batch_size` for each device.

    Raises:
      WorkdirError: if the devices do not divide the run's batch, or what is there cannot be read.
    """
    here = config.per_device_batch_size * device_count
    if not (workdir / CONFIG_FILE).exists():
        return here
    recorded = read_run(workdir)
    there = recorded.global_batch_size
    if here == there or recorded.config.per_device_batch_size != config.per_device_batch_size:
        return here  # if it is another, the differences between the two runs will be listed
    parts = device_count * config.gradient_accumulation_steps
    if there % parts:
        fitting = [n for n in range(1, there + 1) if there % n == 0]
        share = (
            f", in {config.gradient_accumulation_steps} parts each,"
            if config.gradient_accumulation_steps > 1
            else ""
        )
        raise WorkdirError(
            f"{str(workdir)!r} holds a run with a global batch of {there} examples, which "
            f"{device_count} devices{share} cannot share equally: go on with a number of devices "
            f"that divides it ({', '.join(map(str, fitting))}), or begin anew in another --workdir"
        )
    return there


def has_checkpoints(workdir: Path) -> bool:
    """Returns whether a run in the directory has saved anything."""
    folder = workdir / FOLDER
    return folder.is_dir() and any(path.name.isdecimal() for path in folder.iterdir())


@contextlib.contextmanager
def claimed_workdir(
    workdir: Path,
    config: ml_collections.ConfigDict,
    global_batch_size: int,
    data_versions: Mapping[str, str],
) -> Iterator[None]:
    """Makes the directory this run's while the context lasts, and writes the configuration there.

    Raises:
      WorkdirError: if it cannot be written to, another run is at work there, or it holds a run of
        another configuration, of other versions of the data, or of a configuration that is not
        known.
    """
    lock = filelock.FileLock(workdir / LOCK_FILE)
    error: WorkdirError | None = None
    if is_first_process():
        try:
            _lock(workdir, lock)
        except WorkdirError as raised:
            error = raised
    if largest_of_all(error is not None):  # all leave, or none
        raise error or WorkdirError(f"the first process cannot have {str(workdir)!r}; see there")
    try:
        _claim(workdir, Recorded(config, global_batch_size, data_versions))
        yield
    finally:
        lock.release()


def _lock(workdir: Path, lock: filelock.BaseFileLock) -> None:
    with as_user_error(WorkdirError, f"working directory {str(workdir)!r}", OSError):
        workdir.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout as error:
            raise WorkdirError(
                f"another training is at work in {str(workdir)!r}: wait for it, or take another "
                "--workdir"
            ) from error


def _claim(workdir: Path, here: Recorded) -> None:
    with as_user_error(WorkdirError, f"working directory {str(workdir)!r}", OSError):
        workdir.mkdir(parents=True, exist_ok=True)
        there = read_run(workdir) if (workdir / CONFIG_FILE).exists() else None
        if there is None and has_checkpoints(workdir):
            raise WorkdirError(
                f"{str(workdir)!r} has checkpoints but no {CONFIG_FILE}: of which configuration "
                "they are is not known; put it back, or take another --workdir"
            )
    config = as_plain_dict(here.config)
    if there is not None:
        _check_same_run(workdir, there, here)
        _check_same_data(workdir, there.data_versions, here.data_versions)
        # The run's own, so that its command goes on fitting, on any number of devices.
        config["per_device_batch_size"] = there.config.per_device_batch_size
    written = {
        "config": config,
        "global_batch_size": here.global_batch_size,
        "data_versions": dict(here.data_versions),
    }
    with as_user_error(WorkdirError, f"working directory {str(workdir)!r}", OSError):
        write_json(workdir / CONFIG_FILE, written)


def read_config(workdir: Path) -> ml_collections.ConfigDict:
    """Returns the configuration of the run in a directory.

    Raises:
      WorkdirError: if there is no run.
    """
    return read_run(workdir).config


def read_run(workdir: Path) -> Recorded:
    """Returns what a directory says of its run.

    Raises:
      WorkdirError: if there is no run, or its configuration cannot be read.
    """
    path = workdir / CONFIG_FILE
    if not path.is_file():
        raise WorkdirError(f"no run in {str(workdir)!r}: there is no {CONFIG_FILE}")
    causes = (ValueError, KeyError, TypeError, OSError)
    with as_user_error(WorkdirError, f"{str(path)!r} is not the configuration of a run", *causes):
        recorded = json.loads(path.read_text())
        batch_size = recorded["global_batch_size"]
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"global_batch_size is {batch_size!r}, expected a positive integer")
        # Runs of before versions were recorded have none.
        versions = dict(recorded.get("data_versions", {}))
        return Recorded(complete_config(recorded["config"]), batch_size, versions)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Writes a file all at once, so that no reader sees half of it; in the first process only."""
    if not is_first_process():
        return
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(json.dumps(value, indent=2) + "\n")
    unfinished.replace(path)


def _check_same_run(workdir: Path, there: Recorded, here: Recorded) -> None:
    differences = [
        f"{key} ({there.config[key]!r} there, {here.config[key]!r} here)"
        for key in sorted(here.config)
        if key not in _MAY_DIFFER and _plain(there.config[key]) != _plain(here.config[key])
    ]
    if there.global_batch_size != here.global_batch_size:
        differences.append(
            f"the global batch size ({there.global_batch_size} there, {here.global_batch_size} "
            "here: per_device_batch_size times the number of devices)"
        )
    if differences:
        raise WorkdirError(
            f"{str(workdir)!r} holds a run of another configuration, which differs in "
            f"{'; '.join(differences)}. Use another --workdir, or the same configuration"
        )


def _check_same_data(workdir: Path, there: Mapping[str, str], here: Mapping[str, str]) -> None:
    differences = [
        f"{name!r} is in version {here[name]} now, and was in {there[name]}"
        for name in sorted(there.keys() & here.keys())
        if there[name] != here[name]
    ]
    if differences:
        raise WorkdirError(
            f"{str(workdir)!r} holds a run on other data: {'; '.join(differences)}. Use another "
            "--workdir, or install the package that has the earlier version"
        )


def _plain(value: Any) -> Any:
    """Returns a value as JSON gives it back: tuples as lists."""
    if isinstance(value, ml_collections.ConfigDict):
        value = value.to_dict()
    return json.loads(json.dumps(value))
