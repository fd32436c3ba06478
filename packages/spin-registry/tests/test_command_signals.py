"""Signals to a command: answered at once, in one line, whatever its main thread does."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from spin_registry.command_signals import CommandSignals

# A library's call that takes a minute, holds no lock of Python, and notices no signal.
STUCK = "hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"

PROGRAM = """
import atexit, hashlib, sys, time
from spin_registry.command_signals import CommandSignals
{before}
with CommandSignals("command", is_process=True) as signals:
    {setup}
    print("buffered")
    print("begun", file=sys.stderr, flush=True)
    try:
        {work}
    finally:
        print("cleaned")
"""


def start(work, *, setup="pass", before=""):
    program = PROGRAM.format(work=work, setup=setup, before=before)
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )
    assert process.stderr.readline() == "begun\n"
    return process


def outcome(process, seconds=20):
    limit = threading.Timer(seconds, process.kill)
    limit.start()
    # Not by communicate, which passes over what readline has taken from the pipe.
    with process:
        out, err = process.stdout.read(), process.stderr.read()
    code = process.returncode
    limit.cancel()
    assert "Traceback" not in err
    return code, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("work", [STUCK, "time.sleep(60)", "sum(1 for _ in iter(int, 1))"])
def test_a_signal_ends_whatever_the_main_thread_does(work, number):
    process = start(work)
    process.send_signal(number)
    code, out, err = outcome(process)
    assert code == 128 + number
    assert err == f"command: stopped by {number.name}\n"
    assert out == "buffered\n"  # what was printed is not lost


def test_a_second_one_ends_what_the_first_may_not():
    process = start(STUCK, setup="signals.farewell = lambda number: None")
    process.send_signal(signal.SIGINT)
    line = process.stderr.readline()
    assert line == "command: SIGINT: the run stops when its state is saved (once more: at once)\n"
    process.send_signal(signal.SIGTERM)  # as a scheduler does after a while
    assert process.stderr.readline() == (
        "command: SIGTERM: the run stops when its state is saved\n"
    )
    process.send_signal(signal.SIGINT)
    code, _, err = outcome(process)
    assert code == 130
    assert err == "command: stopped by SIGINT, the second one: at once\n"


def test_two_in_a_row_do_not_crash():
    process = start(STUCK)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    code, _, err = outcome(process)
    assert code == 130
    assert err.count("\n") == 1


def test_the_last_words_are_those_of_the_command():
    process = start(STUCK, setup="signals.farewell = lambda number: f'{number.name}, good bye'")
    process.send_signal(signal.SIGTERM)
    assert outcome(process)[2] == "command: SIGTERM, good bye\n"


def test_signals_are_answered_while_python_runs_what_was_left_for_the_end():
    process = start("pass", setup=f"atexit.register(lambda: {STUCK})")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    code, out, err = outcome(process)
    assert (code, out) == (130, "buffered\ncleaned\n")
    assert err == "command: stopped by SIGINT\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_change_nothing_when_all_is_done(number):
    """Python takes its modules apart, with those of the libraries."""
    library = "class Library:\n    def __del__(self):\n        time.sleep(1)\nlibrary = Library()"
    process = start("pass", before=library)
    time.sleep(0.5)
    process.send_signal(number)
    assert outcome(process) == (0, "buffered\ncleaned\n", "")


def test_the_watching_thread_has_the_last_words():
    """The main thread ends because of the signal as well, a little later."""
    setup = "signals.farewell = lambda number: 'by the thread'"
    work = "time.sleep(1); sys.exit(signals.end_by(signal.SIGTERM, 'by the command'))"
    # The thread waits for its output at the end, and the command comes in between.
    slow = "import signal; from spin_registry import command_signals as module; "
    slow += "module._flush, module._SECONDS_FOR_OUTPUT = lambda: time.sleep(60), 2"
    process = start(work, setup=setup, before=slow)
    process.send_signal(signal.SIGTERM)
    assert outcome(process)[::2] == (143, "command: by the thread\n")


def test_the_command_has_the_last_words():
    work = "code = signals.end_by(signal.SIGTERM, 'by the command'); time.sleep(1); sys.exit(code)"
    process = start(work, before="import signal")
    assert process.stderr.readline() == "command: by the command\n"
    process.send_signal(signal.SIGTERM)
    assert outcome(process) == (143, "buffered\ncleaned\n", "")


def test_a_process_that_must_not_wait_ends_with_its_code():
    program = (
        "import threading, time; from spin_registry.command_signals import CommandSignals\n"
        "threading.Thread(target=lambda: time.sleep(60)).start()\n"
        "with CommandSignals('command', is_process=True) as signals:\n"
        "    signals.ends_at_once = True\n"
        "    print('buffered')\n"
        "signals.end(2)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, b"buffered\n", b"")


def test_a_call_within_another_program_prints_to_its_stderr(capsys):
    with CommandSignals("command", is_process=False) as signals:
        assert signals.end_by(signal.SIGTERM, "stopped") == 143
    assert capsys.readouterr().err == "command: stopped\n"


def test_a_call_within_another_program_changes_no_handler():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with CommandSignals("command", is_process=False):
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
