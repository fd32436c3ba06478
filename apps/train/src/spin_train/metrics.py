"""Metrics: windows of steps summarised, and written where people and programs look."""

import contextlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import SummaryWriter

from spin_train.errors import DivergedError, WorkdirError, as_user_error
from spin_train.processes import is_first_process, largest_of_all

METRICS_FILE = "metrics.jsonl"
EVENTS_FOLDER = "tensorboard"

MetricRecord = dict[str, Any]


class MetricWriter:
    """Writes a run's metrics to `metrics.jsonl` and as TensorBoard events.

    A context manager. Only the first process writes; all keep the history.

    Attributes:
      history: what was written, in order: {"step": int, name: float, ...}, with "split" where the
        values are an evaluation's. A resumed run begins with what it had written before.
    """

    def __init__(self, workdir: Path, resumed_step: int) -> None:
        """Opens the files.

        Args:
          workdir: the run's directory.
          resumed_step: updates made before; what was written after it is dropped, and comes again.
        """
        self._path = workdir / METRICS_FILE
        self._events: SummaryWriter | None = None
        if not is_first_process():
            largest_of_all(0)  # until the first has written what all are to read
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
        """Writes scalars of a step; the same names at the same step replace the earlier ones.

        Args:
          step: number of updates made.
          values: by their published names.
          split: the evaluated split, for an evaluation.
        """
        record = {"step": step, **({"split": split} if split else {}), **values}
        earlier = [old for old in self.history if _place(old) == _place(record)]
        self.history = [old for old in self.history if _place(old) != _place(record)]
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
        # All at once: a run that is killed here keeps its history.
        unfinished = self._path.with_name(self._path.name + ".tmp")
        with self._writing():
            unfinished.write_text("".join(map(_line, self.history)))
            unfinished.replace(self._path)

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        return as_user_error(WorkdirError, f"cannot write {str(self._path)!r}", OSError)


class Window:
    """The metrics of the steps since the last log.

    Attributes:
      steps: of each, its metrics by name; a checkpoint keeps them, so that a resumed run logs the
        same means.
    """

    def __init__(self, steps: Sequence[Mapping[str, float]] = ()) -> None:
        self.steps = [dict(step) for step in steps]

    def add(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Adds a step's metrics, which waits for them.

        Raises:
          DivergedError: if the loss is not finite.
        """
        values = {name: float(value) for name, value in metrics.items()}
        if not math.isfinite(values["loss"]):
            raise DivergedError(
                f"the loss is {values['loss']} at step {step}: lower --config.learning_rate, or "
                "look for values in the data that are not finite"
            )
        self.steps.append(values)

    def latest(self) -> dict[str, float]:
        """Returns the newest step's metrics; empty before the first."""
        return self.steps[-1] if self.steps else {}

    def summarise(self) -> dict[str, float]:
        """Returns means under the published names, and `loss_std`; and begins a new window."""
        losses = np.array([step["loss"] for step in self.steps])
        summary = {"loss": float(losses.mean()), "loss_std": float(losses.std())}
        for name in self.steps[0]:
            if name != "loss":
                summary[f"train_{name}"] = float(np.mean([step[name] for step in self.steps]))
        self.steps.clear()
        return summary


class StepTimer:
    """Times steps: not the first, which compiles, and not what happens between pause and resume.

    Args:
      seconds: timed before, by an earlier process.
      steps: likewise.
    """

    def __init__(self, seconds: float = 0.0, steps: int = 0) -> None:
        self._started = False
        self._running_since: float | None = None
        self._seconds = seconds
        self._steps = steps
        self._last = (seconds, steps)

    def totals(self) -> dict[str, Any]:
        """Returns, on a stopped clock, what another timer can go on from."""
        return {"seconds": self._seconds, "steps": self._steps}

    def step_done(self) -> None:
        """Counts a step; the first call starts the clock instead."""
        if self._started:
            self._steps += 1
        else:
            self._started = True
            self.resume()

    def pause(self) -> None:
        """Stops the clock, for logging and evaluation."""
        if self._running_since is not None:
            self._seconds += time.perf_counter() - self._running_since
            self._running_since = None

    def resume(self) -> None:
        """Starts the clock again."""
        self._running_since = time.perf_counter()

    def since_last(self) -> float | None:
        """Returns, on a stopped clock, steps per second since this was last asked.

        None if no step was timed.
        """
        seconds, steps = self._seconds - self._last[0], self._steps - self._last[1]
        self._last = (self._seconds, self._steps)
        return _rate(steps, seconds)

    def overall(self) -> float | None:
        """Returns, on a stopped clock, steps per second; None if no step was timed."""
        return _rate(self._steps, self._seconds)


class Seconds:
    """How long a run spends on what; one activity at a time.

    Args:
      before: seconds by activity, of earlier processes of the run.
    """

    def __init__(self, before: Mapping[str, float]) -> None:
        self._totals = dict(before)
        self._activity: str | None = None
        self._since = 0.0

    def begin(self, activity: str) -> None:
        """Ends the present activity and begins another."""
        now = time.perf_counter()
        if self._activity is not None:
            elapsed = now - self._since
            self._totals[self._activity] = self._totals.get(self._activity, 0.0) + elapsed
        self._activity, self._since = activity, now

    def totals(self) -> dict[str, float]:
        """Returns the seconds by activity, up to now."""
        if self._activity is not None:
            self.begin(self._activity)
        return dict(self._totals)

    def named(self) -> dict[str, float]:
        """Returns the same under the names that metrics have."""
        return {f"seconds_{activity}": value for activity, value in self.totals().items()}


def read_metrics(workdir: Path) -> list[MetricRecord]:
    """Returns the records of a run's `metrics.jsonl`; what a crash left of a line is left out."""
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
    """A record as JSON, which has no numbers that are not finite: null stands for them."""
    finite = {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()
    }
    return json.dumps(finite) + "\n"


def _place(record: MetricRecord) -> tuple[Any, ...]:
    """Returns what identifies a record: its step and the names of its values."""
    return record["step"], record.get("split"), tuple(sorted(record))


def _rate(steps: int, seconds: float) -> float | None:
    return steps / seconds if steps and seconds > 0 else None
