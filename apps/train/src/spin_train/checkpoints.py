"""Checkpoints: written in the background, restored to any number of devices."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax
import orbax.checkpoint as ocp
from jax.sharding import Mesh

from spin_train.errors import WorkdirError
from spin_train.sharding import replicated
from spin_train.step import TrainState

FOLDER = "checkpoints"
CHECKPOINTS_KEPT = 2


class Checkpoints:
    """The checkpoints of a run: the last few states of training, never the model's constants.

    A context manager: leaving it waits for what is still being written.

    Attributes:
      latest_step: the number of updates in the newest complete checkpoint; None if there is none.
    """

    def __init__(self, workdir: Path) -> None:
        self._manager = ocp.CheckpointManager(
            (workdir / FOLDER).absolute(),
            options=ocp.CheckpointManagerOptions(max_to_keep=CHECKPOINTS_KEPT, create=True),
        )
        self.latest_step: int | None = self._manager.latest_step()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._manager.wait_until_finished()
        self._manager.close()

    def save(self, state: TrainState) -> None:
        """Starts to write a state, which may be donated as soon as this returns."""
        step = int(state.step)
        self._manager.save(step, args=ocp.args.StandardSave(_named(state)))
        self.latest_step = step

    def restore_latest(self, like: TrainState, mesh: Mesh) -> TrainState:
        """Reads the newest checkpoint, to every device of `mesh`.

        Args:
          like: a state of the shapes and dtypes to expect.
          mesh: the devices; need not be those that the checkpoint was written from.

        Raises:
          WorkdirError: if there is no checkpoint, or it is of a model with other parameters.
        """
        if self.latest_step is None:
            raise WorkdirError(f"no checkpoint in {self._manager.directory}: train there first")
        expected = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=replicated(mesh)),
            _named(like),
        )
        try:
            found = self._manager.restore(self.latest_step, args=ocp.args.StandardRestore(expected))
        except ValueError as error:
            raise WorkdirError(
                f"the checkpoint of step {self.latest_step} in {self._manager.directory} does not "
                "fit this model, or is damaged: remove that step's folder to go on from the one "
                "before, or take another --workdir"
            ) from error
        return TrainState(**found)


def _named(state: TrainState) -> dict[str, Any]:
    return {
        "step": state.step,
        "params": state.params,
        "batch_stats": state.batch_stats,
        "optimizer_state": state.optimizer_state,
    }
