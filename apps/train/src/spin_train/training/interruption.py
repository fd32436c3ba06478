"""Handles SIGTERM and SIGINT: the run finishes the current step, saves it and stops."""

import signal
import threading
from types import FrameType
from typing import Any, Self

import jax

from spin_train.devices.processes import largest_of_all

# Processes agree on stopping by a collective operation, which would be too slow at every step.
_STEPS_BETWEEN_AGREEMENTS = 10


class Interrupted(KeyboardInterrupt):
    """A signal stopped the training, and its state is saved.

    This is a `KeyboardInterrupt`, so that a program that runs several trainings stops as well.

    Attributes:
      step: number of updates made and saved.
      signal: the signal that stopped the training.
    """

    def __init__(self, step: int, signal: signal.Signals) -> None:
        super().__init__(
            f"stopped by {signal.name} after step {step}, which is saved: run the same command, or "
            "call, again to continue"
        )
        self.step = step
        self.signal = signal


class Interruption:
    """A context manager that records signals, so that the training loop can stop.

    A second SIGINT goes to the previous handler, which usually stops the process at once. Outside
    the main thread, Python allows no handlers, and no signal is recorded.

    Python runs no handler while a program is compiled. A command therefore watches signals in
    another thread, which asks `farewell` whether it may end the process.
    """

    def __init__(self, *, is_watched: bool = False) -> None:
        """Begins without a signal.

        Args:
          is_watched: whether another thread ends the process, by `farewell`, so that no exception
            needs to interrupt whatever the main thread does.
        """
        self._is_watched = is_watched
        self._noticed: signal.Signals | None = None
        self._done_step: int | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._saved_step: int | None = None
        self._has_unsaved_steps = False
        self._agrees = False  # with other processes

    def __enter__(self) -> Self:
        self._agrees = jax.process_count() > 1
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                # This replaces the SIGTERM handler of JAX's distributed runtime. The processes
                # agree on stopping in `asked_at` instead.
                self._before[number] = signal.signal(number, self._notice)
        return self

    def __exit__(self, *error: object) -> None:
        for number in list(self._before):
            self._put_back(number)

    def leave_at_once(self, step: int) -> None:
        """Lets a signal end the run at any point; all steps up to `step` must be saved.

        Raises:
          Interrupted: at once if a signal has arrived before; otherwise when one arrives.
        """
        self.saved(step)
        self._done_step = step
        if self._noticed is not None:
            raise Interrupted(step, self._noticed)

    def step_made(self) -> None:
        """Notes that there is a step which no checkpoint holds."""
        self._has_unsaved_steps = True

    def saved(self, step: int) -> None:
        """Notes that everything up to this step is on disk."""
        self._saved_step, self._has_unsaved_steps = step, False

    def farewell(self, number: signal.Signals) -> str | None:
        """Returns a message if the process may end now, or None if it would lose steps.

        With several processes, the others would wait for this one, so they stop together.
        """
        if self._has_unsaved_steps or (self._agrees and self._done_step is None):
            return None
        if self._saved_step:
            return str(Interrupted(self._saved_step, number))
        return (
            f"stopped by {number.name} before the first step: run the same command to begin again"
        )

    def asked_at(self, step: int) -> signal.Signals | None:
        """Returns the signal to stop after this step, or None; the same in all processes."""
        if not self._agrees:
            return self._noticed
        if step % _STEPS_BETWEEN_AGREEMENTS:
            return None
        number = largest_of_all(self._noticed or 0)
        return signal.Signals(number) if number else None

    def _notice(self, number: int, frame: FrameType | None) -> None:
        if self._noticed is None:
            self._noticed = signal.Signals(number)
        if self._done_step is not None and not self._is_watched:
            raise Interrupted(self._done_step, self._noticed)
        if number == signal.SIGINT:
            # SIGTERM stays handled: schedulers send it repeatedly, and mpirun after a SIGINT.
            self._put_back(signal.SIGINT)

    def _put_back(self, number: signal.Signals) -> None:
        if number in self._before:
            handler = self._before.pop(number)
            # None: the handler was not installed from Python, which cannot restore it.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
