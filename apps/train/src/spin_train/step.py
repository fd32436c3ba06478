"""The compiled steps of training and evaluation."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from spin_data import decode_fields
from spin_train.device_pipeline import ONLY_DECODING, DevicePipeline
from spin_train.model_state import ModelParts
from spin_train.sharding import AXIS, replicated
from spin_train.tasks import Scores, Task

PyTree = Any
Batch = Mapping[str, Any]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """All that changes in training, and all that a checkpoint holds.

    Attributes:
      step: number of updates made, int32.
      params: the model's parameters.
      batch_stats: its running statistics.
      optimizer_state: Optax's.
    """

    step: jax.Array
    params: PyTree
    batch_stats: PyTree
    optimizer_state: PyTree


class TrainStep(Protocol):
    """One update, as `make_train_step` describes it."""

    def __call__(
        self,
        state: TrainState,
        constants: PyTree,
        batch: Batch,
        pipeline: DevicePipeline = ...,
        /,
    ) -> tuple[TrainState, Scores]:
        """Returns the new state, and the scores before the update."""


EvalStep = Callable[[PyTree, PyTree, PyTree, Scores, Batch], Scores]


def initial_state(parts: ModelParts, optimizer: optax.GradientTransformation) -> TrainState:
    """Returns the state before the first update."""
    return TrainState(
        jnp.zeros((), jnp.int32), parts.params, parts.batch_stats, optimizer.init(parts.params)
    )


def make_train_step(
    parts: ModelParts,
    task: Task,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
    *,
    accumulation_steps: int = 1,
) -> TrainStep:
    """Compiles one update.

    Args:
      parts: the model.
      task: what the loss is.
      optimizer: as `make_optimizer` makes it.
      mesh: the devices.
      accumulation_steps: parts in which each device works through its share of a batch, one after
        another.

    Returns:
      A function of the state, whose buffers it takes over, the model's constants, a batch, and the
      `DevicePipeline` that prepares it (by default, one that does no more than decode). It returns
      the new state and the mean of each score over the batch, before the update.
    """

    def train_step(
        state: TrainState,
        constants: PyTree,
        batch: Batch,
        pipeline: DevicePipeline = ONLY_DECODING,
    ) -> tuple[TrainState, Scores]:
        gradients, (scores, batch_stats) = score_gradients(
            parts,
            task,
            state.params,
            state.batch_stats,
            constants,
            batch,
            state.step + 1,
            pipeline,
            accumulation_steps=accumulation_steps,
            mesh=mesh,
        )
        updates, optimizer_state = optimizer.update(gradients, state.optimizer_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return TrainState(state.step + 1, params, batch_stats, optimizer_state), scores

    return jax.jit(train_step, donate_argnums=0, out_shardings=replicated(mesh))


def score_gradients(
    parts: ModelParts,
    task: Task,
    params: PyTree,
    batch_stats: PyTree,
    constants: PyTree,
    batch: Batch,
    step: jax.Array,
    pipeline: DevicePipeline = ONLY_DECODING,
    *,
    accumulation_steps: int = 1,
    mesh: Mesh | None = None,
) -> tuple[PyTree, tuple[Scores, PyTree]]:
    """Differentiates the mean loss by the parameters.

    Args:
      parts: the model.
      task: what the loss is.
      params: the model's parameters.
      batch_stats: its running statistics.
      constants: its constants.
      batch: the batch.
      step: number of the update, from 1.
      pipeline: prepares the batch.
      accumulation_steps: parts of the batch, worked through one after another; their gradients and
        scores are averaged.
      mesh: the devices; needed for parts.

    Returns:
      The gradients as JAX gives them (conjugated, for complex parameters), and the means of the
      scores with the batch statistics after the step.
    """
    field, batch = pipeline(batch)

    def mean_loss(
        params: PyTree, batch_stats: PyTree, step: jax.Array, field: PyTree, batch: Batch
    ) -> tuple[jax.Array, tuple[Scores, PyTree]]:
        outputs, new_batch_stats = parts.apply(params, batch_stats, constants, field, step=step)
        means = {name: jnp.mean(score) for name, score in task.scores(outputs, batch).items()}
        return means["loss"], (means, new_batch_stats)

    differentiate = jax.grad(mean_loss, has_aux=True)
    if accumulation_steps == 1:
        return differentiate(params, batch_stats, step, field, batch)

    assert mesh is not None

    def add_part(carry: PyTree, part: PyTree) -> tuple[PyTree, None]:
        sums, batch_stats, number = carry
        gradients, (scores, batch_stats) = differentiate(
            params, batch_stats, step * accumulation_steps + number, *part
        )
        sums = jax.tree.map(jnp.add, sums, (gradients, scores))
        return (sums, batch_stats, number + 1), None

    of_parts = jax.tree.map(partial(_in_parts, accumulation_steps, mesh), (field, dict(batch)))
    zeros = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype),
        jax.eval_shape(
            lambda *part: differentiate(params, batch_stats, step, *part),
            *jax.tree.map(lambda leaf: leaf[0], of_parts),
        ),
    )
    start = ((zeros[0], zeros[1][0]), batch_stats, jnp.int32(0))
    (sums, batch_stats, _), _ = jax.lax.scan(add_part, start, of_parts)
    gradients, scores = jax.tree.map(lambda total: total / accumulation_steps, sums)
    return gradients, (scores, batch_stats)


def _in_parts(count: int, mesh: Mesh, leaf: jax.Array) -> jax.Array:
    """From (batch, ...) to (part, batch / parts, ...): every count-th example is of one part.

    So the parts are the same on any number of devices, and each device's share of a part comes from
    its own share of the batch.
    """
    together = leaf.reshape(-1, count, *leaf.shape[1:]).swapaxes(0, 1)
    return jax.lax.with_sharding_constraint(
        together, NamedSharding(mesh, PartitionSpec(None, AXIS))
    )


def make_eval_step(parts: ModelParts, task: Task, mesh: Mesh) -> EvalStep:
    """Compiles the scoring of one batch.

    Returns:
      A function of parameters, batch statistics, constants, totals and a batch that returns the
      totals with the batch's unmasked examples added: their number as "count", and the sum of each
      score. Start with `{}`.
    """

    def eval_step(
        params: PyTree, batch_stats: PyTree, constants: PyTree, totals: Scores, batch: Batch
    ) -> Scores:
        field = decode_fields(batch["input"])
        outputs, _ = parts.apply(params, batch_stats, constants, field, step=None)
        mask = batch["mask"]
        # Selected, not multiplied: what a model makes of padding need not be finite.
        sums = {
            name: jnp.sum(jnp.where(mask, score, 0.0))
            for name, score in task.scores(outputs, batch).items()
        }
        sums["count"] = jnp.sum(mask.astype(jnp.int32))
        return {name: totals.get(name, 0) + value for name, value in sums.items()}

    return jax.jit(eval_step, out_shardings=replicated(mesh))
