"""Evaluation: the mean of every score over a split, each example counted once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import ml_collections

import spin_data
from spin_train.checkpoints import Checkpoints
from spin_train.errors import DatasetError, reading
from spin_train.experiment import Experiment, make_experiment, split_of
from spin_train.run_files import read_config
from spin_train.sharding import shard_batch
from spin_train.step import EvalStep, TrainState, make_eval_step
from spin_train.tasks import Scores


def evaluate(
    workdir: str | Path, dataset: str | None = None, split: str = "test"
) -> dict[str, float]:
    """Evaluates the newest checkpoint of a run.

    Args:
      workdir: the run's directory.
      dataset: name of the dataset to evaluate on, loaded with the run's `dataset_options`; None
        for the run's own (its `eval_dataset`, if it has one).
      split: name of the split.

    Returns:
      The means over the split, such as {"accuracy": ..., "eval_loss": ...}.

    Raises:
      WorkdirError: if there is no run or no checkpoint.
      DatasetError: if the dataset is unknown, has no such split, or does not suit the model.
    """
    config = read_config(Path(workdir)).copy_and_resolve_references()
    if dataset is not None:
        config.eval_dataset = dataset
    experiment = make_experiment(config)
    source = split_of(experiment.eval_dataset, config.eval_dataset or config.dataset, split)
    with Checkpoints(Path(workdir)) as checkpoints:
        state, _ = checkpoints.restore_latest(experiment.initial_state(), experiment.mesh)
    eval_step = make_eval_step(experiment.parts, experiment.task, experiment.mesh)
    return evaluate_source(experiment, eval_step, state, experiment.constants(), source)


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
