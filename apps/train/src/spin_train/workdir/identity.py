"""Identifies the run in a working directory by its configuration and data, and locks it."""

import contextlib
import dataclasses
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
import ml_collections

from spin_data import ImageReading, replaced_file
from spin_registry import ModelDescription, RegistryError
from spin_train.configuration import as_plain_dict, complete_config
from spin_train.devices.processes import is_first_process, largest_of_all
from spin_train.errors import ConfigurationError, WorkdirError, as_user_error
from spin_train.workdir.checkpoints import FOLDER

CONFIG_FILE = "config.json"
SUMMARY_FILE = "summary.json"
LOCK_FILE = ".lock"

_LARGEST_BATCH = 2**31  # indices of examples are int32

# Keys that may change when a run is resumed: how often it logs, evaluates and saves, how much it
# evaluates, and how it reads its records. The batch size per device depends on the number of
# devices: a resumed run keeps its global batch.
_MAY_DIFFER = (
    "log_loss_every_steps",
    "eval_every_steps",
    "num_eval_steps",
    "eval_pad_last_batch",
    "checkpoint_every_steps",
    "per_device_batch_size",
    "data_placement",
    "data_threads",
    "data_workers",
    "profile_steps",
    "report_examples",
)


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """What a working directory records about its run. A resumed run must agree with it.

    Attributes:
      config: the configuration.
      global_batch_size: examples per step.
      data_versions: the datasets' versions by name, without datasets that state no version.
      model: description of the model; None if it is not known.
    """

    config: ml_collections.ConfigDict
    global_batch_size: int
    data_versions: Mapping[str, str]
    model: ModelDescription | None = None


def global_batch_size(workdir: Path, config: ml_collections.ConfigDict, device_count: int) -> int:
    """Returns the number of examples per step.

    A new run has `per_device_batch_size` examples on each device. A resumed run with the same
    configuration keeps its global batch, on any number of devices that divides it.

    Raises:
      WorkdirError: if the number of devices does not divide the run's global batch, or the record
        of the run cannot be read.
    """
    current = config.per_device_batch_size * device_count
    if not (workdir / CONFIG_FILE).exists():
        return current
    record = read_run(workdir)
    recorded = record.global_batch_size
    if current == recorded or record.config.per_device_batch_size != config.per_device_batch_size:
        return current  # another run: `claimed_workdir` lists the differences
    microbatches = device_count * config.gradient_accumulation_steps
    if recorded % microbatches:
        steps = config.gradient_accumulation_steps
        fitting = [n for n in range(1, recorded + 1) if recorded % (n * steps) == 0]
        share = (
            f", in {config.gradient_accumulation_steps} microbatches each,"
            if config.gradient_accumulation_steps > 1
            else ""
        )
        raise WorkdirError(
            f"{str(workdir)!r} holds a run with a global batch of {recorded} examples, which "
            f"{device_count} devices{share} cannot share equally: use a number of devices that "
            f"divides it ({', '.join(map(str, fitting))}), or start a new run in another --workdir"
        )
    return recorded


def has_checkpoints(workdir: Path) -> bool:
    """Returns whether a run in the directory has saved a checkpoint."""
    folder = workdir / FOLDER
    return folder.is_dir() and any(path.name.isdecimal() for path in folder.iterdir())


@contextlib.contextmanager
def claimed_workdir(workdir: Path, current: RunRecord) -> Iterator[tuple[str, ...]]:
    """Locks the directory for this run while the context lasts, and writes the run's record.

    Yields:
      Remarks for the user.

    Raises:
      WorkdirError: if the directory cannot be written to, another training is running in it, or it
        holds a run with another configuration, an unknown configuration, or other versions of the
        data.
    """
    lock = filelock.FileLock(workdir / LOCK_FILE)
    with _on_all_processes(workdir):
        if is_first_process():
            _lock(workdir, lock)
    try:
        with _on_all_processes(workdir):
            recorded = _read_record(workdir)
            remarks = _compare(workdir, recorded, current)
        with _on_all_processes(workdir):
            _write(workdir, recorded, current)
        yield remarks
    finally:
        lock.release()


@contextlib.contextmanager
def _on_all_processes(workdir: Path) -> Iterator[None]:
    """If one process fails, all processes raise an error, so that none waits for it."""
    error: WorkdirError | None = None
    try:
        yield
    except WorkdirError as raised:
        error = raised
    if largest_of_all(error is not None):
        raise error or WorkdirError(f"another process cannot use {str(workdir)!r}; see its error")


def _lock(workdir: Path, lock: filelock.BaseFileLock) -> None:
    with as_user_error(WorkdirError, f"working directory {str(workdir)!r}", OSError):
        workdir.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout as error:
            raise WorkdirError(
                f"another training is at work in {str(workdir)!r}: wait until it ends, or use "
                "another --workdir"
            ) from error


def _read_record(workdir: Path) -> RunRecord | None:
    with as_user_error(WorkdirError, f"working directory {str(workdir)!r}", OSError):
        workdir.mkdir(parents=True, exist_ok=True)
        if (workdir / CONFIG_FILE).exists():
            return read_run(workdir)
        if has_checkpoints(workdir):
            raise WorkdirError(
                f"{str(workdir)!r} has checkpoints but no {CONFIG_FILE}, so their configuration is "
                "not known: restore the file, or use another --workdir"
            )
    return None


def _compare(workdir: Path, recorded: RunRecord | None, current: RunRecord) -> tuple[str, ...]:
    _check_same_everywhere(current.data_versions)
    if recorded is None:
        return ()
    _check_same_run(workdir, recorded, current)
    _check_same_data(workdir, recorded.data_versions, current.data_versions)
    _check_same_model(workdir, recorded.model, current.model)
    return tuple(
        f"the run did not record which version of {name!r} it began with; it is {version} now"
        for name, version in sorted(current.data_versions.items())
        if name not in recorded.data_versions
    )


def _write(workdir: Path, recorded: RunRecord | None, current: RunRecord) -> None:
    config, versions = as_plain_dict(current.config), current.data_versions
    if recorded is not None:
        # Keeps the recorded batch size per device, so that the run's command works on any number of
        # devices. A version that was not recorded stays unknown.
        config["per_device_batch_size"] = recorded.config.per_device_batch_size
        versions = recorded.data_versions
    written = {
        "config": config,
        "global_batch_size": current.global_batch_size,
        "data_versions": dict(versions),
        "model": current.model.to_json() if current.model else None,
    }
    with as_user_error(WorkdirError, f"working directory {str(workdir)!r}", OSError):
        write_json(workdir / CONFIG_FILE, written)


def read_run(workdir: Path) -> RunRecord:
    """Reads the record of the run in a directory.

    Raises:
      WorkdirError: if there is no run, or its configuration cannot be read.
    """
    path = workdir / CONFIG_FILE
    if not path.is_file():
        raise WorkdirError(f"no run in {str(workdir)!r}: there is no {CONFIG_FILE}")
    causes = (ValueError, RecursionError, OSError, RegistryError)
    subject = f"{str(path)!r} is not the configuration of a run"
    with as_user_error(WorkdirError, subject, *causes):
        recorded = json.loads(path.read_bytes())
        try:
            return _checked_record(recorded)
        except ConfigurationError as error:
            raise WorkdirError(f"{subject}: {error}") from error


def _checked_record(recorded: Any) -> RunRecord:
    """Returns the record that a file's JSON describes.

    Raises:
      ValueError: if it is no record of a run.
    """
    if not isinstance(recorded, dict) or not {"config", "global_batch_size"} <= set(recorded):
        raise ValueError("it lacks the keys config and global_batch_size")
    batch_size = recorded["global_batch_size"]
    if type(batch_size) is not int or not 1 <= batch_size < _LARGEST_BATCH:
        raise ValueError(f"global_batch_size is {batch_size!r:.40}, expected a positive integer")
    versions = recorded.get("data_versions", {})  # older runs did not record versions
    if not isinstance(versions, dict) or not all(isinstance(v, str) for v in versions.values()):
        raise ValueError(f"data_versions is {versions!r:.80}, expected versions by name")
    described = recorded.get("model")  # older runs did not record the model
    model = None if described is None else ModelDescription.from_json(described)
    if model is not None and model.images:
        ImageReading.from_json(model.images)
    return RunRecord(complete_config(recorded["config"]), batch_size, versions, model)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Writes a JSON file completely or not at all, in the first process only."""
    if not is_first_process():
        return
    with replaced_file(path) as partial:
        partial.write_text(json.dumps(value, indent=2) + "\n")


def _check_same_run(workdir: Path, recorded: RunRecord, current: RunRecord) -> None:
    differences = [
        f"{key} ({recorded.config[key]!r} there, {current.config[key]!r} here)"
        for key in sorted(current.config)
        if key not in _MAY_DIFFER and _plain(recorded.config[key]) != _plain(current.config[key])
    ]
    if recorded.global_batch_size != current.global_batch_size:
        differences.append(
            f"the global batch size ({recorded.global_batch_size} there, "
            f"{current.global_batch_size} here: per_device_batch_size times the number of devices)"
        )
    if differences:
        raise WorkdirError(
            f"{str(workdir)!r} holds a run of another configuration, which differs in "
            f"{'; '.join(differences)}. Use another --workdir, or the same configuration"
        )


def _check_same_data(
    workdir: Path, recorded: Mapping[str, str], current: Mapping[str, str]
) -> None:
    differences = [
        f"{name!r} is in version {current.get(name, '(none stated)')} now, the run used {version}"
        for name, version in sorted(recorded.items())
        if current.get(name) != version
    ]
    if differences:
        raise WorkdirError(
            f"{str(workdir)!r} holds a run on another version of its data: "
            f"{'; '.join(differences)}. Use another --workdir, or restore the data that the run "
            "began with (for data of a package, install its version)"
        )


def _check_same_model(
    workdir: Path, recorded: ModelDescription | None, current: ModelDescription | None
) -> None:
    if recorded is None or current is None:
        return
    there, here = recorded.to_json(), _plain(current.to_json())
    differences = [
        f"{key} ({there[key]!r} there, {here[key]!r} here)"
        for key in here
        if _plain(there[key]) != here[key]
    ]
    if differences:
        raise WorkdirError(
            f"{str(workdir)!r} holds a run of another model, which differs in "
            f"{'; '.join(differences)}. Use another --workdir, or install the versions of the "
            "plugins that the run began with"
        )


def _check_same_everywhere(data_versions: Mapping[str, str]) -> None:
    words = json.dumps(dict(data_versions), sort_keys=True)
    number = zlib.crc32(words.encode()) >> 1  # within int32
    if largest_of_all(number) != -largest_of_all(-number):
        raise WorkdirError(
            f"the processes have different versions of the data; this one has {words}. Install the "
            "same packages, and copy the same files, to every host"
        )


def _plain(value: Any) -> Any:
    """Returns a value as it comes back from JSON: tuples become lists."""
    if isinstance(value, ml_collections.ConfigDict):
        value = value.to_dict()
    return json.loads(json.dumps(value))
