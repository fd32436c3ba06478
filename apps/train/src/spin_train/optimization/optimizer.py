"""The optimizer: Adam on real and complex parameters."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

PyTree = Any


def make_optimizer(
    schedule: optax.Schedule, *, weight_decay: float = 0.0, clip_norm: float = 0.0
) -> optax.GradientTransformation:
    """Makes Adam with a schedule and an L2 penalty.

    Args:
      schedule: from the number of the update, which counts from 1, to the learning rate.
      weight_decay: weight of the penalty `weight_decay / 2 * sum |w|^2`, as published: it goes
        through Adam's moments (unlike AdamW's decay), and covers the arrays of two or more axes
        only, so that biases and normalisation scales are spared.
      clip_norm: gradients of a larger norm, over all parameters, are scaled down to it, before the
        penalty is added; 0 for never.

    Returns:
      A transformation whose updates are to be added to the parameters.
    """
    # JAX returns the conjugate of the direction of steepest ascent for a complex parameter:
    # without this, training diverges.
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
    """Applies a transformation to all parameters of one dtype at once, laid end to end.

    Adam treats every number alike; leaf by leaf it is some ten small operations for each of a
    hundred arrays, each compiled and started on its own.

    Args:
      elementwise: a transformation of which every number's update depends on that number alone.

    Returns:
      The same transformation, whose state holds one vector for each dtype.
    """

    def init(params: PyTree) -> Any:
        return elementwise.init(_vectors(params))

    def update(updates: PyTree, state: Any, params: PyTree | None = None) -> tuple[PyTree, Any]:
        vectors = None if params is None else _vectors(params)
        new, state = elementwise.update(_vectors(updates), state, vectors)
        return _unflatten(updates, new), state

    return optax.GradientTransformation(init, update)


def _vectors(tree: PyTree) -> dict[str, jax.Array]:
    """The leaves end to end, by dtype."""
    leaves: dict[str, list[jax.Array]] = {}
    for leaf in jax.tree.leaves(tree):
        leaves.setdefault(str(leaf.dtype), []).append(jnp.ravel(leaf))
    return {dtype: jnp.concatenate(arrays) for dtype, arrays in sorted(leaves.items())}


def _unflatten(tree: PyTree, vectors: dict[str, jax.Array]) -> PyTree:
    """The inverse of `_vectors`: the numbers as leaves of the tree's shapes."""
    offsets = dict.fromkeys(vectors, 0)

    def take(leaf: jax.Array) -> jax.Array:
        dtype = str(leaf.dtype)
        start = offsets[dtype]
        offsets[dtype] = start + leaf.size
        return vectors[dtype][start : start + leaf.size].reshape(leaf.shape)

    return jax.tree.map(take, tree)
