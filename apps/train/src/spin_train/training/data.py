"""The data of a run: the datasets for training and for evaluation."""

import dataclasses
import functools
from collections.abc import Generator

import jax
import ml_collections
import numpy as np
from jax.sharding import Mesh

import spin_data
import spin_registry
from sphere_transforms import Grid, SpinTransform
from spin_train.devices.device_pipeline import DevicePipeline
from spin_train.devices.sharding import replicate
from spin_train.errors import (
    DatasetError,
    as_user_error,
    blamed,
    dataset_errors,
    plugin_errors,
)

_DEVICE_SHARE = 8  # records may use at most 1/8 of a device's memory


@dataclasses.dataclass(frozen=True)
class Data:
    """The datasets of a run, and how it reads them.

    Attributes:
      config: a complete configuration.
      dataset: the training dataset; it has `input`, `output` and `splits`.
      eval_dataset: the dataset to evaluate on, often the same object.
    """

    config: ml_collections.ConfigDict
    dataset: spin_data.Dataset
    eval_dataset: spin_data.Dataset

    @property
    def eval_name(self) -> str:
        """The name of the dataset to evaluate on."""
        return str(self.config.eval_dataset or self.config.dataset)

    @property
    def versions(self) -> dict[str, str]:
        """The versions, by name, of the datasets that state one."""
        used = {self.config.dataset: self.dataset, self.eval_name: self.eval_dataset}
        return {name: dataset.version for name, dataset in used.items() if dataset.version}

    @functools.cached_property
    def train_source(self) -> spin_data.RandomAccessSource:
        """The records to train on: "train", followed by "validation" if configured.

        Raises:
          DatasetError: if a split is missing.
        """
        train = split_of(self.dataset, self.config.dataset, "train")
        if not self.config.combine_train_val_and_eval_on_test:
            return train
        validation = split_of(self.dataset, self.config.dataset, "validation")
        return spin_data.ConcatenatedSource(train, validation)

    def eval_source(self, split: str) -> spin_data.RandomAccessSource:
        """Returns the records of a split to evaluate on.

        Raises:
          DatasetError: if the dataset has no such split.
        """
        return split_of(self.eval_dataset, self.eval_name, split)

    def training_input(
        self, mesh: Mesh, batch_size: int, start_step: int = 0
    ) -> tuple[Generator[spin_data.Batch, None, None], DevicePipeline]:
        """Opens the training data.

        Args:
          mesh: the devices.
          batch_size: examples per step, over all devices of all processes.
          start_step: number of updates made before.

        Returns:
          An endless generator of this process's batches, and the pipeline that prepares them on the
          devices. The first batch is the one after `start_step` updates. The generator's `close()`
          stops the reading ahead. If the records are held on the device, a batch contains their
          indices.

        Raises:
          DatasetError: if a record cannot be read, or `augment_rotation` is set but the input's
            grid has no transforms.
        """
        on_device = self.trains_from_device(mesh)
        pipeline = self._device_pipeline(mesh, on_device)
        return self._train_batches(batch_size, start_step, on_device), pipeline

    def trains_from_device(self, mesh: Mesh) -> bool:
        """Whether the training records are held in each device's memory."""
        if self.config.data_placement != "auto":
            return bool(self.config.data_placement == "device")
        device = mesh.local_devices[0]
        # On a CPU, the device's memory is that of this process: nothing would be gained.
        statistics = None if device.platform == "cpu" else device.memory_stats()
        limit = (statistics or {}).get("bytes_limit", 0)
        return spin_data.source_bytes(self.train_source) <= limit // _DEVICE_SHARE

    def _train_batches(
        self, batch_size: int, start_step: int, on_device: bool
    ) -> Generator[spin_data.Batch, None, None]:
        source = self.train_source
        if on_device:
            source = spin_data.IndexSource(len(source))
        elif self.config.data_workers:
            # In memory, each worker would hold a copy of all records.
            source = spin_data.place_source(source, "disk")
        batches = spin_data.training_iterator(
            source,
            batch_size=batch_size,
            seed=self.config.seed,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
            start_step=start_step,
            rotate=self.config.augment_rotation,
            num_threads=self.config.data_threads,
            num_workers=self.config.data_workers,
        )
        return dataset_errors(self.config.dataset, batches)

    def _device_pipeline(self, mesh: Mesh, on_device: bool) -> DevicePipeline:
        records = transform = None
        if on_device:
            name = self.config.dataset
            causes, origin = (ValueError, OSError), spin_registry.dataset_origin(name)
            with as_user_error(DatasetError, f"dataset {name!r}", *causes), blamed(origin):
                source = self.train_source
                records = spin_data.read_batch(source, np.arange(len(source)))
        if self.config.augment_rotation:
            spec = self.dataset.input
            with as_user_error(DatasetError, f"cannot rotate {self.config.dataset!r}", ValueError):
                transform = SpinTransform(spec.grid, spec.spins)
        return replicate(DevicePipeline(records, transform), mesh)


def load_data(config: ml_collections.ConfigDict) -> Data:
    """Loads the datasets that a configuration names.

    Raises:
      DatasetError: if a dataset is unknown or cannot be built, or the inputs or outputs of the two
        datasets differ.
    """
    dataset = eval_dataset = load_dataset(config, config.dataset)
    if config.eval_dataset and config.eval_dataset != config.dataset:
        eval_dataset = load_dataset(config, config.eval_dataset)
        check_same_specs(config.dataset, dataset, config.eval_dataset, eval_dataset)
    return Data(config, dataset, eval_dataset)


def load_dataset(config: ml_collections.ConfigDict, name: str) -> spin_data.Dataset:
    """Loads a registered dataset with the configuration's `dataset_options`.

    Raises:
      DatasetError: if the dataset is unknown, cannot be built, or differs from its specification.
    """
    options = config.dataset_options.to_dict()
    placement = "memory" if config.data_placement == "device" else config.data_placement
    origin = spin_registry.dataset_origin(name)
    with as_user_error(DatasetError, f"dataset {name!r}", *plugin_errors(options)), blamed(origin):
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


def split_of(dataset: spin_data.Dataset, name: str, split: str) -> spin_data.RandomAccessSource:
    """Returns a split of a dataset.

    Raises:
      DatasetError: if the dataset has no such split.
    """
    if split not in dataset.splits:
        raise DatasetError(
            f"dataset {name!r} has no split {split!r}; it has {', '.join(dataset.splits)}"
        )
    return dataset.splits[split]


def check_same_specs(
    name: str, dataset: spin_data.Dataset, other_name: str, other: spin_data.Dataset
) -> None:
    """Checks that a model for one dataset can be used on another.

    Raises:
      DatasetError: if the grids, the channels, the outputs, or the names of the classes (if both
        datasets have them) differ.
    """
    grids = (other.input.grid, dataset.input.grid)
    pairs = [
        ("grid", *(type(grid).__name__ for grid in grids)),
        ("grid shape", *(tuple(grid.shape) for grid in grids)),
        ("grid", *(("the same",) * 2 if _same_samples(*grids) else map(repr, grids))),
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


def _same_samples(grid: Grid, other: Grid) -> bool:
    """Returns whether two grids of one class and shape have the same sample positions."""
    rings = ("ring_colatitudes", "ring_lengths", "ring_offsets")
    return grid == other or all(
        np.array_equal(getattr(grid, name), getattr(other, name)) for name in rings
    )
