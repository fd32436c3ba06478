"""The metrics of a run as files: `metrics.jsonl` and TensorBoard events."""

import contextlib
import json
import math
from collections.abc import Mapping
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

    def __init__(self, workdir: Path, resumed_step: int) -> None:
        """Opens the files.

        Args:
          workdir: the run's directory.
          resumed_step: number of updates made before. Records of later steps are removed, because
            the resumed run writes them again.
        """
        self._path = workdir / METRICS_FILE
        self._events: SummaryWriter | None = None
        if not is_first_process():
            largest_of_all(0)  # waits until the first process has written the file
        self.history = [
            record for record in read_metrics(workdir) if record["step"] <= resumed_step
        ]
        if is_first_process():
            self._rewrite()
            largest_of_all(0)
            self._events = SummaryWriter(str(workdir / EVENTS_FOLDER), purge_step=resumed_step + 1)

    def __enter__(self) -> "MetricWriter":
        return self

    def __exit__(self, *error: object) -> None:
        if self._events is not None:
            self._events.close()

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
        for name, value in values.items():
            self._events.add_scalar(name, value, step)
        self._events.flush()

    def _rewrite(self) -> None:
        with self._writing(), replaced_file(self._path) as partial:
            partial.write_text("".join(map(_line, self.history)))

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        return as_user_error(WorkdirError, f"cannot write {str(self._path)!r}", OSError)


def read_metrics(workdir: Path) -> list[MetricRecord]:
    """Reads the records in a run's `metrics.jsonl`; skips a line that a crash cut short."""
    path = workdir / METRICS_FILE
    if not path.exists():
        return []
    records = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            records.append({k: math.nan if v is None else v for k, v in record.items()})
    return records


def _line(record: MetricRecord) -> str:
    """Returns a record as a line of JSON, with null for NaN and infinities."""
    finite = {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()
    }
    return json.dumps(finite) + "\n"


def _record_key(record: MetricRecord) -> tuple[Any, ...]:
    """Returns what identifies a record: its step and the names of its values."""
    return record["step"], record.get("split"), tuple(sorted(record))
