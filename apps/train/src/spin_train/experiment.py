"""From a configuration to the parts of a run: data, model, task and the lengths of things."""

import dataclasses
import functools
from collections.abc import Generator, Mapping
from typing import Any

import jax
import ml_collections
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

import spin_data
import spin_registry
from sphere_transforms import SpinTransform
from spin_layers import read_weights, replaced_weights
from spin_registry import ClassSpec
from spin_train.analysis import TrainedModel
from spin_train.device_pipeline import DevicePipeline
from spin_train.errors import DatasetError, ModelError, as_user_error, reading
from spin_train.model_state import ModelParts, split_model
from spin_train.optimizer import make_optimizer
from spin_train.schedule import make_schedule
from spin_train.sharding import data_mesh, replicate
from spin_train.step import TrainState, initial_state
from spin_train.tasks import Task, task_for

_DEVICE_SHARE = 8  # of a device's memory, what records may take by themselves is the inverse


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What a configuration describes, ready to run.

    Attributes:
      config: a complete configuration.
      dataset: what is trained on; with `input`, `output` and `splits`.
      eval_dataset: what is evaluated on; often the same object.
      task: how outputs are scored.
      parts: the model with its initial parameters.
      mesh: the devices.
      global_batch_size: examples per step, over all devices of all processes.
      remarks: what whoever runs it should be told.
    """

    config: ml_collections.ConfigDict
    dataset: spin_data.Dataset
    eval_dataset: spin_data.Dataset
    task: Task
    parts: ModelParts
    mesh: Mesh
    global_batch_size: int
    remarks: tuple[str, ...] = ()

    @functools.cached_property
    def train_source(self) -> spin_data.RandomAccessSource:
        """The records to train on: "train", joined with "validation" if so configured."""
        train = split_of(self.dataset, self.config.dataset, "train")
        if not self.config.combine_train_val_and_eval_on_test:
            return train
        validation = split_of(self.dataset, self.config.dataset, "validation")
        return spin_data.ConcatenatedSource(train, validation)

    @property
    def data_versions(self) -> dict[str, str]:
        """The versions of the datasets that have one, by their names."""
        evaluated = self.config.eval_dataset or self.config.dataset
        used = {self.config.dataset: self.dataset, evaluated: self.eval_dataset}
        return {name: dataset.version for name, dataset in used.items() if dataset.version}

    @property
    def steps_per_epoch(self) -> int:
        """Updates in one pass over the training data, rounded down but at least 1."""
        return max(1, len(self.train_source) // self.global_batch_size)

    @property
    def num_train_steps(self) -> int:
        """Updates in the whole run."""
        if self.config.num_train_steps != -1:
            return self.config.num_train_steps
        return self.config.num_epochs * self.steps_per_epoch

    @property
    def final_split(self) -> str:
        """The split that is evaluated at the end."""
        return "test" if self.config.combine_train_val_and_eval_on_test else "validation"

    @property
    def schedule(self) -> optax.Schedule:
        """The learning rate as a function of the update's number, which counts from 1."""
        return make_schedule(
            self.config,
            global_batch_size=self.global_batch_size,
            # As published: a number of steps stretches or shrinks the epochs of the schedule.
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
        return replicate(initial_state(self.parts, self.optimizer), self.mesh)

    def trained(self, state: TrainState) -> TrainedModel:
        """Returns the model with a state's weights, on this process's own device."""
        params, batch_stats = jax.device_get((state.params, state.batch_stats))
        assert isinstance(self.dataset.output, ClassSpec)  # by the one task there is
        return TrainedModel(
            self.parts,
            params,
            batch_stats,
            self.dataset.input,
            self.dataset.output,
            tuple(self.dataset.class_names or self.eval_dataset.class_names),
        )

    def constants(self) -> dict[str, Any]:
        """Returns the model's constants, on all devices."""
        return replicate(self.parts.constants, self.mesh)

    def train_batches(self, start_step: int) -> Generator[spin_data.Batch, None, None]:
        """Returns this process's endless batches, from the one after `start_step` updates on.

        Where the records are on the device, a batch is their indices. Its `close()` stops what
        reads ahead.
        """
        source: spin_data.RandomAccessSource = self.train_source
        if self.trains_from_device:
            source = spin_data.IndexSource(len(source))
        elif self.config.data_workers:
            # Held in memory it would be read whole, and held, by every worker.
            source = spin_data.place_source(source, "disk")
        batches = spin_data.training_iterator(
            source,
            batch_size=self.global_batch_size,
            seed=self.config.seed,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
            start_step=start_step,
            rotate=self.config.augment_rotation,
            num_threads=self.config.data_threads,
            num_workers=self.config.data_workers,
        )
        return reading(f"dataset {self.config.dataset!r}", batches)

    @functools.cached_property
    def trains_from_device(self) -> bool:
        """Whether the training records are held in each device's memory."""
        if self.config.data_placement != "auto":
            return bool(self.config.data_placement == "device")
        device = self.mesh.local_devices[0]
        # On a CPU the device's memory is this process's: nothing would be gained.
        statistics = None if device.platform == "cpu" else device.memory_stats()
        limit = (statistics or {}).get("bytes_limit", 0)
        return spin_data.source_bytes(self.train_source) <= limit // _DEVICE_SHARE

    def device_pipeline(self) -> DevicePipeline:
        """Returns what prepares training batches on the devices, on all of them.

        Raises:
          DatasetError: if a record cannot be read, or examples are to be rotated, and the input's
            grid has no transforms.
        """
        records = None
        if self.trains_from_device:
            source: spin_data.RandomAccessSource = self.train_source
            with as_user_error(
                DatasetError, f"dataset {self.config.dataset!r}", ValueError, OSError
            ):
                records = spin_data.read_batch(source, np.arange(len(source)))
        transform = None
        if self.config.augment_rotation:
            spec = self.dataset.input
            with as_user_error(DatasetError, f"cannot rotate {self.config.dataset!r}", ValueError):
                transform = SpinTransform(spec.grid, spec.spins)
        return replicate(DevicePipeline(records, transform), self.mesh)


def make_experiment(
    config: ml_collections.ConfigDict, global_batch_size: int | None = None
) -> Experiment:
    """Builds the data and the model that a complete configuration names.

    Args:
      config: the configuration.
      global_batch_size: examples per step; None for `per_device_batch_size` on each device.

    Raises:
      DatasetError: if a dataset is unknown or cannot be built, has no task, or the one to evaluate
        on has other inputs or outputs than the one to train on.
      ModelError: if the model is unknown or cannot be built.
    """
    dataset = load_dataset(config, config.dataset)
    eval_dataset = dataset
    if config.eval_dataset and config.eval_dataset != config.dataset:
        eval_dataset = load_dataset(config, config.eval_dataset)
        check_same_specs(config.dataset, dataset, config.eval_dataset, eval_dataset)
    mesh = data_mesh()
    task = task_for(dataset.output)  # before the model, which need not know such outputs
    parts, remarks = with_weights(build_model(config, dataset), config.initial_weights)
    return Experiment(
        config=config,
        dataset=dataset,
        eval_dataset=eval_dataset,
        task=task,
        parts=parts,
        mesh=mesh,
        global_batch_size=global_batch_size or config.per_device_batch_size * mesh.size,
        remarks=remarks,
    )


def check_final_split(experiment: Experiment) -> None:
    """Looks for the splits that a training needs: a missing one is an error now, not in an hour.

    Raises:
      DatasetError: if a split is missing.
    """
    config = experiment.config
    _ = experiment.train_source
    name = config.eval_dataset or config.dataset
    split_of(experiment.eval_dataset, name, experiment.final_split)


def load_dataset(config: ml_collections.ConfigDict, name: str) -> spin_data.Dataset:
    """Loads a registered dataset with the configuration's `dataset_options`.

    Raises:
      DatasetError: if it is unknown, cannot be built, or is not what it says it is.
    """
    options = config.dataset_options.to_dict()
    placement = "memory" if config.data_placement == "device" else config.data_placement
    with as_user_error(DatasetError, f"dataset {name!r}", *_causes(options)):
        dataset = spin_registry.get_dataset(name).load(**options)
        spin_data.check_dataset(dataset)
        splits = spin_data.place_splits(dataset.splits, placement, name)
    return spin_data.Dataset(
        dataset.input,
        dataset.output,
        splits,
        class_names=tuple(getattr(dataset, "class_names", ())),
        version=getattr(dataset, "version", "") or "",
    )


def build_model(config: ml_collections.ConfigDict, dataset: spin_data.Dataset) -> ModelParts:
    """Creates the registered model for a dataset, from the configuration's seed and options.

    Raises:
      ModelError: if it is unknown or cannot be built.
    """
    options = config.model_options.to_dict()
    with as_user_error(ModelError, f"model {config.model_name!r}", *_causes(options)):
        model = spin_registry.get_model(config.model_name).create(
            input=dataset.input, output=dataset.output, rngs=nnx.Rngs(config.seed), **options
        )
    return split_model(model)


def with_weights(parts: ModelParts, path: str) -> tuple[ModelParts, tuple[str, ...]]:
    """Replaces a model's initial parameters by those of a file, for fine-tuning.

    Args:
      parts: the model.
      path: of a file that `spin-export` wrote; "" changes nothing.

    Returns:
      The model, and what is to be said of it: which arrays keep their random values, because the
      file's have another shape, as those of a head for other classes do.

    Raises:
      ModelError: if the file is not there or not intact, or is of another model.
    """
    if not path:
        return parts, ()
    with as_user_error(ModelError, "initial_weights", ValueError, OSError):
        weights = read_weights(path)
    trees = {"params": parts.params, "batch_stats": parts.batch_stats}
    filled, strange, reshaped = replaced_weights(trees, weights)
    if strange or len(reshaped) == len(jax.tree.leaves(trees)):
        raise ModelError(
            f"initial_weights {path!r} are of another model: "
            f"{'; '.join((strange or reshaped)[:3])}; choose the model "
            f"({weights.metadata.get('model_name', 'unknown')!r}) and the model_options that they "
            "were trained with"
        )
    remarks = [f"begins with the weights of {path}"]
    if reshaped:
        remarks.append(f"but for these, which begin anew: {'; '.join(reshaped)}")
    return (
        dataclasses.replace(parts, params=filled["params"], batch_stats=filled["batch_stats"]),
        tuple(remarks),
    )


def split_of(dataset: spin_data.Dataset, name: str, split: str) -> spin_data.RandomAccessSource:
    """Returns a split of a dataset.

    Raises:
      DatasetError: if there is none of that name.
    """
    if split not in dataset.splits:
        raise DatasetError(
            f"dataset {name!r} has no split {split!r}; it has {', '.join(dataset.splits)}"
        )
    return dataset.splits[split]


def check_same_specs(
    name: str, dataset: spin_data.Dataset, other_name: str, other: spin_data.Dataset
) -> None:
    """Checks that a model for one dataset suits another.

    Raises:
      DatasetError: if the grids' kinds or shapes, the channels, the outputs, or the classes' names
        (where both know them) differ.
    """
    pairs = [
        ("grid", type(other.input.grid).__name__, type(dataset.input.grid).__name__),
        ("grid shape", tuple(other.input.grid.shape), tuple(dataset.input.grid.shape)),
        ("channels", dict(other.input.channels), dict(dataset.input.channels)),
        ("output", other.output, dataset.output),
    ]
    if dataset.class_names and other.class_names:
        pairs.append(("classes", other.class_names, dataset.class_names))
    for what, found, expected in pairs:
        if found != expected:
            raise DatasetError(
                f"dataset {other_name!r} has {what} {found}, but the model is trained on "
                f"{name!r} with {expected}"
            )


def _causes(options: Mapping[str, Any]) -> tuple[type[Exception], ...]:
    """Returns what a plugin's code raises for bad names, files and options.

    All else is a defect. A `TypeError` may be an option's: it is the user's if there are any.
    """
    causes = (spin_registry.RegistryError, ValueError, OSError)
    return (*causes, TypeError) if options else causes
