"""What happens to a run that is interrupted, killed, damaged, or moved."""

import random
import re
import signal
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spin_train
from spin_train import loop
from spin_train.checkpoints import Checkpoints
from spin_train.experiment import make_experiment
from spin_train.interruption import Interrupted, Interruption
from spin_train.metrics import read_metrics


def checkpoints_in(folder):
    return sorted(int(path.name) for path in folder.iterdir())


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
        # The second is for whoever had it before.
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


# Orbax leaves its own tasks behind when what it reads makes no sense.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", [_truncate, _flip_values, _lose_notes])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    config, tmp_path, curve, final_state, capsys, damage
):
    whole = spin_train.train(config, tmp_path)
    expected, state = curve(tmp_path), final_state(tmp_path)
    damage(tmp_path / "checkpoints" / "8")
    capsys.readouterr()

    assert spin_train.train(config, tmp_path)["validation"] == whole["validation"]
    output = capsys.readouterr().out
    assert "note: the checkpoint of step 8" in output
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
    experiment = make_experiment(config)
    told = []
    with Checkpoints(tmp_path) as checkpoints:
        state, _ = checkpoints.restore_latest(
            experiment.initial_state(), experiment.mesh, told.append
        )
    assert int(state.step) == 6
    assert "checksum" in told[0]


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


def test_the_best_state_is_kept_beside_the_last(config, tmp_path, monkeypatch):
    accuracies = iter([0.25, 0.75, 0.75, 0.5])
    monkeypatch.setattr(
        loop, "evaluate_source", lambda *args: {"accuracy": next(accuracies), "eval_loss": 1.0}
    )
    config.eval_every_steps = 2
    spin_train.train(config, tmp_path)
    assert checkpoints_in(tmp_path / "best") == [4]  # the first of the two
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
    said = "the loss is nan at step 6" if bad == "loss" else "no longer finite after step 5"
    with pytest.raises(spin_train.UserError, match=said):
        spin_train.train(config, tmp_path)
    assert checkpoints_in(tmp_path / "checkpoints") == ([3] if bad == "loss" else [])
    monkeypatch.undo()
    assert np.isfinite(spin_train.train(config, tmp_path)["validation"]["eval_loss"])


def test_chosen_steps_are_profiled(config, tmp_path):
    config.profile_steps = "2:3"
    spin_train.train(config, tmp_path)
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))
