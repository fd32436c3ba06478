"""Checkpoints: written in the background, restored to any number of devices."""

import contextlib
import copy
import json
import logging
import sys
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.sharding import Mesh

from spin_train.devices.processes import is_first_process, largest_of_all
from spin_train.devices.sharding import replicated
from spin_train.errors import DivergedError, WorkdirError
from spin_train.model.train_state import TrainState

FOLDER = "checkpoints"
BEST_FOLDER = "best"
DAMAGED_FOLDER = "damaged_checkpoints"
CHECKPOINTS_KEPT = 2

# Names in the file format. Older checkpoints call the metadata "notes", so this name stays.
_STATE, _METADATA = "default", "notes"


class UnwritableError(WorkdirError):
    """A checkpoint cannot be written, for example because the disk is full."""


class Checkpoints:
    """The checkpoints of a run: its newest training states, without the model's constants.

    This is a context manager. On exit, it waits until all checkpoints are written.

    Attributes:
      latest_step: number of updates in the newest complete checkpoint; None if there is none.
    """

    def __init__(self, workdir: Path, folder: str = FOLDER, kept: int = CHECKPOINTS_KEPT) -> None:
        """Opens the checkpoints of a run.

        Args:
          workdir: the run's directory.
          folder: name of the checkpoints' folder in `workdir`.
          kept: number of checkpoints to keep; older ones are removed.
        """
        for name in ("absl", "asyncio"):
            logging.getLogger(name).addFilter(_is_no_orbax_error)
        if sys.unraisablehook is not _unraisablehook:
            _hooks[:] = [sys.unraisablehook]
            sys.unraisablehook = _unraisablehook
        self._folder = (workdir / folder).absolute()
        self._manager = ocp.CheckpointManager(
            self._folder,
            options=ocp.CheckpointManagerOptions(max_to_keep=kept, create=True),
            item_names=(_STATE, _METADATA),
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
        failures = []
        for end in (self.wait, self._close):
            try:
                end()
            except WorkdirError as failure:
                failures.append(failure)
        if failures and error is None:  # otherwise the first error is more helpful
            raise failures[0]

    def save(self, state: TrainState, metadata: Mapping[str, Any] | None = None) -> None:
        """Starts to write a state, whose buffers may be donated as soon as this returns.

        If the newest checkpoint is of the same step, nothing is written.

        Args:
          state: the training state.
          metadata: other values to store for this step, which JSON must be able to represent.

        Raises:
          DivergedError: if the state is not finite. Nothing is written, and the last good
            checkpoint is kept.
          WorkdirError: if the state cannot be written.
        """
        step = int(state.step)
        if step == self.latest_step:
            return
        if not bool(_all_finite(state)):
            raise DivergedError(
                f"the parameters or other arrays of the state are not finite after step {step}: "
                "lower --config.learning_rate, or set --config.gradient_clip_norm"
            )
        # A deep copy, because Orbax writes in the background while the caller changes its own.
        written = copy.deepcopy(dict(metadata or {}))
        written |= {"checksum": _checksum(state), "metadata_checksum": _checksum_of_json(written)}
        items = {
            _STATE: ocp.args.StandardSave(_named(state)),
            _METADATA: ocp.args.JsonSave(written),
        }
        with _writing(self._folder):
            self._manager.save(step, args=ocp.args.Composite(**items))
        self.latest_step = step

    def wait(self) -> None:
        """Waits until all checkpoints are written.

        Raises:
          WorkdirError: if a checkpoint cannot be written.
        """
        with _writing(self._folder):
            self._manager.wait_until_finished()

    def _close(self) -> None:
        with _writing(self._folder):
            self._manager.close()

    def restore_latest(
        self,
        abstract_state: TrainState,
        mesh: Mesh,
        warn: Callable[[str], None] = warnings.warn,
        *,
        move_aside: bool = True,
    ) -> tuple[TrainState, dict[str, Any]]:
        """Reads the newest intact checkpoint to every device of `mesh`.

        Newer checkpoints that are damaged are skipped.

        Args:
          abstract_state: a state with the expected shapes and dtypes.
          mesh: the devices, which may differ from those that wrote the checkpoint.
          warn: called with a message for each damaged checkpoint.
          move_aside: whether to move damaged checkpoints to another folder, so that training can
            write these steps again.

        Returns:
          The state and its metadata.

        Raises:
          WorkdirError: if there is no checkpoint, none can be read, or they belong to a model with
            other parameters.
        """
        if self.latest_step is None:
            raise WorkdirError(f"no checkpoint in {self._folder}: train there first")
        failures: dict[int, Exception] = {}
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                found = self._restore(step, abstract_state, mesh)
            except Exception as error:  # Orbax and its storage layers raise many types.
                failures[step] = error
                found = None
            if largest_of_all(found is None):  # in any process: all must read the same step
                failures.setdefault(step, OSError("another process could not read it"))
                continue
            assert found is not None
            for damaged, why in failures.items():
                warn(
                    f"the checkpoint of step {damaged} in {self._folder} is damaged "
                    f"({_one_line(why)}); going on from that of step {step}"
                )
            if failures and move_aside:
                self._move_aside(failures)
            self.latest_step = step
            return found
        raise WorkdirError(
            f"no checkpoint in {self._folder} can be read (steps "
            f"{', '.join(map(str, failures))}): they belong to another model or are damaged; use "
            f"another --workdir ({_one_line(next(iter(failures.values())))})"
        ) from next(iter(failures.values()))

    def forget_after(self, step: int) -> None:
        """Removes the checkpoints of all later steps, which training will make again."""
        for later in [other for other in self._manager.all_steps() if other > step]:
            self._manager.delete(later)
        self.latest_step = self._manager.latest_step()

    def _restore(
        self, step: int, abstract_state: TrainState, mesh: Mesh
    ) -> tuple[TrainState, dict[str, Any]]:
        expected = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=replicated(mesh)),
            _named(abstract_state),
        )
        found = self._manager.restore(
            step,
            args=ocp.args.Composite(
                **{
                    _STATE: ocp.args.StandardRestore(expected),
                    _METADATA: ocp.args.JsonRestore(),
                }
            ),
        )
        state, metadata = TrainState(**found[_STATE]), dict(found[_METADATA])
        checksum = metadata.pop("checksum")
        if checksum != _checksum(state):
            raise OSError(f"the arrays' checksum is {_checksum(state)}, not {checksum}")
        # Older checkpoints have no checksum of their metadata.
        checksum = metadata.pop("metadata_checksum", None)
        if checksum not in (None, _checksum_of_json(metadata)):
            raise OSError(f"the metadata's checksum is not {checksum}")
        return state, metadata

    def _move_aside(self, steps: Iterable[int]) -> None:
        if is_first_process():
            aside = self._folder.parent / DAMAGED_FOLDER
            aside.mkdir(exist_ok=True)
            for step in steps:
                number = len(list(aside.iterdir()))
                (self._folder / str(step)).rename(aside / f"{self._folder.name}_{step}_{number}")
        largest_of_all(0)  # the other processes wait until the folders are moved
        self._manager.reload()


def _is_no_orbax_error(record: logging.LogRecord) -> bool:
    """Whether a record of a log is to be shown.

    Orbax logs each error with the tracebacks of its threads and tasks, hundreds of lines, before it
    raises it. The exception says the same.
    """
    if record.levelno < logging.ERROR:
        return True
    context = record.exc_info[1] if record.exc_info else None
    traces = traceback.format_exception(context) if context is not None else []
    return not any("orbax" in text for text in (record.pathname, record.getMessage(), *traces))


_hooks: list[Callable[[Any], Any]] = []


def _unraisablehook(unraisable: Any) -> None:
    """Leaves out what tensorstore prints of a write that ends after another one has failed."""
    if str(unraisable.exc_value) != "Event loop is closed":
        _hooks[0](unraisable)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Converts errors of the file system and of Orbax to an `UnwritableError`."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise UnwritableError(
            f"a checkpoint cannot be written to {folder} ({_one_line(error)}): make room there, "
            "then run the same command to continue from the previous checkpoint"
        ) from error


@jax.jit
def _all_finite(tree: Any) -> jax.Array:
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def _checksum(state: TrainState) -> int:
    """Returns a checksum of all arrays' bytes: the file format's checksums do not cover them."""
    checksum = 0
    for leaf in jax.tree.leaves(state):
        checksum = zlib.crc32(np.ascontiguousarray(jax.device_get(leaf)).tobytes(), checksum)
    return checksum


def _checksum_of_json(metadata: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(metadata, sort_keys=True).encode())


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"


def _named(state: TrainState) -> dict[str, Any]:
    return {
        "step": state.step,
        "params": state.params,
        "batch_stats": state.batch_stats,
        "optimizer_state": state.optimizer_state,
    }
