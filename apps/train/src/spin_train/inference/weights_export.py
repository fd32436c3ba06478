"""Exports a model's weights to a file, which `spin_models.load` reads without the runner."""

from pathlib import Path
from typing import Any

from spin_layers import write_weights
from spin_train.errors import WorkdirError, as_user_error
from spin_train.model.building import description_as_json
from spin_train.training.paths import without_folders
from spin_train.training.saved_model import open_model


def export(workdir: str | Path, path: str | Path, checkpoint: str = "last") -> dict[str, Any]:
    """Writes a run's weights as safetensors, with a description of the model.

    Args:
      workdir: the run's directory.
      path: the file to write; an existing file is replaced.
      checkpoint: "last", or "best" for the best on the validation split.

    Returns:
      The file's metadata: the model's name and options, the input's grid and channels, the classes,
      the training dataset with its version, the step and the seed.

    Raises:
      WorkdirError: if there is no run or no such checkpoint, or the file cannot be written.
      ModelError: if the model's input or options cannot be described in a file.
    """
    saved = open_model(workdir, checkpoint)
    config = saved.record.config
    metadata = {
        **description_as_json(saved.description),
        "dataset": without_folders(config.dataset),
        "dataset_version": saved.record.data_versions.get(config.dataset, ""),
        "step": int(saved.state.step),
        "seed": config.seed,
    }
    variables = saved.state.host_variables(saved.model)
    weights = {"params": variables.params, "batch_stats": variables.batch_stats}
    path = Path(path).expanduser()
    with as_user_error(WorkdirError, f"cannot write {str(path)!r}", OSError):
        write_weights(path, weights, metadata)
    return metadata
