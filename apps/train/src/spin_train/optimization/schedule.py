"""The learning rate as a function of the step."""

import jax
import jax.numpy as jnp
import ml_collections
import optax

REFERENCE_BATCH_SIZE = 32


def make_schedule(
    config: ml_collections.ConfigDict,
    *,
    global_batch_size: int,
    steps_per_epoch: int,
    num_train_steps: int,
) -> optax.Schedule:
    """Makes the published schedule: a linear warm-up, then cosine decay to zero, or constant.

    Args:
      config: contains `learning_rate` (for a global batch of 32), `warmup_epochs` and
        `learning_rate_schedule`.
      global_batch_size: examples per step over all devices; the learning rate is proportional to
        it.
      steps_per_epoch: updates in one pass over the training data.
      num_train_steps: the update at which the cosine reaches zero.

    Returns:
      A function that maps the number of the update to its learning rate, float32. Updates count
      from 1 (in Optax, from 0).
    """
    base = config.learning_rate * global_batch_size / REFERENCE_BATCH_SIZE
    warmup = float(config.warmup_epochs)  # as an integer it would have to fit into int32
    # Near the end, 1 + cos loses digits in float32. The schedule is computed in epochs and in the
    # order of the published code, so that the learning rates of its log are reproduced exactly.
    decay_epochs = max(num_train_steps / steps_per_epoch - warmup, 1 / steps_per_epoch)

    def schedule(step: jax.typing.ArrayLike) -> jax.Array:
        epoch = jnp.asarray(step) / steps_per_epoch
        rate = jnp.asarray(base, epoch.dtype)
        if config.learning_rate_schedule == "cosine":
            progress = jnp.clip((epoch - warmup) / decay_epochs, 0.0, 1.0)
            rate = 0.5 * (1.0 + jnp.cos(jnp.pi * progress)) * rate
        if warmup > 0:
            rate = rate * jnp.minimum(1.0, epoch / warmup)
        return rate

    return schedule
