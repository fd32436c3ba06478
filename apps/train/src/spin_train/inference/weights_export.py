"""Exports a model's weights to a file, which `spin_models.load` reads without the runner."""

from pathlib import Path
from typing import Any

import jax

from spin_layers import write_weights
from spin_train.errors import WorkdirError, as_user_error
from spin_train.model.building import describe_model, description_as_json
from spin_train.training.evaluation import open_run


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
    run = open_run(workdir, checkpoint=checkpoint)
    config = run.setup.config
    metadata = {
        **description_as_json(describe_model(config, run.setup.data.dataset)),
        "dataset": config.dataset,
        "dataset_version": run.dataset_version,
        "step": int(run.state.step),
        "seed": config.seed,
    }
    params, batch_stats = jax.device_get((run.state.params, run.state.batch_stats))
    path = Path(path).expanduser()
    with as_user_error(WorkdirError, f"cannot write {str(path)!r}", OSError):
        write_weights(path, {"params": params, "batch_stats": batch_stats}, metadata)
    return metadata
