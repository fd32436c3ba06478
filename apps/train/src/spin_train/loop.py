"""The training loop: updates, and what is logged, evaluated and saved between them."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

import spin_data
from spin_train.checkpoints import Checkpoints
from spin_train.configuration import profiled_steps
from spin_train.evaluation import evaluate_source
from spin_train.experiment import Experiment
from spin_train.interruption import Interrupted, Interruption
from spin_train.metrics import MetricWriter, Seconds, StepTimer, Window
from spin_train.progress import Progress
from spin_train.sharding import shard_batch
from spin_train.step import TrainState, make_eval_step, make_train_step
from spin_train.tasks import Scores

PROFILE_FOLDER = "profile"

_WHILE_TRAINING = "validation"


@dataclasses.dataclass
class Listeners:
    """What a training reports to.

    Attributes:
      workdir: the run's directory.
      checkpoints: where the newest states go.
      best: where the state goes that did best on the validation split; None if it is not looked at.
      writer: where metrics go.
      progress: what a person sees.
      interruption: notices signals.
    """

    workdir: Path
    checkpoints: Checkpoints
    best: Checkpoints | None
    writer: MetricWriter
    progress: Progress
    interruption: Interruption


class TrainingLoop:
    """Makes the updates of an experiment.

    Args:
      experiment: what to train.
      listeners: what it reports to.
      notes: of the checkpoint that training goes on from; empty at the start.
    """

    def __init__(self, experiment: Experiment, listeners: Listeners, notes: dict[str, Any]) -> None:
        self._experiment = experiment
        self._to = listeners
        self._constants = experiment.constants()
        self._eval_step = make_eval_step(experiment.parts, experiment.task, experiment.mesh)
        self._window = Window(notes.get("window", ()))
        self._timer = StepTimer(**notes.get("timer", {}))
        self._seconds = Seconds(notes.get("seconds", {}))

    def run(self, state: TrainState, first_step: int) -> TrainState:
        """Makes the remaining updates; the state after the last is saved.

        Raises:
          Interrupted: if a signal asks for an end; the state is saved.
          DivergedError: if the loss or a parameter is no longer finite; the last good checkpoint
            is kept.
        """
        if first_step >= self._experiment.num_train_steps:
            return state
        with (
            contextlib.closing(self._experiment.train_batches(first_step)) as batches,
            _Profiler(self._experiment, self._to.workdir) as profiler,
        ):
            if first_step and self._lacks_evaluation(first_step):
                self._evaluate_while_training(state)
            return self._run(state, first_step, batches, profiler)

    def evaluate(self, state: TrainState, split: str) -> dict[str, float]:
        """Evaluates on a split, writes the result and returns it.

        Raises:
          Interrupted: if a signal asks for an end; the state is saved.
        """
        step = int(state.step)

        def after_batch(number: int) -> None:
            asked = self._to.interruption.asked_at(number)
            if asked:
                self._save(state)
                raise Interrupted(step, asked)

        source = self._experiment.eval_dataset.splits[split]
        metrics = evaluate_source(
            self._experiment, self._eval_step, state, self._constants, source, after_batch
        )
        self._to.writer.write(step, metrics, split)
        self._to.progress.evaluation(step, metrics, split)
        best = self._to.best
        # Where a fall back left none, the next will do: some state is better than none.
        if best is not None and (self._best_so_far() == step or best.latest_step is None):
            best.save(state)
        return metrics

    def _run(
        self,
        state: TrainState,
        first_step: int,
        batches: Iterator[spin_data.Batch],
        profiler: "_Profiler",
    ) -> TrainState:
        experiment, config = self._experiment, self._experiment.config
        window, timer, seconds = self._window, self._timer, self._seconds
        last_step = experiment.num_train_steps
        train_step = make_train_step(
            experiment.parts,
            experiment.task,
            experiment.optimizer,
            experiment.mesh,
            accumulation_steps=config.gradient_accumulation_steps,
        )
        pipeline = experiment.device_pipeline()
        running: Scores | None = None
        seconds.begin("first_step")
        for step in range(first_step + 1, last_step + 1):
            profiler.before(step)
            batch = shard_batch(next(batches), experiment.mesh)
            state, scores = train_step(state, self._constants, batch, pipeline)
            # One step runs while the next is prepared, never more: on virtual CPU devices a
            # queue of hundreds deadlocks.
            if running is not None:
                window.add(step - 1, running)
            running = scores
            profiler.after(step, scores)
            if step == first_step + 1:
                jax.block_until_ready(scores)
                seconds.begin("steps")
            timer.step_done()
            self._to.progress.advance(window.latest())

            asked = self._to.interruption.asked_at(step)
            logs = step % config.log_loss_every_steps == 0 or step == last_step
            saves = step % config.checkpoint_every_steps == 0
            evaluates = self._evaluates_after(step)
            if not (asked or logs or saves or evaluates):
                continue
            # The step is awaited, and its loss looked at, before anything of it is kept.
            window.add(step, running)
            running = None
            timer.pause()
            if logs:
                seconds.begin("logging")
                self._log(step)
            if saves or asked:
                self._save(state)
            if asked:
                raise Interrupted(step, asked)
            if evaluates:
                self._evaluate_while_training(state)
            seconds.begin("steps")
            if step < last_step:
                timer.resume()
        self._save(state)
        self._to.checkpoints.wait()  # what comes after may be broken off at any moment
        speed = timer.overall()
        if speed is not None:
            self._to.writer.write(last_step, {"steps_per_sec": speed})
        self._to.writer.write(last_step, seconds.named())
        return state

    def _save(self, state: TrainState) -> None:
        self._seconds.begin("saving")
        notes = {
            "window": self._window.steps,
            "timer": self._timer.totals(),
            "seconds": self._seconds.totals(),
        }
        self._to.checkpoints.save(state, notes)

    def _log(self, step: int) -> None:
        learning_rate = float(self._experiment.schedule(step))
        metrics = {"learning_rate": learning_rate, **self._window.summarise()}
        speed = self._timer.since_last()
        if speed is not None:
            metrics["steps_per_sec"] = speed
        self._to.writer.write(step, metrics)
        self._to.progress.training(step, metrics)

    def _evaluates_after(self, step: int) -> bool:
        config = self._experiment.config
        return (
            not config.combine_train_val_and_eval_on_test
            and step % config.eval_every_steps == 0
            and step < self._experiment.num_train_steps
        )

    def _lacks_evaluation(self, step: int) -> bool:
        """Whether an earlier process saved this step and ended before it had evaluated it."""
        done = any(
            record["step"] == step and record.get("split") == _WHILE_TRAINING
            for record in self._to.writer.history
        )
        best = self._to.best
        is_there = best is None or self._best_so_far() != step or best.latest_step == step
        return self._evaluates_after(step) and not (done and is_there)

    def _evaluate_while_training(self, state: TrainState) -> None:
        self._seconds.begin("evaluating")
        self.evaluate(state, _WHILE_TRAINING)

    def _best_so_far(self) -> int | None:
        """The step that did best on the validation split: the first of those of equal accuracy."""
        evaluated = [
            record for record in self._to.writer.history if record.get("split") == _WHILE_TRAINING
        ]
        if not evaluated:
            return None
        best = max(evaluated, key=lambda r: (r.get("accuracy", -r["eval_loss"]), -r["step"]))
        return int(best["step"])


class _Profiler:
    """Profiles the configured steps, where they come to pass."""

    def __init__(self, experiment: Experiment, workdir: Path) -> None:
        self._steps = profiled_steps(experiment.config)
        self._folder = workdir / PROFILE_FOLDER
        self._runs = False

    def __enter__(self) -> "_Profiler":
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def before(self, step: int) -> None:
        if step in self._steps and not self._runs:
            jax.profiler.start_trace(str(self._folder))
            self._runs = True

    def after(self, step: int, scores: Scores) -> None:
        if self._runs and step == self._steps[-1]:
            jax.block_until_ready(scores)
            self._stop()

    def _stop(self) -> None:
        if self._runs:
            jax.profiler.stop_trace()
            self._runs = False
