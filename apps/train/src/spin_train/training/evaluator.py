"""Scores the examples of a split: the mean of every score, counting each example once."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import ml_collections
from jax.sharding import Mesh

import spin_data
from spin_train.devices.sharding import shard_batch
from spin_train.errors import DatasetError, dataset_errors
from spin_train.model.functional import FunctionalModel
from spin_train.model.train_state import TrainState
from spin_train.optimization.steps import EvalStep, make_eval_step
from spin_train.optimization.tasks import Scores, Task


@dataclasses.dataclass(frozen=True)
class Evaluator:
    """Evaluates states of a model.

    Attributes:
      config: a complete configuration.
      model: the model.
      task: defines how the model's outputs are scored.
      mesh: the devices.
      batch_size: examples per step, over all devices of all processes.
      dataset_name: name of the dataset that the examples are of, for messages.
    """

    config: ml_collections.ConfigDict
    model: FunctionalModel
    task: Task
    mesh: Mesh
    batch_size: int
    dataset_name: str

    def evaluate(
        self,
        state: TrainState,
        constants: Mapping[str, Any],
        source: spin_data.RandomAccessSource,
        after_batch: Callable[[int], None] = lambda number: None,
    ) -> dict[str, float]:
        """Scores a source's examples, or only the first `num_eval_steps` batches.

        Args:
          state: the training state.
          constants: the model's constants, on all devices.
          source: the examples.
          after_batch: called with the number of each batch, from 1. An exception that it raises
            ends the evaluation.

        Returns:
          The mean of each score, under its published name; the loss is "eval_loss".

        Raises:
          DatasetError: if there is not one complete batch and `eval_pad_last_batch` is False.
        """
        config = self.config
        try:
            batches = spin_data.evaluation_batches(
                source,
                batch_size=self.batch_size,
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
        for number, batch in enumerate(dataset_errors(self.dataset_name, batches), start=1):
            totals = self._step(state, constants, totals, shard_batch(batch, self.mesh))
            # On virtual CPU devices, a queue of hundreds of steps deadlocks.
            jax.block_until_ready(totals)
            after_batch(number)
            if number == config.num_eval_steps:
                break
        count = float(totals.pop("count"))
        means = {name: float(total) / count for name, total in totals.items()}
        return {"eval_loss" if name == "loss" else name: value for name, value in means.items()}

    def scored_examples(self, source: spin_data.RandomAccessSource) -> int:
        """Returns the number of a source's examples that `evaluate` scores."""
        size, batch_size, config = len(source), self.batch_size, self.config
        batches = -(-size // batch_size) if config.eval_pad_last_batch else size // batch_size
        if config.num_eval_steps != -1:
            batches = min(batches, config.num_eval_steps)
        return min(size, batches * batch_size)

    @functools.cached_property
    def _step(self) -> EvalStep:
        return make_eval_step(self.model, self.task, self.mesh)
