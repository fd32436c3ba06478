"""Opens the model of a run with the weights of a checkpoint. The run's data are not needed."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from spin_registry import ModelDescription
from spin_train.devices.sharding import data_mesh, replicate
from spin_train.errors import WorkdirError
from spin_train.model.building import build_described_model, describe_model
from spin_train.model.functional import FunctionalModel
from spin_train.model.train_state import TrainState, initial_state
from spin_train.model.trained import TrainedModel
from spin_train.optimization.optimizer import make_optimizer
from spin_train.training.data import load_data
from spin_train.workdir.checkpoints import BEST_FOLDER, FOLDER, Checkpoints
from spin_train.workdir.identity import RunRecord, read_run


@dataclasses.dataclass(frozen=True)
class SavedModel:
    """The model of a run, with the state that was read from one of its checkpoints.

    Attributes:
      record: what the run's directory records about the run.
      description: the model's name, options, input, output and classes.
      model: the model, with new parameters.
      state: the state in the checkpoint, on all devices.
      mesh: the devices.
    """

    record: RunRecord
    description: ModelDescription
    model: FunctionalModel
    state: TrainState
    mesh: Mesh

    def constants(self) -> Mapping[str, Any]:
        """Returns the model's constants, on all devices."""
        return replicate(self.model.variables.constants, self.mesh)

    def trained_model(self) -> TrainedModel:
        """Returns the model with the state's weights, on this process's own device."""
        return TrainedModel(self.model, self.state.host_variables(self.model), self.description)


def open_model(workdir: str | Path, checkpoint: str = "last") -> SavedModel:
    """Reads a run's model and one of its checkpoints, without changing the run.

    Args:
      workdir: the run's directory.
      checkpoint: "last" or "best".

    Raises:
      WorkdirError: if there is no run or no such checkpoint.
      ModelError: if the model is not registered, or cannot be built any more.
      DatasetError: if the run did not record its model's input and output, and its data cannot be
        read.
    """
    workdir = Path(workdir).expanduser()
    record = read_run(workdir)
    if checkpoint not in _CHECKPOINTS:
        raise WorkdirError(
            f"no checkpoint is called {checkpoint!r}; there are {' and '.join(_CHECKPOINTS)}"
        )
    folder = _CHECKPOINTS[checkpoint]
    if not (workdir / folder).is_dir():
        why = " (the run was not evaluated during training)" if folder == BEST_FOLDER else ""
        raise WorkdirError(f"no {folder} in {str(workdir)!r}{why}: train there first")
    config, mesh = record.config, data_mesh()
    # Older runs, and those on a grid that is not registered, did not record their model.
    description = record.model or describe_model(config, load_data(config).dataset)
    model = build_described_model(description, config.seed)
    optimizer = make_optimizer(
        lambda count: 0.0, weight_decay=config.weight_decay, clip_norm=config.gradient_clip_norm
    )
    expected = jax.eval_shape(lambda: initial_state(model, optimizer))
    with Checkpoints(workdir, folder) as checkpoints:
        state, _ = checkpoints.restore_latest(expected, mesh, move_aside=False)
    return SavedModel(record, description, model, state, mesh)


_CHECKPOINTS = {"last": FOLDER, "best": BEST_FOLDER}
