"""Builds a run's data, model, task and schedule from its configuration."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import ml_collections
import optax
from jax.sharding import Mesh

import spin_registry
from spin_registry import ModelDescription
from spin_train.devices.sharding import data_mesh, replicate
from spin_train.errors import DatasetError, blamed
from spin_train.model.building import build_model, check_outputs, describe_model, with_weights
from spin_train.model.functional import FunctionalModel
from spin_train.model.train_state import TrainState, initial_state
from spin_train.model.trained import TrainedModel
from spin_train.optimization.optimizer import make_optimizer
from spin_train.optimization.schedule import make_schedule
from spin_train.optimization.tasks import Task, task_for
from spin_train.training.data import Data, load_data
from spin_train.training.evaluator import Evaluator


@dataclasses.dataclass(frozen=True)
class TrainingSetup:
    """The data, model, task and devices of a run, as its configuration describes them.

    Attributes:
      config: a complete configuration.
      data: the datasets for training and evaluation.
      model: the model with its initial parameters.
      task: defines how the model's outputs are scored.
      mesh: the devices.
      global_batch_size: examples per step, over all devices of all processes.
      remarks: remarks for the user.
    """

    config: ml_collections.ConfigDict
    data: Data
    model: FunctionalModel
    task: Task
    mesh: Mesh
    global_batch_size: int
    remarks: tuple[str, ...] = ()

    @property
    def steps_per_epoch(self) -> int:
        """Updates in one pass over the training data, rounded down but at least 1."""
        return max(1, len(self.data.train_source) // self.global_batch_size)

    @property
    def num_train_steps(self) -> int:
        """Updates in the whole run."""
        if self.config.num_train_steps != -1:
            return int(self.config.num_train_steps)
        return int(self.config.num_epochs * self.steps_per_epoch)

    @property
    def schedule(self) -> optax.Schedule:
        """The learning rate as a function of the number of the update, which counts from 1."""
        return make_schedule(
            self.config,
            global_batch_size=self.global_batch_size,
            # As published, num_train_steps changes the length of the schedule's epochs.
            steps_per_epoch=max(1, self.num_train_steps // self.config.num_epochs),
            num_train_steps=self.num_train_steps,
        )

    @property
    def optimizer(self) -> optax.GradientTransformation:
        """The optimizer with its schedule."""
        return make_optimizer(
            self.schedule,
            weight_decay=self.config.weight_decay,
            clip_norm=self.config.gradient_clip_norm,
        )

    def initial_state(self) -> TrainState:
        """Returns the state before the first update, on all devices."""
        return replicate(initial_state(self.model, self.optimizer), self.mesh)

    def constants(self) -> Mapping[str, Any]:
        """Returns the model's constants, on all devices."""
        return replicate(self.model.variables.constants, self.mesh)

    def trained_model(self, state: TrainState) -> TrainedModel:
        """Returns the model with a state's weights, on this process's own device."""
        return TrainedModel(self.model, state.host_variables(self.model), self.description)

    @property
    def description(self) -> ModelDescription:
        """The model's name, options, input, output and classes."""
        names = tuple(self.data.eval_dataset.class_names)
        return describe_model(self.config, self.data.dataset, names)

    @property
    def evaluator(self) -> Evaluator:
        """Evaluates states of the model."""
        return Evaluator(
            self.config,
            self.model,
            self.task,
            self.mesh,
            self.global_batch_size,
            self.data.eval_name,
        )


def make_setup(
    config: ml_collections.ConfigDict,
    global_batch_size: int | None = None,
    *,
    initial_weights: str | None = None,
) -> TrainingSetup:
    """Builds the data and the model that a complete configuration names.

    Args:
      config: the configuration.
      global_batch_size: examples per step; None for `per_device_batch_size` on each device.
      initial_weights: replaces the configuration's `initial_weights`. Pass "" if a checkpoint will
        replace the weights; None to use the configuration's.

    Raises:
      DatasetError: if a dataset is unknown or cannot be built, there is no task for its output, or
        the inputs or outputs of the two datasets differ.
      ModelError: if the model is unknown or cannot be built.
    """
    data = load_data(config)
    mesh = data_mesh()
    task = task_for(data.dataset.output)  # before the model, which may not support this output
    path = config.initial_weights if initial_weights is None else initial_weights
    model, remarks = with_weights(build_model(config, data.dataset), path)
    return TrainingSetup(
        config=config,
        data=data,
        model=model,
        task=task,
        mesh=mesh,
        global_batch_size=global_batch_size or config.per_device_batch_size * mesh.size,
        remarks=(*data.remarks, *remarks),
    )


def check_before_training(setup: TrainingSetup) -> None:
    """Checks what would otherwise fail after hours: the splits, and the model's outputs.

    Raises:
      DatasetError: if a split is missing, or the evaluation would have no complete batch.
      ModelError: if the model's outputs do not suit the dataset.
    """
    split = setup.data.final_split
    evaluated = len(setup.data.eval_source(split))
    if not setup.config.eval_pad_last_batch and evaluated < setup.global_batch_size:
        raise DatasetError(
            f"split {split!r} of {setup.data.eval_name!r} has {evaluated} examples, "
            f"fewer than one batch of {setup.global_batch_size}, and eval_pad_last_batch False "
            "leaves out incomplete batches: set --config.eval_pad_last_batch True, or a smaller "
            "--config.per_device_batch_size"
        )
    name = setup.config.dataset
    with blamed(spin_registry.dataset_origin(name)):
        record = setup.data.train_source[0]
    check_outputs(setup.model, record, setup.data.dataset.output)
