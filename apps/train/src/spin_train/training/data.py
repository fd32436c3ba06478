"""The data of a run: the datasets for training and for evaluation."""

import dataclasses
import functools
from collections.abc import Generator
from typing import Any, TypeAlias

import jax
import ml_collections
import numpy as np
from jax.sharding import Mesh

import spin_data
import spin_registry
from sphere_transforms import Grid, SpinTransform
from spin_registry import ModelDescription
from spin_train.devices.device_pipeline import DevicePipeline
from spin_train.devices.sharding import replicate
from spin_train.errors import (
    DatasetError,
    as_user_error,
    blamed,
    dataset_errors,
    plugin_errors,
)

ALL_SPLITS = "all"  # in place of a split's name: all splits, one after another

Specs: TypeAlias = spin_data.Dataset | ModelDescription
"""What has the attributes `input`, `output` and `class_names`."""

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
          DatasetError: if there is no split "train".
        """
        train = split_of(self.dataset, self.config.dataset, "train")
        combined = self.config.combine_train_val_and_eval_on_test
        if not combined or "validation" not in self.dataset.splits:
            return train
        return spin_data.ConcatenatedSource(train, self.dataset.splits["validation"])

    @property
    def final_split(self) -> str:
        """The split that is evaluated at the end.

        It is "validation" if that split is evaluated while training: if `config` does not combine
        it with "train", and it exists. Otherwise it is "test".
        """
        combined = self.config.combine_train_val_and_eval_on_test
        return "validation" if not combined and "validation" in self.eval_dataset.splits else "test"

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks for the user about splits that do not exist."""
        combined = self.config.combine_train_val_and_eval_on_test
        used = self.dataset if combined else self.eval_dataset
        if "validation" in used.splits:
            return ()
        return (
            "there is no split 'validation': training on 'train', evaluating on 'test' at the end",
        )

    def check_splits(self) -> None:
        """Checks that the splits for training and for the evaluation at the end exist.

        Raises:
          DatasetError: if one is missing.
        """
        _ = self.train_source
        if self.final_split in self.eval_dataset.splits:
            return
        combined = self.config.combine_train_val_and_eval_on_test
        missing = "'test'" if combined else "'validation' or 'test'"
        advice = f"add a split {missing}, or set eval_dataset to a dataset that has one"
        if "validation" in self.eval_dataset.splits:
            advice += (
                ", or set combine_train_val_and_eval_on_test False to evaluate on 'validation'"
            )
        raise DatasetError(
            f"dataset {self.eval_name!r} has no split 'test'; it has "
            f"{', '.join(self.eval_dataset.splits)}: for the evaluation at the end, {advice}"
        )

    def eval_source(self, split: str) -> spin_data.RandomAccessSource:
        """Returns the records of a split to evaluate on; those of all splits for "all".

        Raises:
          DatasetError: if the dataset has no such split.
        """
        return split_or_all(self.eval_dataset, self.eval_name, split)

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
        eval_dataset = load_evaluation_dataset(
            config, config.eval_dataset, dataset, dataset.version
        )
    return Data(config, dataset, eval_dataset)


def load_evaluation_dataset(
    config: ml_collections.ConfigDict, name: str, trained_on: Specs, trained_version: str
) -> spin_data.Dataset:
    """Loads a dataset to evaluate a model on, and checks that it suits the model.

    Args:
      config: a complete configuration, which names the training dataset.
      name: the dataset's name.
      trained_on: the training dataset, or the description of the model.
      trained_version: version of the training dataset, "" if there is none.

    Returns:
      The dataset. One of the user's own, other than the training dataset, that is not divided into
      splits by the user has one split, "test", with all examples.

    Raises:
      DatasetError: if the dataset is unknown, cannot be built, or has another input or output.
    """
    dataset = load_dataset(config, name, trained_on)
    same = name == config.dataset or (dataset.version and dataset.version == trained_version)
    if dataset.divided and not same:
        # The user did not choose splits, so no example was meant to be left out.
        whole = spin_data.ConcatenatedSource(*dataset.splits.values())
        dataset = dataclasses.replace(dataset, splits={"test": whole})
    check_same_specs(config.dataset, trained_on, name, dataset)
    return dataset


def load_dataset(
    config: ml_collections.ConfigDict, name: str, trained_on: Specs | None = None
) -> spin_data.Dataset:
    """Loads a registered dataset with the configuration's `dataset_options`.

    Args:
      config: a complete configuration.
      name: the dataset's name.
      trained_on: the dataset that the model is trained on, or the model's description, if the
        model is trained already. A loader with the options `class_names` or `num_classes` gets
        those of the model, so that the dataset may lack examples of a class.

    Raises:
      DatasetError: if the dataset is unknown, cannot be built, or differs from its specification.
    """
    options = config.dataset_options.to_dict()
    placement = "memory" if config.data_placement == "device" else config.data_placement
    origin = spin_registry.dataset_origin(name)
    with as_user_error(DatasetError, f"dataset {name!r}", *plugin_errors(options)), blamed(origin):
        entry = spin_registry.get_dataset(name)
        classes = _classes_of(trained_on) if trained_on else {}
        for option, value in classes.items():
            if option not in options and entry.has_option(option):
                options[option] = value
        dataset = entry.load(**options)
        spin_data.check_dataset(dataset)
        checked = {
            split: spin_data.checked_source(source, dataset.output, f"split {split!r}")
            for split, source in dataset.splits.items()
        }
        splits = spin_data.place_splits(checked, placement, name)
    return spin_data.Dataset(
        dataset.input,
        dataset.output,
        splits,
        class_names=tuple(getattr(dataset, "class_names", ())),
        version=getattr(dataset, "version", "") or "",
        divided=bool(getattr(dataset, "divided", False)),
        images=getattr(dataset, "images", None),
    )


def _classes_of(dataset: Specs) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if dataset.class_names:
        options["class_names"] = dataset.class_names
    if isinstance(dataset.output, spin_registry.ClassSpec):
        options["num_classes"] = dataset.output.num_classes
    return options


def split_or_all(dataset: spin_data.Dataset, name: str, split: str) -> spin_data.RandomAccessSource:
    """Returns a split of a dataset, or all splits for "all".

    Raises:
      DatasetError: if the dataset has no such split.
    """
    if split == ALL_SPLITS and split not in dataset.splits:
        return spin_data.ConcatenatedSource(*dataset.splits.values())
    return split_of(dataset, name, split)


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


def check_same_specs(name: str, dataset: Specs, other_name: str, other: spin_data.Dataset) -> None:
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
