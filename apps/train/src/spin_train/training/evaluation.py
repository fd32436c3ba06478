"""Evaluates saved runs, on their own dataset or on another."""

import dataclasses
from pathlib import Path

import spin_data
from spin_train.optimization.tasks import task_for
from spin_train.training.data import load_evaluation_dataset, split_or_all
from spin_train.training.evaluator import Evaluator
from spin_train.training.saved_model import SavedModel, open_model


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
    """A run's saved model, and a dataset to evaluate it on.

    Attributes:
      saved: the model.
      dataset: the dataset.
      evaluator: evaluates the model.
      remarks: remarks for the user.
    """

    saved: SavedModel
    dataset: spin_data.Dataset
    evaluator: Evaluator
    remarks: tuple[str, ...] = ()

    @property
    def dataset_name(self) -> str:
        """The name of the dataset."""
        return self.evaluator.dataset_name

    def source(self, split: str) -> spin_data.RandomAccessSource:
        """Returns the records of a split; those of all splits for "all".

        Raises:
          DatasetError: if the dataset has no such split.
        """
        return split_or_all(self.dataset, self.dataset_name, split)

    def evaluate(self, split: str) -> dict[str, float]:
        """Evaluates on a split, or on "all", and returns the same as `evaluate`.

        Raises:
          DatasetError: if the dataset has no such split.
        """
        saved = self.saved
        return self.evaluator.evaluate(saved.state, saved.constants(), self.source(split))


def open_run(workdir: str | Path, dataset: str | None = None, checkpoint: str = "last") -> SavedRun:
    """Reads a run's model, one of its checkpoints, and a dataset, without changing the run.

    Args:
      workdir: the run's directory.
      dataset: name of the dataset to evaluate on; None for the run's own.
      checkpoint: "last" or "best".

    Raises:
      WorkdirError: if there is no run or no such checkpoint.
      DatasetError: if the dataset is unknown, or does not suit the model.
    """
    saved = open_model(workdir, checkpoint)
    record, config = saved.record, saved.record.config
    name = dataset or config.eval_dataset or config.dataset
    loaded = load_evaluation_dataset(
        config, name, saved.description, record.data_versions.get(config.dataset, "")
    )
    recorded, now = record.data_versions.get(name, ""), loaded.version or "(none stated)"
    remarks: tuple[str, ...] = ()
    if recorded and recorded != now:
        remarks = (f"the run used version {recorded} of {name!r}, which is in {now} now",)
    evaluator = Evaluator(
        config,
        saved.model,
        task_for(loaded.output),
        saved.mesh,
        config.per_device_batch_size * saved.mesh.size,
        name,
    )
    return SavedRun(saved, loaded, evaluator, remarks)
