"""The optimizer: Adam on real and complex parameters."""

import jax
import jax.numpy as jnp
import optax


def make_optimizer(
    schedule: optax.Schedule, *, weight_decay: float = 0.0
) -> optax.GradientTransformation:
    """Makes Adam with a schedule and an L2 penalty.

    Args:
      schedule: from the number of the update, which counts from 1, to the learning rate.
      weight_decay: weight of the penalty `weight_decay / 2 * sum |w|^2`, as published: it goes
        through Adam's moments (unlike AdamW's decay), and covers the arrays of two or more axes
        only, so that biases and normalisation scales are spared.

    Returns:
      A transformation whose updates are to be added to the parameters.
    """
    # JAX returns the conjugate of the direction of steepest ascent for a complex parameter:
    # without this, training diverges.
    steps = [optax.stateless(lambda gradients, _: jax.tree.map(jnp.conj, gradients))]
    if weight_decay:
        steps.append(
            optax.add_decayed_weights(
                weight_decay, mask=lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params)
            )
        )
    return optax.chain(*steps, optax.adam(lambda count: schedule(count + 1)))
