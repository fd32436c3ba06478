"""Measurements between two logs: means of metrics, and times."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spin_train.errors import DivergedError


class MetricWindow:
    """The metrics of the steps since the last log.

    Attributes:
      steps: the metrics of each step, by name. Checkpoints store them, so that a resumed run logs
        the same means.
    """

    def __init__(self, steps: Sequence[Mapping[str, float]] = ()) -> None:
        self.steps = [dict(step) for step in steps]

    def add(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Waits for the metrics of a step, and adds them.

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
        """Returns the metrics of the newest step; empty before the first step."""
        return self.steps[-1] if self.steps else {}

    def summarize(self) -> dict[str, float]:
        """Returns the means, under the published names, and `loss_std`; starts a new window."""
        losses = np.array([step["loss"] for step in self.steps])
        summary = {"loss": float(losses.mean()), "loss_std": float(losses.std())}
        for name in self.steps[0]:
            if name != "loss":
                summary[f"train_{name}"] = float(np.mean([step[name] for step in self.steps]))
        self.steps.clear()
        return summary


class StepTimer:
    """Measures steps per second, without the first step, which compiles, and without pauses.

    Args:
      seconds: time that earlier processes of the run measured.
      steps: number of steps that earlier processes of the run measured.
    """

    def __init__(self, seconds: float = 0.0, steps: int = 0) -> None:
        self._started = False
        self._running_since: float | None = None
        self._seconds = seconds
        self._steps = steps
        self._last = (seconds, steps)

    def totals(self) -> dict[str, Any]:
        """Returns the arguments of a timer that continues this one; the clock must be stopped."""
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
        """Returns steps per second since the previous call; the clock must be stopped.

        Returns None if no step was timed.
        """
        seconds, steps = self._seconds - self._last[0], self._steps - self._last[1]
        self._last = (self._seconds, self._steps)
        return _rate(steps, seconds)

    def overall(self) -> float | None:
        """Returns steps per second over all steps; the clock must be stopped.

        Returns None if no step was timed.
        """
        return _rate(self._steps, self._seconds)


class ActivityClock:
    """Measures how long a run spends on each activity, one at a time.

    Args:
      before: seconds by activity, measured by earlier processes of the run.
    """

    def __init__(self, before: Mapping[str, float]) -> None:
        self._totals = dict(before)
        self._activity: str | None = None
        self._since = 0.0

    def begin(self, activity: str) -> None:
        """Ends the current activity and begins another."""
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
        """Returns the totals under the names of their metrics, such as `seconds_steps`."""
        return {f"seconds_{activity}": value for activity, value in self.totals().items()}


def _rate(steps: int, seconds: float) -> float | None:
    return steps / seconds if steps and seconds > 0 else None
