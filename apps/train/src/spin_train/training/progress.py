"""Shows the progress of a run to the user: a bar in a terminal, lines elsewhere."""

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from tqdm import tqdm

from spin_train.devices.processes import is_first_process


class Progress:
    """Shows a run's progress, in the first process only.

    This is a context manager. Lines go to stdout. If stderr is a terminal, a bar replaces the lines
    of training metrics.
    """

    def __init__(self, first_step: int, num_steps: int) -> None:
        self._speaks = is_first_process()
        self._bar = tqdm(
            total=num_steps,
            initial=first_step,
            unit="step",
            file=sys.stderr,
            disable=not (self._speaks and sys.stderr.isatty()),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def advance(self, metrics: Mapping[str, float]) -> None:
        """Counts a step, and shows the newest metrics on the bar."""
        if not self._bar.disable:
            self._bar.set_postfix({k: f"{v:.3f}" for k, v in metrics.items()}, refresh=False)
            self._bar.update()

    def training(self, step: int, metrics: Mapping[str, float]) -> None:
        """Shows the metrics of a window of steps."""
        if self._bar.disable:
            self.say(f"[{step}] {_values(metrics)}")

    def evaluation(
        self, step: int, metrics: Mapping[str, float], split: str, examples: int
    ) -> None:
        """Shows the metrics of an evaluation on a number of a split's examples."""
        self.say(f"[{step}] {split}: {_values(metrics)} ({examples} examples)")

    def say(self, text: str) -> None:
        """Prints a line, above the bar."""
        if not self._speaks:
            return
        if self._bar.disable:
            print(text, flush=True)
        else:
            self._bar.write(text)


def _values(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={value:.6g}" for name, value in metrics.items())
