"""tools/train_many.py, with a stand-in for spin-train."""

import importlib.util
import io
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STAND_IN = """
import json, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
folder.mkdir(exist_ok=True)
(folder / "metrics.jsonl").write_text(json.dumps({"step": 7}) + "\\n" + '{"ste')
if folder.name == "fails":
    sys.exit(3)
if folder.name == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if folder.name.startswith("quick"):
    (folder / "summary.json").write_text("{}")
else:
    time.sleep(60)
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("train_many", ROOT / "tools/train_many.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "GRACE", 1)
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)
    started = []

    def start(command):
        started.append(module.folder_of(command))
        return subprocess.Popen([sys.executable, "-c", STAND_IN, str(started[-1])])

    monkeypatch.setattr(module, "start", start)

    def run(names, *options):
        lines = "".join(f"spin-train --workdir {tmp_path / name}\n" for name in names)
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        monkeypatch.setattr(sys, "argv", ["train_many.py", *options])
        code = module.main()
        return code, capsys.readouterr().out.splitlines(), [each.name for each in started]

    return run


def test_trainings_run_in_order_and_only_once(run):
    names = ["quick_1", "quick_2", "quick_3"]
    code, lines, started = run(names, "--at-once", "2")
    assert code == 0
    assert started == names
    assert all(line.endswith("step 7, done") for line in lines)
    assert run(names)[2] == names  # none was started again


def test_failed_and_stopped_trainings_are_reported_in_time(run):
    begun = time.monotonic()
    code, lines, _ = run(["fails", "slow", "stubborn", "quick"], "--minutes", "0.08")
    assert time.monotonic() - begun < 15
    assert code == 1
    ends = {line.split(":")[0].rsplit("/")[-1]: line for line in lines}
    assert "failed with exit status 3" in ends["fails"]
    assert ends["slow"].endswith("stopped, to be resumed")
    assert "failed with exit status -9" in ends["stubborn"]
    assert ends["quick"].endswith("done")


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["twice", "twice"], (), "a --workdir of its own"),
        (["one"], ("--at-once", "0"), "at least 1"),
        ([], (), "needs commands"),
        (["one"], ("--minutes", "0.01"), "the time that saving may take"),
        (["'one"], (), "not a command: .*No closing quotation"),
    ],
)
def test_bad_input_is_refused_before_a_training_starts(run, names, options, message):
    with pytest.raises(SystemExit, match=message):
        run(names, *options)
