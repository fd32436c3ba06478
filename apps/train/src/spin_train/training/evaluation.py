"""Evaluates runs: the mean of every score over a split, counting each example once."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax

import spin_data
from spin_train.devices.sharding import shard_batch
from spin_train.errors import DatasetError, WorkdirError, dataset_errors
from spin_train.model.train_state import TrainState
from spin_train.optimization.steps import EvalStep, make_eval_step
from spin_train.optimization.tasks import Scores
from spin_train.training.setup import TrainingSetup, make_setup
from spin_train.workdir.checkpoints import BEST_FOLDER, FOLDER, Checkpoints
from spin_train.workdir.identity import read_run


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
      split: name of the split; "all" for all splits. If the model is trained on other data, a
        folder or file of the user's own that is not divided into splits is the split "test".
      checkpoint: "last", or "best" for the best on the validation split.

    Returns:
      The means over the split, such as {"accuracy": ..., "eval_loss": ...}.

    Raises:
      WorkdirError: if there is no run or no checkpoint.
      DatasetError: if the dataset is unknown, has no such split, or does not suit the model.
    """
    return open_run(workdir, dataset, checkpoint).evaluate(split)


@dataclasses.dataclass(frozen=True)
class SavedRun:
    """A run, with the state that was read from one of its checkpoints.

    Attributes:
      setup: the run's data, model and task.
      state: the state in the checkpoint.
      dataset_version: version of the training dataset; "" if it is not known.
      remarks: remarks for the user.
    """

    setup: TrainingSetup
    state: TrainState
    dataset_version: str = ""
    remarks: tuple[str, ...] = ()

    def evaluate(self, split: str) -> dict[str, float]:
        """Evaluates on a split, or on "all", and returns the same as `evaluate_source`.

        Raises:
          DatasetError: if the dataset has no such split.
        """
        setup = self.setup
        source = setup.data.eval_source(split)
        eval_step = make_eval_step(setup.model, setup.task, setup.mesh)
        return evaluate_source(setup, eval_step, self.state, setup.constants(), source)


def open_run(workdir: str | Path, dataset: str | None = None, checkpoint: str = "last") -> SavedRun:
    """Reads a run's configuration and one of its checkpoints, without changing the run.

    Args:
      workdir: the run's directory.
      dataset: name of the dataset to evaluate on; None for the run's own.
      checkpoint: "last" or "best".

    Raises:
      WorkdirError: if there is no run or no such checkpoint.
      DatasetError: if the dataset is unknown, or does not suit the model.
    """
    workdir = Path(workdir).expanduser()
    record = read_run(workdir)
    config = record.config
    if dataset is not None:
        config = config.copy_and_resolve_references()
        config.eval_dataset = dataset
    if checkpoint not in _CHECKPOINTS:
        raise WorkdirError(
            f"no checkpoint is called {checkpoint!r}; there are {' and '.join(_CHECKPOINTS)}"
        )
    folder = _CHECKPOINTS[checkpoint]
    if not (workdir / folder).is_dir():
        why = " (the run was not evaluated during training)" if folder == BEST_FOLDER else ""
        raise WorkdirError(f"no {folder} in {str(workdir)!r}{why}: train there first")
    setup = make_setup(config, initial_weights="")
    version = record.data_versions.get(config.dataset, "")
    remarks: tuple[str, ...] = ()
    if version and version != setup.data.dataset.version:
        now = setup.data.dataset.version or "(none stated)"
        remarks = (f"trained on version {version} of {config.dataset!r}, which is in {now} now",)
    with Checkpoints(workdir, folder) as checkpoints:
        try:
            state, _ = checkpoints.restore_latest(
                setup.initial_state(), setup.mesh, move_aside=False
            )
        except WorkdirError as error:
            # The model is made for the data as they are now, which may have another class.
            raise WorkdirError("; ".join((*remarks, str(error)))) from error
    return SavedRun(setup, state, version, remarks)


def scored_examples(setup: TrainingSetup, source: spin_data.RandomAccessSource) -> int:
    """Returns the number of a source's examples that `evaluate_source` scores."""
    size, batch_size, config = len(source), setup.global_batch_size, setup.config
    batches = -(-size // batch_size) if config.eval_pad_last_batch else size // batch_size
    if config.num_eval_steps != -1:
        batches = min(batches, config.num_eval_steps)
    return min(size, batches * batch_size)


_CHECKPOINTS = {"last": FOLDER, "best": BEST_FOLDER}


def evaluate_source(
    setup: TrainingSetup,
    eval_step: EvalStep,
    state: TrainState,
    constants: Mapping[str, Any],
    source: spin_data.RandomAccessSource,
    after_batch: Callable[[int], None] = lambda number: None,
) -> dict[str, float]:
    """Scores a source's examples, or only the first `num_eval_steps` batches.

    Args:
      setup: the setup of the run.
      eval_step: the evaluation step, as returned by `make_eval_step`.
      state: the training state.
      constants: the model's constants.
      source: the examples.
      after_batch: called with the number of each batch, from 1. An exception that it raises ends
        the evaluation.

    Returns:
      The mean of each score, under its published name; the loss is "eval_loss".

    Raises:
      DatasetError: if there is not one complete batch and `eval_pad_last_batch` is False.
    """
    config = setup.config
    try:
        batches = spin_data.evaluation_batches(
            source,
            batch_size=setup.global_batch_size,
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
    for number, batch in enumerate(dataset_errors(setup.data.eval_name, batches), start=1):
        totals = eval_step(state, constants, totals, shard_batch(batch, setup.mesh))
        # On virtual CPU devices, a queue of hundreds of steps deadlocks.
        jax.block_until_ready(totals)
        after_batch(number)
        if number == config.num_eval_steps:
            break
    count = float(totals.pop("count"))
    means = {name: float(total) / count for name, total in totals.items()}
    return {"eval_loss" if name == "loss" else name: value for name, value in means.items()}
