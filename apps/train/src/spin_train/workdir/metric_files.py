"""The metrics of a run as files: `metrics.jsonl` and TensorBoard events."""

import contextlib
import json
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

from spin_data import replaced_file
from spin_train.devices.processes import is_first_process, largest_of_all
from spin_train.errors import WorkdirError, as_user_error

METRICS_FILE = "metrics.jsonl"
EVENTS_FOLDER = "tensorboard"

MetricRecord = dict[str, Any]


class MetricWriter:
    """Writes a run's metrics to `metrics.jsonl` and as TensorBoard events.

    This is a context manager. Only the first process writes; all processes keep the history.

    Attributes:
      history: the records written, in order: {"step": int, name: float, ...}. Records of an
        evaluation also have "split". A resumed run starts with the records that it wrote before.
    """

    def __init__(
        self, workdir: Path, resumed_step: int, warn: Callable[[str], None] = warnings.warn
    ) -> None:
        """Opens the files.

        Args:
          workdir: the run's directory.
          resumed_step: number of updates made before. Records of later steps are removed, because
            the resumed run writes them again.
          warn: called with a message if the file is damaged. The file is then set aside, and its
            intact records are kept.

        Raises:
          WorkdirError: if the files cannot be read or written.
        """
        self._path = workdir / METRICS_FILE
        self._events: SummaryWriter | None = None
        if not is_first_process():
            largest_of_all(0)  # waits until the first process has written the file
        faults: list[str] = []
        with as_user_error(WorkdirError, f"cannot read {str(self._path)!r}", OSError):
            records = read_metrics(workdir, faults.append)
        self.history = [record for record in records if record["step"] <= resumed_step]
        if is_first_process():
            if faults:
                warn(f"{'; '.join(faults)}; the file is kept as {self._set_aside()!r}")
            self._rewrite()
            largest_of_all(0)
            self._events = SummaryWriter(str(workdir / EVENTS_FOLDER), purge_step=resumed_step + 1)

    def __enter__(self) -> "MetricWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if self._events is None:
            return
        try:
            with self._writing():
                self._events.close()
        except WorkdirError:
            if kind is None:  # otherwise the first error is more helpful
                raise

    def write(self, step: int, values: Mapping[str, float], split: str = "") -> None:
        """Writes scalars of a step, which replace earlier ones of the same step and names.

        Args:
          step: number of updates made.
          values: the scalars, by their published names.
          split: the evaluated split; "" for metrics of the training.
        """
        record = {"step": step, **({"split": split} if split else {}), **values}
        earlier = [old for old in self.history if _record_key(old) == _record_key(record)]
        self.history = [old for old in self.history if _record_key(old) != _record_key(record)]
        self.history.append(record)
        if self._events is None:
            return
        if earlier:
            self._rewrite()
        else:
            with self._writing(), self._path.open("a") as file:
                file.write(_line(record))
        with self._writing():
            for name, value in values.items():
                self._events.add_scalar(name, value, step)
            self._events.flush()

    def _rewrite(self) -> None:
        with self._writing(), replaced_file(self._path) as partial:
            partial.write_text("".join(map(_line, self.history)))

    def _set_aside(self) -> str:
        """Renames the damaged file; returns its new name."""
        number = 0
        while (aside := self._path.with_name(f"damaged_{number}_{METRICS_FILE}")).exists():
            number += 1
        with self._writing():
            self._path.rename(aside)
        return aside.name

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        return as_user_error(WorkdirError, f"cannot write {str(self._path)!r}", OSError)


def read_metrics(workdir: Path, warn: Callable[[str], None] = warnings.warn) -> list[MetricRecord]:
    """Reads the records in a run's `metrics.jsonl`.

    A record is {"step": int, name: number or null, ...}, and may have the name of a "split". A last
    line that a crash cut short is skipped without a word.

    Args:
      workdir: the run's directory.
      warn: called with a message that names the file and its first line that is no record, if there
        is one. All records are returned.

    Raises:
      OSError: if the file cannot be read.
    """
    path = workdir / METRICS_FILE
    if not path.exists():
        return []
    if not path.is_file():
        warn(f"{str(path)!r} is damaged: it is no regular file")
        return []
    records, faults = [], []
    *lines, cut_short = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            records.append(_checked_record(json.loads(line)))
        except (ValueError, RecursionError) as error:
            faults.append(f"line {number} ({' '.join(str(error).split()):.100})")
    with contextlib.suppress(ValueError, RecursionError):
        records.append(_checked_record(json.loads(cut_short)))
    if faults:
        more = (
            f" and {len(faults) - 1} more lines are no records" if faults[1:] else " is no record"
        )
        warn(f"{str(path)!r} is damaged: {faults[0]}{more}")
    return records


def _checked_record(record: Any) -> MetricRecord:
    """Returns a record from a file, with NaN for null.

    Raises:
      ValueError: if it is no record.
    """
    if not isinstance(record, dict):
        raise ValueError(f"a {type(record).__name__}, expected an object")
    checked: MetricRecord = {}
    for name, value in record.items():
        if name == "split":
            is_right = isinstance(value, str)
        elif name == "step":
            is_right = type(value) is int and value >= 0
        else:
            is_right = value is None or type(value) in (int, float)
        if not is_right:
            raise ValueError(f"{name} is {value!r:.40}")
        if name not in ("split", "step"):
            value = math.nan if value is None else _as_float(name, value)
        checked[name] = value
    if "step" not in checked:
        raise ValueError("it has no step")
    return checked


def _as_float(name: str, value: float) -> float:
    """Returns the number as it is, if a float can represent its size."""
    try:
        float(value)
    except OverflowError as error:
        raise ValueError(f"{name} is an integer beyond the range of floats") from error
    return value


def _line(record: MetricRecord) -> str:
    """Returns a record as a line of JSON, with null for NaN and infinities."""
    finite = {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()
    }
    return json.dumps(finite) + "\n"


def _record_key(record: MetricRecord) -> tuple[Any, ...]:
    """Returns what identifies a record: its step and the names of its values."""
    return record["step"], record.get("split"), tuple(sorted(record))
