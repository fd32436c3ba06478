"""The training loop: makes the updates, and logs, evaluates and saves between them."""

import contextlib
import dataclasses
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import jax

import spin_data
from spin_train.configuration import profiled_steps
from spin_train.devices.device_pipeline import DevicePipeline
from spin_train.devices.sharding import shard_batch
from spin_train.model.train_state import TrainState
from spin_train.optimization.steps import make_train_step
from spin_train.optimization.tasks import Scores
from spin_train.training.clocks import ActivityClock, MetricWindow, StepTimer
from spin_train.training.interruption import Interrupted, Interruption
from spin_train.training.progress import Progress
from spin_train.training.setup import TrainingSetup
from spin_train.workdir.checkpoints import Checkpoints
from spin_train.workdir.metric_files import MetricRecord, MetricWriter

PROFILE_FOLDER = "profile"

_WHILE_TRAINING = "validation"


@dataclasses.dataclass
class RunServices:
    """The services that a training loop uses.

    Attributes:
      workdir: the run's directory.
      checkpoints: stores the newest states.
      best: stores the state with the best result on the validation split; None if that split is not
        evaluated.
      writer: writes metrics.
      progress: shows the progress to the user.
      interruption: records signals.
    """

    workdir: Path
    checkpoints: Checkpoints
    best: Checkpoints | None
    writer: MetricWriter
    progress: Progress
    interruption: Interruption


@dataclasses.dataclass(frozen=True)
class _Due:
    """The tasks between a step and the next one."""

    asked_to_stop: signal.Signals | None
    logs: bool
    saves: bool
    evaluates: bool

    def __bool__(self) -> bool:
        return bool(self.asked_to_stop or self.logs or self.saves or self.evaluates)


class TrainingLoop:
    """Makes the updates of a run.

    Args:
      setup: data, model, task and schedule.
      services: where the loop writes and where it gets signals from.
      metadata: metadata of the checkpoint from which the training continues; empty for a new run.
    """

    def __init__(
        self, setup: TrainingSetup, services: RunServices, metadata: dict[str, Any]
    ) -> None:
        self._setup = setup
        self._services = services
        self._constants = setup.constants()
        self._evaluator = setup.evaluator
        self._window = MetricWindow(metadata.get("window", ()))
        self._timer = StepTimer(**metadata.get("timer", {}))
        self._clock = ActivityClock(metadata.get("seconds", {}))

    def run(self, state: TrainState, first_step: int) -> TrainState:
        """Makes the remaining updates and saves the final state.

        Raises:
          Interrupted: after a signal; the state is saved.
          DivergedError: if the loss or a parameter is no longer finite; the last good checkpoint
            is kept.
        """
        setup = self._setup
        if first_step >= setup.num_train_steps:
            return state
        if first_step and self._lacks_evaluation(first_step):
            self._evaluate_while_training(state)
        batches, pipeline = setup.data.training_input(
            setup.mesh, setup.global_batch_size, first_step
        )
        with (
            contextlib.closing(batches),
            _Profiler(setup, self._services.workdir) as profiler,
        ):
            state = self._make_updates(state, first_step, batches, pipeline, profiler)
        self._finish(state)
        return state

    def evaluate(self, state: TrainState, split: str) -> dict[str, float]:
        """Evaluates on a split, writes the result and returns it.

        Raises:
          Interrupted: after a signal; the state is saved.
        """
        step = int(state.step)

        def after_batch(number: int) -> None:
            asked = self._services.interruption.asked_at(number)
            if asked:
                self._save(state)
                raise Interrupted(step, asked)

        source = self._setup.data.eval_source(split)
        metrics = self._evaluator.evaluate(state, self._constants, source, after_batch)
        self._services.writer.write(step, metrics, split)
        examples = self._evaluator.scored_examples(source)
        self._services.progress.evaluation(step, metrics, split, examples)
        best = self._services.best
        # If the run fell back to an older checkpoint, `best` may be empty: then any evaluated state
        # is saved.
        if best is not None and (self._best_so_far() == step or best.latest_step is None):
            best.save(state)
        return metrics

    def _make_updates(
        self,
        state: TrainState,
        first_step: int,
        batches: Iterator[spin_data.Batch],
        pipeline: DevicePipeline,
        profiler: "_Profiler",
    ) -> TrainState:
        setup = self._setup
        train_step = make_train_step(
            setup.model,
            setup.task,
            setup.optimizer,
            setup.mesh,
            accumulation_steps=setup.config.gradient_accumulation_steps,
        )
        running: Scores | None = None
        self._clock.begin("first_step")
        for step in range(first_step + 1, setup.num_train_steps + 1):
            profiler.before(step)
            batch = shard_batch(next(batches), setup.mesh)
            state, scores = train_step(state, self._constants, batch, pipeline)
            self._services.interruption.step_made()
            # At most one step runs while the next is prepared: on virtual CPU devices, a queue of
            # hundreds of steps deadlocks.
            if running is not None:
                self._window.add(step - 1, running)
            running = scores
            profiler.after(step, scores)
            if step == first_step + 1:
                jax.block_until_ready(scores)
                self._clock.begin("steps")
            self._timer.step_done()
            self._services.progress.advance(self._window.latest())
            if due := self._due_after(step):
                # Waits for the step and checks that its loss is finite, before anything is saved.
                self._window.add(step, running)
                running = None
                self._between_steps(state, step, due)
        return state

    def _due_after(self, step: int) -> _Due:
        config = self._setup.config
        return _Due(
            asked_to_stop=self._services.interruption.asked_at(step),
            logs=step % config.log_loss_every_steps == 0 or step == self._setup.num_train_steps,
            saves=step % config.checkpoint_every_steps == 0,
            evaluates=self._evaluates_after(step),
        )

    def _between_steps(self, state: TrainState, step: int, due: _Due) -> None:
        self._timer.pause()
        if due.logs:
            self._clock.begin("logging")
            self._log(step)
        if due.saves or due.asked_to_stop:
            self._save(state)
        if due.asked_to_stop:
            raise Interrupted(step, due.asked_to_stop)
        if due.evaluates:
            self._evaluate_while_training(state)
        self._clock.begin("steps")
        if step < self._setup.num_train_steps:
            self._timer.resume()

    def _finish(self, state: TrainState) -> None:
        self._save(state)
        self._services.checkpoints.wait()  # from here on, a signal may end the process at any time
        self._services.interruption.saved(int(state.step))
        last_step, speed = self._setup.num_train_steps, self._timer.overall()
        if speed is not None:
            self._services.writer.write(last_step, {"steps_per_sec": speed})
        self._services.writer.write(last_step, self._clock.named())

    def _save(self, state: TrainState) -> None:
        self._clock.begin("saving")
        metadata = {
            "window": self._window.steps,
            "timer": self._timer.totals(),
            "seconds": self._clock.totals(),
        }
        self._services.checkpoints.save(state, metadata)

    def _log(self, step: int) -> None:
        learning_rate = float(self._setup.schedule(step))
        metrics = {"learning_rate": learning_rate, **self._window.summarize()}
        speed = self._timer.since_last()
        if speed is not None:
            metrics["steps_per_sec"] = speed
        self._services.writer.write(step, metrics)
        self._services.progress.training(step, metrics)

    def _evaluates_after(self, step: int) -> bool:
        config = self._setup.config
        return (
            self._setup.data.final_split == _WHILE_TRAINING
            and step % config.eval_every_steps == 0
            and step < self._setup.num_train_steps
        )

    def _lacks_evaluation(self, step: int) -> bool:
        """Whether an earlier process saved this step, but ended before it was evaluated."""
        done = any(
            record["step"] == step and record.get("split") == _WHILE_TRAINING
            for record in self._services.writer.history
        )
        best = self._services.best
        is_kept = best is None or self._best_so_far() != step or best.latest_step == step
        return self._evaluates_after(step) and not (done and is_kept)

    def _evaluate_while_training(self, state: TrainState) -> None:
        self._clock.begin("evaluating")
        self.evaluate(state, _WHILE_TRAINING)

    def _best_so_far(self) -> int | None:
        """Returns the step with the best result on the validation split; the first if equal."""
        evaluated = [
            record
            for record in self._services.writer.history
            if record.get("split") == _WHILE_TRAINING and {"accuracy", "eval_loss"} & set(record)
        ]
        if not evaluated:
            return None
        best = max(evaluated, key=lambda r: (_goodness(r), -r["step"]))
        return int(best["step"])


def _goodness(record: MetricRecord) -> float:
    """The accuracy, or the negative loss where there is none."""
    return float(record["accuracy"] if "accuracy" in record else -record["eval_loss"])


class _Profiler:
    """Profiles the configured steps, if they are reached."""

    def __init__(self, setup: TrainingSetup, workdir: Path) -> None:
        self._steps = profiled_steps(setup.config)
        self._folder = workdir / PROFILE_FOLDER
        self._runs = False

    def __enter__(self) -> Self:
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
