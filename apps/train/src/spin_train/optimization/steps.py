"""The compiled steps of training and evaluation."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from spin_train.devices.device_pipeline import ONLY_DECODING, DevicePipeline
from spin_train.devices.sharding import AXIS, replicated
from spin_train.model.functional import FunctionalModel, PyTree, Variables
from spin_train.model.train_state import TrainState
from spin_train.optimization.tasks import Scores, Task

Batch = Mapping[str, Any]
Constants = Mapping[str, PyTree]


class TrainStep(Protocol):
    """The training step that `make_train_step` returns."""

    def __call__(
        self,
        state: TrainState,
        constants: Constants,
        batch: Batch,
        pipeline: DevicePipeline = ...,
        /,
    ) -> tuple[TrainState, Scores]:
        """Returns the new state and the scores before the update."""


EvalStep = Callable[[TrainState, Constants, Scores, Batch], Scores]


def make_train_step(
    model: FunctionalModel,
    task: Task,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
    *,
    accumulation_steps: int = 1,
) -> TrainStep:
    """Compiles the training step, which makes one update.

    Args:
      model: the model.
      task: defines the loss.
      optimizer: as returned by `make_optimizer`.
      mesh: the devices.
      accumulation_steps: number of microbatches that each device computes one after another.

    Returns:
      A function of the state, the model's constants, a batch, and the `DevicePipeline` that
      prepares the batch (by default, one that only decodes). It returns the new state and the mean
      of each score over the batch, before the update. The buffers of the old state are donated, so
      that state cannot be used afterwards.
    """

    def train_step(
        state: TrainState,
        constants: Constants,
        batch: Batch,
        pipeline: DevicePipeline = ONLY_DECODING,
    ) -> tuple[TrainState, Scores]:
        gradients, (scores, batch_stats) = score_gradients(
            model,
            task,
            state.variables(constants),
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
    model: FunctionalModel,
    task: Task,
    variables: Variables,
    batch: Batch,
    step: jax.Array,
    pipeline: DevicePipeline = ONLY_DECODING,
    *,
    accumulation_steps: int = 1,
    mesh: Mesh | None = None,
) -> tuple[PyTree, tuple[Scores, PyTree]]:
    """Computes the gradients of the mean loss with respect to the parameters.

    Args:
      model: the model.
      task: defines the loss.
      variables: the model's arrays.
      batch: the batch.
      step: number of the update, from 1.
      pipeline: prepares the batch.
      accumulation_steps: number of microbatches, computed one after another. Their gradients and
        scores are averaged. The running batch statistics pass from one microbatch to the next,
        which `optax.microbatching` does not do.
      mesh: the devices; needed for microbatches.

    Returns:
      The gradients as JAX returns them (conjugated for complex parameters), and a tuple of the mean
      scores and the batch statistics after the step.
    """
    field, batch = pipeline(batch)

    def mean_loss(
        params: PyTree, batch_stats: PyTree, step: jax.Array, field: PyTree, batch: Batch
    ) -> tuple[jax.Array, tuple[Scores, PyTree]]:
        current = Variables(params, batch_stats, variables.constants)
        outputs, new_batch_stats = model.apply(current, field, step=step)
        means = {name: jnp.mean(score) for name, score in task.scores(outputs, batch).items()}
        return means["loss"], (means, new_batch_stats)

    differentiate = jax.grad(mean_loss, has_aux=True)
    params, batch_stats = variables.params, variables.batch_stats
    if accumulation_steps == 1:
        return differentiate(params, batch_stats, step, field, batch)

    assert mesh is not None

    def add_microbatch(carry: PyTree, microbatch: PyTree) -> tuple[PyTree, None]:
        sums, batch_stats, number = carry
        gradients, (scores, batch_stats) = differentiate(
            params, batch_stats, step * accumulation_steps + number, *microbatch
        )
        sums = jax.tree.map(jnp.add, sums, (gradients, scores))
        return (sums, batch_stats, number + 1), None

    microbatches = jax.tree.map(
        partial(in_microbatches, accumulation_steps, mesh), (field, dict(batch))
    )
    zeros = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype),
        jax.eval_shape(
            lambda *microbatch: differentiate(params, batch_stats, step, *microbatch),
            *jax.tree.map(lambda leaf: leaf[0], microbatches),
        ),
    )
    start = ((zeros[0], zeros[1][0]), batch_stats, jnp.int32(0))
    (sums, batch_stats, _), _ = jax.lax.scan(add_microbatch, start, microbatches)
    gradients, scores = jax.tree.map(lambda total: total / accumulation_steps, sums)
    return gradients, (scores, batch_stats)


def in_microbatches(count: int, mesh: Mesh, leaf: jax.Array) -> jax.Array:
    """Divides an array (batch, ...) into microbatches (microbatch, batch / count, ...).

    Each microbatch consists of every count-th example. The microbatches are therefore the same on
    any number of devices, and each device's share of a microbatch comes from its own share of the
    batch.
    """
    together = leaf.reshape(-1, count, *leaf.shape[1:]).swapaxes(0, 1)
    return jax.lax.with_sharding_constraint(
        together, NamedSharding(mesh, PartitionSpec(None, AXIS))
    )


def make_eval_step(model: FunctionalModel, task: Task, mesh: Mesh) -> EvalStep:
    """Compiles the evaluation step, which scores one batch.

    Returns:
      A function of the state, the model's constants, the totals so far (`{}` at the start) and a
      batch. It returns the totals with the batch's unmasked examples added: the sum of each score,
      and the number of examples as "count".
    """

    def score(state: TrainState, constants: Constants, batch: Batch) -> Scores:
        field, batch = ONLY_DECODING(batch)
        outputs, _ = model.apply(state.variables(constants), field, step=None)
        mask = batch["mask"]
        # `where`, not a product with the mask: the outputs for padding may be infinite or NaN.
        sums = {
            name: jnp.sum(jnp.where(mask, score, 0.0))
            for name, score in task.scores(outputs, batch).items()
        }
        sums["count"] = jnp.sum(mask.astype(jnp.int32))
        return sums

    # Two programs: the model is then compiled once, and not also for totals that are empty.
    compiled_score = jax.jit(score, out_shardings=replicated(mesh))
    add = jax.jit(partial(jax.tree.map, jnp.add), out_shardings=replicated(mesh))

    def eval_step(state: TrainState, constants: Constants, totals: Scores, batch: Batch) -> Scores:
        sums = compiled_score(state, constants, batch)
        return add(totals, sums) if totals else sums

    return eval_step
