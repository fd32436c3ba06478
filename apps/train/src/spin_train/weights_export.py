"""A trained model's weights as one file, which `spin_models.load` reads without the runner."""

import json
from pathlib import Path
from typing import Any

import jax

import spin_registry
from sphere_transforms import describe_grid
from spin_layers import write_weights
from spin_registry import ClassSpec
from spin_train.errors import ModelError, WorkdirError, as_user_error
from spin_train.evaluation import Run, open_run


def export(workdir: str | Path, path: str | Path, checkpoint: str = "last") -> dict[str, Any]:
    """Writes a run's weights as safetensors, with what they belong to.

    Args:
      workdir: the run's directory.
      path: the file; what is there is replaced.
      checkpoint: "last", or "best" on the validation split.

    Returns:
      What the file says of itself: the model's name and options, the input's grid and channels, the
      classes, what it was trained on, and the step.

    Raises:
      WorkdirError: if there is no run or no such checkpoint, or the file cannot be written.
      ModelError: if the model's input or options cannot be described in a file.
    """
    run = open_run(workdir, checkpoint=checkpoint)
    described = _described(run)
    params, batch_stats = jax.device_get((run.state.params, run.state.batch_stats))
    with as_user_error(WorkdirError, f"cannot write {str(path)!r}", OSError):
        write_weights(path, {"params": params, "batch_stats": batch_stats}, described)
    return described


def _described(run: Run) -> dict[str, Any]:
    experiment = run.experiment
    config, dataset = experiment.config, experiment.dataset
    assert isinstance(dataset.output, ClassSpec)
    # The registered options as well: they may change after these weights were trained.
    registered = dict(spin_registry.get_model(config.model_name).options)
    options = registered | config.model_options.to_dict()
    with as_user_error(ModelError, "cannot describe the model", ValueError, TypeError):
        return {
            "model_name": config.model_name,
            "model_options": json.loads(json.dumps(options)),
            "input": {
                "grid": describe_grid(dataset.input.grid),
                "channels": {str(spin): n for spin, n in dataset.input.channels.items()},
            },
            "output": {"num_classes": dataset.output.num_classes},
            "class_names": list(dataset.class_names),
            "dataset": config.dataset,
            "dataset_version": run.dataset_version,
            "step": int(run.state.step),
            "seed": config.seed,
        }
