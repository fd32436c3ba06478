"""Evaluation: the mean of every score over a split, each example counted once."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import ml_collections

import spin_data
from spin_train.checkpoints import BEST_FOLDER, FOLDER, Checkpoints
from spin_train.errors import DatasetError, WorkdirError, reading
from spin_train.experiment import Experiment, make_experiment, split_of
from spin_train.run_files import read_run
from spin_train.sharding import shard_batch
from spin_train.step import EvalStep, TrainState, make_eval_step
from spin_train.tasks import Scores


def evaluate(
    workdir: str | Path,
    dataset: str | None = None,
    split: str = "test",
    checkpoint: str = "last",
) -> dict[str, float]:
    """Evaluates a checkpoint of a run.

    Args:
      workdir: the run's directory.
      dataset: name of the dataset to evaluate on, loaded with the run's `dataset_options`; None
        for the run's own (its `eval_dataset`, if it has one).
      split: name of the split.
      checkpoint: "last", or "best" on the validation split.

    Returns:
      The means over the split, such as {"accuracy": ..., "eval_loss": ...}.

    Raises:
      WorkdirError: if there is no run or no checkpoint.
      DatasetError: if the dataset is unknown, has no such split, or does not suit the model.
    """
    run = open_run(workdir, dataset, checkpoint)
    config = run.experiment.config
    source = split_of(run.experiment.eval_dataset, config.eval_dataset or config.dataset, split)
    return run.evaluate(source)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that was made before.

    Attributes:
      experiment: what it is of.
      state: of its checkpoint.
      dataset_version: of the data that it was trained on; "" where that is not known.
      remarks: what whoever looks at it should be told.
    """

    experiment: Experiment
    state: TrainState
    dataset_version: str = ""
    remarks: tuple[str, ...] = ()

    def evaluate(self, source: spin_data.RandomAccessSource) -> dict[str, float]:
        """Scores a source's examples, as `evaluate_source` does."""
        experiment = self.experiment
        eval_step = make_eval_step(experiment.parts, experiment.task, experiment.mesh)
        return evaluate_source(experiment, eval_step, self.state, experiment.constants(), source)


def open_run(workdir: str | Path, dataset: str | None = None, checkpoint: str = "last") -> Run:
    """Reads a run's configuration and one of its checkpoints; nothing of it is changed.

    Args:
      workdir: the run's directory.
      dataset: to evaluate on; None for the run's own.
      checkpoint: "last" or "best".

    Raises:
      WorkdirError: if there is no run or no such checkpoint.
      DatasetError: if the dataset is unknown, or does not suit the model.
    """
    recorded = read_run(Path(workdir))
    config = recorded.config.copy_and_resolve_references()
    if dataset is not None:
        config.eval_dataset = dataset
    config.initial_weights = ""  # the checkpoint has what came of them
    if checkpoint not in _CHECKPOINTS:
        raise WorkdirError(
            f"no checkpoint is called {checkpoint!r}; there are {' and '.join(_CHECKPOINTS)}"
        )
    folder = _CHECKPOINTS[checkpoint]
    if not (Path(workdir) / folder).is_dir():
        why = " (it was not evaluated while it was trained)" if folder == BEST_FOLDER else ""
        raise WorkdirError(f"no {folder} in {str(workdir)!r}{why}: train there first")
    experiment = make_experiment(config)
    with Checkpoints(Path(workdir), folder) as checkpoints:
        state, _ = checkpoints.restore_latest(
            experiment.initial_state(), experiment.mesh, move_aside=False
        )
    version = recorded.data_versions.get(config.dataset, "")
    remarks: tuple[str, ...] = ()
    if version and version != experiment.dataset.version:
        now = experiment.dataset.version or "(none stated)"
        remarks = (f"trained on version {version} of {config.dataset!r}, which is in {now} now",)
    return Run(experiment, state, version, remarks)


_CHECKPOINTS = {"last": FOLDER, "best": BEST_FOLDER}


def evaluate_source(
    experiment: Experiment,
    eval_step: EvalStep,
    state: TrainState,
    constants: Any,
    source: spin_data.RandomAccessSource,
    after_batch: Callable[[int], None] = lambda number: None,
) -> dict[str, float]:
    """Scores a source's examples, or the first `num_eval_steps` batches of them.

    Args:
      experiment: what is evaluated.
      eval_step: as `make_eval_step` compiles it.
      state: of training.
      constants: the model's.
      source: the examples.
      after_batch: called with the number of each batch, from 1; what it raises ends the evaluation.

    Returns:
      The mean of each score, under its published name: the loss as "eval_loss".

    Raises:
      DatasetError: if not one whole batch is there and `eval_pad_last_batch` is False.
    """
    config: ml_collections.ConfigDict = experiment.config
    try:
        batches = spin_data.evaluation_batches(
            source,
            batch_size=experiment.global_batch_size,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
            pad=config.eval_pad_last_batch,
            num_threads=config.data_threads,
        )
    except ValueError as error:
        raise DatasetError(
            f"cannot evaluate: {error}; or set --config.eval_pad_last_batch True"
        ) from error
    totals: Scores = {}
    name = config.eval_dataset or config.dataset
    for number, batch in enumerate(reading(f"dataset {name!r}", batches), start=1):
        totals = eval_step(
            state.params, state.batch_stats, constants, totals, shard_batch(batch, experiment.mesh)
        )
        # A queue of hundreds of steps on virtual CPU devices deadlocks.
        jax.block_until_ready(totals)
        after_batch(number)
        if number == config.num_eval_steps:
            break
    count = float(totals.pop("count"))
    means = {name: float(total) / count for name, total in totals.items()}
    return {"eval_loss" if name == "loss" else name: value for name, value in means.items()}
