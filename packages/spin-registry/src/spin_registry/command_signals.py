"""Answers SIGINT and SIGTERM for the commands, from their first line to their last.

Python runs a signal's handler between two instructions of the main thread. While this thread waits
in a library, for example for a compilation of a minute, nothing is answered. An exception in the
midst of a library's import, or the end of the interpreter while a library's threads work, may crash
the process. A second thread therefore watches the signals and ends the process, without the steps
that end an interpreter. Whatever a command writes is complete or absent without these steps too.

Commands import this module first, and everything else while their signals are answered.
"""

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import NoReturn, Self

_SECONDS_FOR_OUTPUT = 0.5


class CommandSignals:
    """A context manager for the whole of a command, which answers its signals.

    A signal ends the process at once, with one line on stderr and the exit code 128 plus the
    signal's number. If `farewell` says that something would be lost, the signal is only announced,
    and a handler of the command's own must stop it. A second SIGINT ends the process in any case.

    The handlers stay after the context has ended, until Python has waited for all threads and has
    run all functions that were registered to run at the end. Then everything is written, and
    signals no longer change how the process ends.

    Attributes:
      farewell: returns the last words for a signal, or None if the process must not end now,
        because something would be lost that is about to be saved.
      ends_at_once: whether `end` ends the process without waiting for its threads.
    """

    def __init__(self, command: str, *, is_process: bool):
        """Prepares the answers.

        Args:
          command: the command's name, with which lines begin.
          is_process: whether the process runs this command alone. Otherwise nothing is installed.
        """
        self.farewell: Callable[[signal.Signals], str | None] = _stopped_by
        self.ends_at_once = False
        self._command, self._is_process = command, is_process
        self._last_words = threading.RLock()  # held by the thread that decides how it ends

    def __enter__(self) -> Self:
        """Installs the handlers, and starts the thread that watches."""
        if self._is_process:
            atexit.register(self._stop_answering)  # before all others, so that it runs last
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            for number in (signal.SIGINT, signal.SIGTERM):
                # Signals without a handler in Python are not written to the file descriptor.
                signal.signal(number, _do_nothing)
            signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
            threading.Thread(target=self._watch, args=(reader,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        place: TracebackType | None,
    ) -> None:
        """Does nothing: signals are answered until `_stop_answering`."""

    def end(self, code: int) -> int:
        """Returns the exit code of the command, or ends the process if it must not wait."""
        if self._is_process and self.ends_at_once:
            self._last_words.acquire()  # of the watching thread, if it is about to end the process
            _end_process(code)
        return code

    def end_by(self, number: signal.Signals, words: str) -> int:
        """Prints the last words after a signal, and returns the exit code.

        From now on the watching thread is silent. If it is about to end the process, this does not
        return.
        """
        if self._is_process:
            self._last_words.acquire()
            self._say(words)
        else:
            print(f"{self._command}: {words}", file=sys.stderr)
        return 128 + number

    def _stop_answering(self) -> None:
        # If the watching thread is about to end the process, its exit code is the answer.
        self._last_words.acquire()
        for number in (signal.SIGINT, signal.SIGTERM):
            # Python would otherwise put back the default, which ends the process without a word.
            signal.signal(number, signal.SIG_IGN)

    def _watch(self, reader: int) -> None:
        interrupts = 0
        while data := os.read(reader, 1):
            if data[0] not in (signal.SIGINT, signal.SIGTERM):
                continue
            number = signal.Signals(data[0])
            interrupts += number == signal.SIGINT
            if interrupts > 1:
                self._leave(number, f"{_stopped_by(number)}, the second one: at once")
            words = self.farewell(number)
            if words is not None:
                self._leave(number, words)
            again = " (once more: at once)" if number == signal.SIGINT else ""
            self._say(f"{number.name}: the run stops when its state is saved{again}")

    def _leave(self, number: signal.Signals, words: str) -> NoReturn:
        with self._last_words:  # never released
            self._say(words)
            _end_process(128 + number)

    def _say(self, words: str) -> None:
        # Not by print, because another thread may hold the lock of stderr.
        line = "\n" if sys.stderr.isatty() else ""
        with contextlib.suppress(OSError):
            os.write(2, f"{line}{self._command}: {words}\n".encode())


def _do_nothing(number: int, frame: FrameType | None) -> None:
    pass


def _stopped_by(number: signal.Signals) -> str:
    return f"stopped by {number.name}"


def _end_process(code: int) -> NoReturn:
    # In a thread, because another one may hold the lock of stdout, and wait for a full pipe.
    flush = threading.Thread(target=_flush, daemon=True)
    flush.start()
    flush.join(_SECONDS_FOR_OUTPUT)
    os._exit(code)


def _flush() -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
