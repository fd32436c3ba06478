"""Training: everything that the command does, as one function."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import ml_collections

import spin_data
from spin_train.checkpoints import Checkpoints
from spin_train.configuration import as_plain_dict, complete_config
from spin_train.evaluation import evaluate_source
from spin_train.experiment import Experiment, make_experiment
from spin_train.metrics import MetricRecord, MetricWriter, StepTimer, Window
from spin_train.model_state import parameter_count
from spin_train.processes import is_first_process
from spin_train.progress import Progress
from spin_train.report import write_report
from spin_train.run_files import SUMMARY_FILE, claim_workdir, write_json
from spin_train.sharding import shard_batch
from spin_train.step import TrainState, make_eval_step, make_train_step

REPORT_FILE = "report.html"


def train(
    config: ml_collections.ConfigDict | dict[str, Any], workdir: str | Path
) -> dict[str, Any]:
    """Trains a model, or continues where the directory's newest checkpoint is, and evaluates it.

    Leaves in the directory: `checkpoints/`, TensorBoard events, `metrics.jsonl`, `config.json`,
    `report.html` and `summary.json`. A finished run is only evaluated again.

    Args:
      config: as `load_config` returns it, or some of its keys; the others have their defaults.
      workdir: the run's directory; created if need be.

    Returns:
      The summary: `model_name`, `dataset`, `eval_dataset`, `param_count`, `num_train_steps`,
      `steps_per_sec` (None if no step was timed), and for the evaluated split, "test" or
      "validation", its metrics.

    Raises:
      UserError: if a name, an option or the configuration is not valid, the directory holds
        another run, or the loss is no longer finite.
    """
    config = complete_config(config)
    workdir = Path(workdir)
    experiment = make_experiment(config)
    claim_workdir(workdir, config, experiment.global_batch_size)

    with Checkpoints(workdir) as checkpoints:
        first_step = checkpoints.latest_step or 0
        last_step = experiment.num_train_steps
        with (
            MetricWriter(workdir, first_step) as writer,
            Progress(first_step, last_step) as progress,
        ):
            progress.say(_headline(experiment))
            state = experiment.initial_state()
            if first_step:
                state = checkpoints.restore_latest(state, experiment.mesh)
                progress.say(
                    f"continuing after step {first_step}"
                    if first_step < last_step
                    else f"all {last_step} steps are done already: evaluating only"
                )
            else:
                writer.write(1, {"param_count": parameter_count(experiment.parts.params)})
            loop = _Loop(experiment, checkpoints, writer, progress)
            state = loop.run(state, first_step)
            split = experiment.final_split
            final = loop.evaluate(state, split)
            summary = _summary(experiment, writer.history) | {split: final}

    write_json(workdir / SUMMARY_FILE, summary)
    if is_first_process():
        write_report(workdir / REPORT_FILE, as_plain_dict(config), summary, writer.history)
    return summary


class _Loop:
    """The training loop, and what it reports to."""

    def __init__(
        self,
        experiment: Experiment,
        checkpoints: Checkpoints,
        writer: MetricWriter,
        progress: Progress,
    ) -> None:
        self._experiment = experiment
        self._checkpoints = checkpoints
        self._writer = writer
        self._progress = progress
        self._constants = experiment.constants()
        self._eval_step = make_eval_step(experiment.parts, experiment.task, experiment.mesh)

    def run(self, state: TrainState, first_step: int) -> TrainState:
        """Makes the remaining updates; the state after the last is saved."""
        if first_step >= self._experiment.num_train_steps:
            return state
        with contextlib.closing(self._experiment.train_batches(first_step)) as batches:
            return self._run(state, first_step, batches)

    def _run(
        self, state: TrainState, first_step: int, batches: Iterator[spin_data.Batch]
    ) -> TrainState:
        experiment, config = self._experiment, self._experiment.config
        last_step = experiment.num_train_steps
        train_step = make_train_step(
            experiment.parts, experiment.task, experiment.optimizer, experiment.mesh
        )
        pipeline = experiment.device_pipeline()
        window, timer = Window(), StepTimer()
        running: dict[str, jax.Array] | None = None
        for step in range(first_step + 1, last_step + 1):
            batch = shard_batch(next(batches), experiment.mesh)
            state, scores = train_step(state, self._constants, batch, pipeline)
            # One step runs while the next is prepared, never more: on virtual CPU devices a
            # queue of hundreds deadlocks.
            if running is not None:
                window.add(step - 1, running)
            running = scores
            if step == first_step + 1:
                jax.block_until_ready(scores)
            timer.step_done()
            self._progress.advance(window.latest())
            logs = step % config.log_loss_every_steps == 0 or step == last_step
            if logs:
                window.add(step, running)
                running = None
            timer.pause()
            if logs:
                self._log(step, window, timer.since_last())
            if step == last_step:
                break
            if self._evaluates_while_training and step % config.eval_every_steps == 0:
                self.evaluate(state, "validation")
            if step % config.checkpoint_every_steps == 0:
                self._checkpoints.save(state)
            timer.resume()
        speed = timer.overall()
        if speed is not None:
            self._writer.write(last_step, {"steps_per_sec": speed})
        self._checkpoints.save(state)
        return state

    def evaluate(self, state: TrainState, split: str) -> dict[str, float]:
        """Evaluates on a split, writes the result and returns it."""
        source = self._experiment.eval_dataset.splits[split]
        metrics = evaluate_source(self._experiment, self._eval_step, state, self._constants, source)
        step = int(state.step)
        self._writer.write(step, metrics, split)
        self._progress.evaluation(step, metrics, split)
        return metrics

    @property
    def _evaluates_while_training(self) -> bool:
        return not self._experiment.config.combine_train_val_and_eval_on_test

    def _log(self, step: int, window: Window, speed: float | None) -> None:
        metrics = {"learning_rate": float(self._experiment.schedule(step)), **window.summarise()}
        if speed is not None:
            metrics["steps_per_sec"] = speed
        self._writer.write(step, metrics)
        self._progress.training(step, metrics)


def _headline(experiment: Experiment) -> str:
    config = experiment.config
    devices = f"{experiment.mesh.size} x {experiment.mesh.devices.flat[0].device_kind}"
    evaluated = f" (evaluated on {config.eval_dataset})" if config.eval_dataset else ""
    return (
        f"model={config.model_name}, dataset={config.dataset}{evaluated}, "
        f"param_count={parameter_count(experiment.parts.params)}, devices={devices}, "
        f"num_train_steps={experiment.num_train_steps}, "
        f"steps_per_epoch={experiment.steps_per_epoch}"
    )


def _summary(experiment: Experiment, history: list[MetricRecord]) -> dict[str, Any]:
    config = experiment.config
    overall = [record["steps_per_sec"] for record in history if set(record) == _OVERALL_SPEED]
    return {
        "model_name": config.model_name,
        "dataset": config.dataset,
        "eval_dataset": config.eval_dataset or config.dataset,
        "param_count": parameter_count(experiment.parts.params),
        "num_train_steps": experiment.num_train_steps,
        "steps_per_sec": overall[-1] if overall else None,
    }


_OVERALL_SPEED = {"step", "steps_per_sec"}
