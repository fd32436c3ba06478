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


def test_signals_are_answered_to_the_end_of_the_process():
    process = start("pass", before=f"atexit.register(lambda: {STUCK})")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    code, out, err = outcome(process)
    assert (code, out) == (130, "buffered\ncleaned\n")
    assert err == "command: stopped by SIGINT\n"


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


def test_a_call_within_another_program_changes_no_handler():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with CommandSignals("command", is_process=False):
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
