"""SIGTERM and SIGINT during a run: it ends after the step in hand, with a checkpoint."""

import signal
import threading
from types import FrameType
from typing import Any, Self

import jax

from spin_train.devices.processes import largest_of_all

# Processes agree on whether to stop by a collective operation, which is not for every step.
_STEPS_BETWEEN_AGREEMENTS = 10


class Interrupted(KeyboardInterrupt):
    """A training was asked to stop, and has saved its state.

    A `KeyboardInterrupt`, so that what runs several trainings stops as well.

    Attributes:
      step: updates made, and saved.
      signal: what asked for it.
    """

    def __init__(self, step: int, signal: signal.Signals) -> None:
        super().__init__(
            f"stopped by {signal.name} after step {step}, which is saved: the same command, or "
            "call, goes on from there"
        )
        self.step = step
        self.signal = signal


class Interruption:
    """Notices signals; the second SIGINT is left to whoever handled it before: for the impatient.

    A context manager. Outside the main thread, where Python allows no handlers, it notices nothing.
    """

    def __init__(self) -> None:
        self._noticed: signal.Signals | None = None
        self._done_step: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                # JAX's distributed runtime has a handler of its own for SIGTERM, which this
                # replaces: the processes agree below.
                self._before[number] = signal.signal(number, self._notice)
        return self

    def __exit__(self, *error: object) -> None:
        for number in list(self._before):
            self._put_back(number)

    def leave_at_once(self, step: int) -> None:
        """Lets a signal end the run wherever it is: all steps up to this one are done and saved.

        Raises:
          Interrupted: now, if there was a signal already; else from wherever it comes.
        """
        self._done_step = step
        if self._noticed is not None:
            raise Interrupted(step, self._noticed)

    def asked_at(self, step: int) -> signal.Signals | None:
        """Returns the signal that asks for an end after this step, the same in all processes."""
        if jax.process_count() == 1:
            return self._noticed
        if step % _STEPS_BETWEEN_AGREEMENTS:
            return None
        number = largest_of_all(self._noticed or 0)
        return signal.Signals(number) if number else None

    def _notice(self, number: int, frame: FrameType | None) -> None:
        if self._noticed is None:
            self._noticed = signal.Signals(number)
        if self._done_step is not None:
            raise Interrupted(self._done_step, self._noticed)
        if number == signal.SIGINT:
            # Not SIGTERM's: schedulers send it more than once, and mpirun after a SIGINT.
            self._put_back(signal.SIGINT)

    def _put_back(self, number: signal.Signals) -> None:
        if number in self._before:
            handler = self._before.pop(number)
            # None: it was not installed from Python, and cannot be put back from there.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
