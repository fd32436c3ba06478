"""What happens to a run that is interrupted, killed, damaged, or moved."""

import json
import logging
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import filelock
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spin_train
from spin_train.training import loop, run
from spin_train.training.evaluator import Evaluator
from spin_train.training.interruption import Interrupted, Interruption
from spin_train.training.setup import make_setup
from spin_train.workdir.checkpoints import Checkpoints
from spin_train.workdir.metric_files import read_metrics


def checkpoints_in(folder):
    """The finished ones."""
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())


def evaluate_as(monkeypatch, config, *accuracies):
    """Every second step is evaluated, with these results one after another."""
    results = iter(accuracies)
    monkeypatch.setattr(
        Evaluator, "evaluate", lambda *args: {"accuracy": next(results), "eval_loss": 1.0}
    )
    config.eval_every_steps = 2


def test_an_interrupted_run_ends_exactly_as_an_uninterrupted_one(
    config, tmp_path, monkeypatch, curve, final_state
):
    config.log_loss_every_steps = 4  # and a checkpoint every three: it is in the midst of a window
    whole = spin_train.train(config, tmp_path / "whole")

    calls = []

    def shard_batch_until_the_power_fails(batch, mesh):
        calls.append(batch)
        if len(calls) == 6:
            raise ConnectionError("power failure")
        return original(batch, mesh)

    original = loop.shard_batch
    monkeypatch.setattr(loop, "shard_batch", shard_batch_until_the_power_fails)
    with pytest.raises(ConnectionError):
        spin_train.train(config, tmp_path / "broken")
    monkeypatch.undo()
    assert read_metrics(tmp_path / "broken")[-1]["step"] == 4

    resumed = spin_train.train(config, tmp_path / "broken")
    assert resumed["validation"] == whole["validation"]
    ours, theirs = (final_state(tmp_path / name) for name in ("broken", "whole"))
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_leaves(config, words, tmp_path, start, curve, number):
    config.num_train_steps = 4000
    words += ["--config.num_train_steps=4000", "--config.checkpoint_every_steps=100000"]
    process = start("--workdir", str(tmp_path / "run"), *words)
    for line in process.stdout:
        if line.startswith("[20]"):
            break
    process.send_signal(number)
    rest = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + number
    match = re.search(
        rf"spin-train: stopped by {number.name} after step (\d+), which is saved", rest
    )
    assert match, rest
    assert "Traceback" not in rest
    (step,) = checkpoints_in(tmp_path / "run" / "checkpoints")
    assert step == int(match[1])
    assert 20 <= step < 4000
    assert not (tmp_path / "run" / "summary.json").exists()


@pytest.mark.parametrize("when", ["between", "during an evaluation"])
def test_after_a_signal_the_same_call_goes_on(config, tmp_path, monkeypatch, curve, when):
    config.log_loss_every_steps = 4
    whole = spin_train.train(config, tmp_path / "whole")
    # After each of four steps, each of the two batches of an evaluation, and a fifth step.
    updates, call = (5, 7) if when == "between" else (4, 5)
    asked = []

    def asked_at(self, number):
        asked.append(number)
        return signal.SIGTERM if len(asked) == call else None

    monkeypatch.setattr(Interruption, "asked_at", asked_at)
    with pytest.raises(Interrupted, match=f"stopped by SIGTERM after step {updates}, which is sav"):
        spin_train.train(config, tmp_path / "stopped")
    monkeypatch.undo()
    evaluated = [r for r in read_metrics(tmp_path / "stopped") if "split" in r]
    assert len(evaluated) == (1 if when == "between" else 0)
    assert spin_train.train(config, tmp_path / "stopped")["validation"] == whole["validation"]
    assert curve(tmp_path / "stopped") == curve(tmp_path / "whole")
    best = [checkpoints_in(tmp_path / name / "best") for name in ("stopped", "whole")]
    assert best[0] == best[1]


def test_signals_are_for_others_outside_a_training(config, tmp_path):
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    config.num_train_steps = 2
    spin_train.train(config, tmp_path)
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption.asked_at(7) == signal.SIGINT
        # The second signal goes to the previous handler.
        assert signal.getsignal(signal.SIGINT) == handlers[signal.SIGINT]
    for number, handler in handlers.items():
        assert signal.getsignal(number) == handler


@pytest.mark.parametrize(
    ("kills", "in_a_save"), [(2, 1), pytest.param(10, 3, marks=pytest.mark.slow)]
)
def test_killed_at_random_moments_it_ends_as_if_nothing_had_been(
    config, words, tmp_path, start, curve, kills, in_a_save
):
    """SIGKILL; some of the kills come while a checkpoint is being written, as orbax's log shows."""
    randomness = random.Random(kills)
    length = [f"--config.num_train_steps={150 * kills}", "--config.checkpoint_every_steps=10"]
    length += ["--config.log_loss_every_steps=7", "--config.eval_every_steps=25"]
    undisturbed = start("--workdir", str(tmp_path / "whole"), *words, *length)
    output = undisturbed.communicate(timeout=300)[0]
    assert undisturbed.returncode == 0, output

    unfinished = 0
    for number in range(kills):
        process = start("--workdir", str(tmp_path / "killed"), *words, *length)
        seen = []
        event = "Saving checkpoint at step" if number < in_a_save else "] learning_rate="
        countdown = randomness.randint(2, 5)
        for line in process.stdout:
            seen.append(line)
            countdown -= event in line
            if not countdown:
                break
        if number >= in_a_save:
            time.sleep(randomness.uniform(0, 0.05))
        process.kill()
        seen += process.communicate(timeout=60)[0].splitlines()
        assert process.returncode == -signal.SIGKILL, "".join(seen)
        begun = sum("Saving checkpoint at step" in line for line in seen)
        ended = sum("Finished saving checkpoint" in line for line in seen)
        unfinished += begun > ended
    assert unfinished >= in_a_save

    final = start("--workdir", str(tmp_path / "killed"), *words, *length)
    output = final.communicate(timeout=300)[0]
    assert final.returncode == 0, output
    assert "continuing after step" in output
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")


def _truncate(step: Path) -> None:
    for path in step.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip_values(step: Path) -> None:
    """Changes a byte of the arrays, which the format itself would not notice."""
    (largest,) = sorted((step / "default" / "d").iterdir(), key=lambda p: p.stat().st_size)[-1:]
    content = bytearray(largest.read_bytes())
    for place in range(len(content) // 3, len(content), 7):
        content[place] ^= 0x10
    largest.write_bytes(bytes(content))


def _lose_notes(step: Path) -> None:
    for path in (step / "notes").iterdir():
        path.unlink()


def _empty_metadata(step: Path) -> None:
    for name in ("_CHECKPOINT_METADATA", "default/_METADATA", "notes/metadata"):
        (step / name).write_bytes(b"")


# Orbax leaves its own tasks behind when what it reads makes no sense.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", [_truncate, _flip_values, _lose_notes, _empty_metadata])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    config, tmp_path, curve, final_state, capsys, caplog, damage
):
    whole = spin_train.train(config, tmp_path)
    expected, state = curve(tmp_path), final_state(tmp_path)
    damage(tmp_path / "checkpoints" / "8")
    capsys.readouterr()

    assert spin_train.train(config, tmp_path)["validation"] == whole["validation"]
    output, error = capsys.readouterr()
    assert error == ""
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert output.count("note: the checkpoint of step 8") == 1
    assert "going on from that of step 6" in output
    assert "continuing after step 6" in output
    assert curve(tmp_path) == expected
    jax.tree.map(np.testing.assert_array_equal, final_state(tmp_path), state)
    # Nothing is thrown away that somebody might still want to look at.
    assert [path.name for path in (tmp_path / "damaged_checkpoints").iterdir()] == [
        "checkpoints_8_0"
    ]


def test_values_that_changed_on_disk_are_noticed(config, tmp_path):
    """What only the checksum can tell: a checkpoint whose notes are another's."""
    spin_train.train(config, tmp_path)
    six, eight = (tmp_path / "checkpoints" / step / "notes" / "metadata" for step in "68")
    eight.write_bytes(six.read_bytes())
    setup = make_setup(config)
    told = []
    with Checkpoints(tmp_path) as checkpoints:
        state, _ = checkpoints.restore_latest(setup.initial_state(), setup.mesh, told.append)
    assert int(state.step) == 6
    assert "checksum" in told[0]


def test_notes_that_changed_on_disk_are_noticed(config, tmp_path):
    spin_train.train(config, tmp_path)
    path = tmp_path / "checkpoints" / "8" / "notes" / "metadata"
    notes = json.loads(path.read_text())
    notes["timer"]["steps"] = 5
    path.write_text(json.dumps(notes))
    setup = make_setup(config)
    told = []
    with Checkpoints(tmp_path) as checkpoints:
        state, _ = checkpoints.restore_latest(setup.initial_state(), setup.mesh, told.append)
    assert int(state.step) == 6
    assert "the metadata's checksum is not" in told[0]


def test_an_error_while_closing_does_not_hide_the_first(tmp_path):
    """On a full disk, Orbax's manager fails again when it is closed."""

    def fail():
        raise ValueError("RESOURCE_EXHAUSTED: no space")

    checkpoints = Checkpoints(tmp_path)
    close, checkpoints._manager.close = checkpoints._manager.close, fail
    with pytest.raises(KeyError), checkpoints:
        raise KeyError("the first")
    with pytest.raises(spin_train.UserError, match=r"cannot be written .*no space"), checkpoints:
        pass
    close()


def test_when_every_checkpoint_is_damaged_nothing_is_lost(config, tmp_path):
    spin_train.train(config, tmp_path)
    for step in ("6", "8"):
        _truncate(tmp_path / "checkpoints" / step)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(spin_train.UserError, match=r"can be read \(steps 8, 6\)"):
        spin_train.train(config, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_another_configuration_in_the_workdir_is_refused(config, tmp_path):
    config.num_train_steps = 2
    spin_train.train(config, tmp_path)
    other = config.copy_and_resolve_references()
    other.update({"learning_rate": 0.5, "trial": 1})
    other.model_options.dropout = 0.0
    with pytest.raises(spin_train.UserError) as error:
        spin_train.train(other, tmp_path)
    assert "learning_rate (0.02 there, 0.5 here)" in str(error.value)
    assert "trial (0 there, 1 here)" in str(error.value)
    assert "model_options" in str(error.value)
    assert "seed" not in str(error.value)

    other = config.copy_and_resolve_references()
    other.per_device_batch_size = 4
    with pytest.raises(spin_train.UserError, match="global batch size \\(16 there, 32 here"):
        spin_train.train(other, tmp_path)

    config.update({"log_loss_every_steps": 1, "eval_every_steps": 1, "checkpoint_every_steps": 1})
    spin_train.train(config, tmp_path)


def test_an_evaluation_without_a_batch_is_refused_before_the_first_step(config, tmp_path):
    config.update({"eval_pad_last_batch": False, "per_device_batch_size": 4})  # 32 on 8 devices
    with pytest.raises(spin_train.UserError, match=r"'validation' of .* has 20 examples, few"):
        spin_train.train(config, tmp_path)
    assert not (tmp_path / "config.json").exists()


def test_keys_of_evaluation_may_differ_in_a_run_that_goes_on(config, tmp_path):
    config.update({"num_train_steps": 2, "eval_pad_last_batch": False})
    without = spin_train.train(config, tmp_path)["validation"]  # of 16 examples
    config.eval_pad_last_batch = True
    whole = spin_train.train(config, tmp_path)["validation"]  # of all 20
    assert whole["eval_loss"] != without["eval_loss"]
    config.num_eval_steps = 1
    assert spin_train.train(config, tmp_path)["validation"] == without


def test_the_best_state_is_kept_beside_the_last(config, tmp_path, monkeypatch):
    evaluate_as(monkeypatch, config, 0.25, 0.75, 0.75, 0.5)
    spin_train.train(config, tmp_path)
    assert checkpoints_in(tmp_path / "best") == [2, 4]  # of equal ones the first
    assert checkpoints_in(tmp_path / "checkpoints") == [6, 8]


@pytest.mark.parametrize("bad", ["params", "loss"])
def test_what_is_not_finite_is_never_saved(config, tmp_path, monkeypatch, bad):
    """The update of step 5 spoils the parameters; step 6, whose loss shows it, would be saved."""
    config.checkpoint_every_steps = 3 if bad == "loss" else 5
    original = loop.make_train_step

    def make_spoiling_step(*args, **options):
        train_step = original(*args, **options)

        def step(state, *rest):
            state, scores = train_step(state, *rest)
            if int(state.step) == 5:
                state.params["turn"] = state.params["turn"] * jnp.nan
            return state, scores

        return step

    monkeypatch.setattr(loop, "make_train_step", make_spoiling_step)
    said = "the loss is nan at step 6" if bad == "loss" else "are not finite after step 5"
    with pytest.raises(spin_train.UserError, match=said):
        spin_train.train(config, tmp_path)
    assert checkpoints_in(tmp_path / "checkpoints") == ([3] if bad == "loss" else [])
    monkeypatch.undo()
    assert np.isfinite(spin_train.train(config, tmp_path)["validation"]["eval_loss"])


def test_a_best_state_that_is_made_anew_is_forgotten_first(config, tmp_path, monkeypatch):
    """The best came after the checkpoint that is gone back to; made anew, it may do worse."""
    evaluate_as(monkeypatch, config, 0.1, 0.2, 0.3, 0.4, 0.05)
    spin_train.train(config, tmp_path)
    assert checkpoints_in(tmp_path / "best") == [6, 8]
    _truncate(tmp_path / "checkpoints" / "8")
    spin_train.train(config, tmp_path)
    assert checkpoints_in(tmp_path / "best") == [6]


def test_where_the_best_state_is_lost_the_next_one_is_kept(config, tmp_path, monkeypatch):
    evaluate_as(monkeypatch, config, 0.5, 0.1, 0.1, 0.1, 0.1)
    spin_train.train(config, tmp_path)
    assert checkpoints_in(tmp_path / "best") == [2]
    shutil.rmtree(tmp_path / "best" / "2")
    _truncate(tmp_path / "checkpoints" / "8")
    spin_train.train(config, tmp_path)
    assert checkpoints_in(tmp_path / "best") == [8]


def test_a_signal_in_the_report_ends_it_and_loses_nothing(config, tmp_path, monkeypatch):
    config.report_examples = 4

    def raise_signal(*args):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(run, "analyze_model", raise_signal)
    with pytest.raises(Interrupted, match="stopped by SIGTERM after step 8, which is saved"):
        spin_train.train(config, tmp_path)
    monkeypatch.undo()
    assert (tmp_path / "summary.json").exists()
    assert spin_train.train(config, tmp_path)["num_train_steps"] == 8
    assert (tmp_path / "report.html").exists()


def test_sigterm_may_come_twice(config, tmp_path):
    """Schedulers send it more than once; the step is saved all the same."""
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert interruption.asked_at(1) == signal.SIGTERM


def test_a_report_that_fails_fails_no_run(config, tmp_path, monkeypatch, capsys):
    def fail(*args):
        raise NotImplementedError("no <features>")

    config.report_examples = 4
    monkeypatch.setattr(run, "analyze_model", fail)
    spin_train.train(config, tmp_path)
    said = "could not be analyzed: NotImplementedError: no <features>"
    assert said in capsys.readouterr().out
    page = (tmp_path / "report.html").read_text()
    assert "was not analyzed: NotImplementedError: no &lt;features&gt;" in page


def test_two_trainings_in_one_directory_are_refused(config, tmp_path):
    lock = filelock.FileLock(tmp_path / ".lock")
    with lock, pytest.raises(spin_train.UserError, match="another training is at work in"):
        spin_train.train(config, tmp_path)
    config.num_train_steps = 1
    spin_train.train(config, tmp_path)


def test_checkpoints_of_an_unknown_configuration_are_refused(config, tmp_path):
    spin_train.train(config, tmp_path)
    written = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").unlink()
    with pytest.raises(spin_train.UserError, match=r"has checkpoints but no config\.json"):
        spin_train.train(config, tmp_path)
    for bad in ("0", '"eight"'):
        text = written.replace('"global_batch_size": 16', f'"global_batch_size": {bad}')
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(spin_train.UserError, match="expected a positive integer"):
            spin_train.train(config, tmp_path)


def test_a_full_disk_is_one_line_and_what_was_saved_remains(config, words, tmp_path, start):
    """A limit on the size of files stands for it."""
    spin_train.train(config, tmp_path)
    shutil.rmtree(tmp_path / "checkpoints" / "8")
    command = [sys.executable, "-m", "spin_train", "--workdir", str(tmp_path), *words]
    limited = f"ulimit -f 2; exec {shlex.join(command)}"
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": ""}  # its files are limited as well
    finished = subprocess.run(
        ["bash", "-c", limited], env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 2, finished.stderr
    assert len(finished.stderr.splitlines()) == 1, finished.stderr
    line = finished.stderr
    assert line.startswith("spin-train: a checkpoint cannot be written to"), line
    assert checkpoints_in(tmp_path / "checkpoints") == [6]


def test_lines_that_are_no_records_are_passed_over(config, tmp_path):
    (tmp_path / "metrics.jsonl").write_bytes(
        b'5\n[1]\n{"loss": 1}\n\xff\xfe\n{"step": 1, "loss": null}\n{"step": 2, "lo'
    )
    with pytest.warns(UserWarning, match=r"metrics.jsonl' is damaged: line 1 \(a int, exp.* and 3"):
        (record,) = read_metrics(tmp_path)
    assert record["step"] == 1
    assert np.isnan(record["loss"])


def test_profiling_beyond_the_end_is_said(config, tmp_path, capsys):
    config.profile_steps = "7:9"
    spin_train.train(config, tmp_path)
    assert "note: profile_steps 7:9 go beyond the last step, 8" in capsys.readouterr().out


def test_chosen_steps_are_profiled(config, tmp_path):
    config.profile_steps = "2:3"
    spin_train.train(config, tmp_path)
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))
