"""The optimizer: Adam for real and complex parameters."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

PyTree = Any


def make_optimizer(
    schedule: optax.Schedule, *, weight_decay: float = 0.0, clip_norm: float = 0.0
) -> optax.GradientTransformation:
    """Makes Adam with a learning rate schedule, an L2 penalty and gradient clipping.

    Args:
      schedule: maps the number of the update, which counts from 1, to the learning rate.
      weight_decay: weight of the penalty `weight_decay / 2 * sum |w|^2`. As published, its gradient
        passes through Adam's moments (unlike AdamW's decay). It applies to arrays with two or more
        axes only, so biases and normalisation scales have no penalty.
      clip_norm: a gradient whose norm over all parameters is larger is scaled down to this norm,
        before the penalty is added; 0 for no clipping.

    Returns:
      A transformation whose updates are added to the parameters.
    """
    # For a complex parameter, JAX returns the conjugate of the direction of steepest ascent.
    # Without this conjugation, training diverges.
    steps = [optax.stateless(lambda gradients, _: jax.tree.map(jnp.conj, gradients))]
    if clip_norm:
        steps.append(optax.clip_by_global_norm(clip_norm))
    if weight_decay:
        steps.append(
            optax.add_decayed_weights(
                weight_decay, mask=lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params)
            )
        )
    return optax.chain(*steps, on_vectors(optax.adam(lambda count: schedule(count + 1))))


def on_vectors(elementwise: optax.GradientTransformation) -> optax.GradientTransformation:
    """Concatenates the parameters of each dtype to one vector, and transforms the vectors.

    Adam updates every number in the same way. Applied to each array separately, it takes about ten
    small operations for each of a hundred arrays, and each operation is compiled and started
    separately.

    Args:
      elementwise: a transformation in which each number's update depends on that number only.

    Returns:
      The same transformation, with a state that holds one vector for each dtype.
    """

    def init(params: PyTree) -> Any:
        return elementwise.init(_vectors(params))

    def update(updates: PyTree, state: Any, params: PyTree | None = None) -> tuple[PyTree, Any]:
        vectors = None if params is None else _vectors(params)
        new, state = elementwise.update(_vectors(updates), state, vectors)
        return _unflatten(updates, new), state

    return optax.GradientTransformation(init, update)


def _vectors(tree: PyTree) -> dict[str, jax.Array]:
    """Concatenates the leaves of each dtype to one vector."""
    leaves: dict[str, list[jax.Array]] = {}
    for leaf in jax.tree.leaves(tree):
        leaves.setdefault(str(leaf.dtype), []).append(jnp.ravel(leaf))
    return {dtype: jnp.concatenate(arrays) for dtype, arrays in sorted(leaves.items())}


def _unflatten(tree: PyTree, vectors: dict[str, jax.Array]) -> PyTree:
    """Inverts `_vectors`: splits the vectors into leaves with the shapes of `tree`."""
    offsets = dict.fromkeys(vectors, 0)

    def take(leaf: jax.Array) -> jax.Array:
        dtype = str(leaf.dtype)
        start = offsets[dtype]
        offsets[dtype] = start + leaf.size
        return vectors[dtype][start : start + leaf.size].reshape(leaf.shape)

    return jax.tree.map(take, tree)
