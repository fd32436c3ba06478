"""Running means of batch statistics, without the start value that they began with."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

# A count of updates stops here. The weight of a start value is then zero for every momentum that is
# in use: 0.9999^(2^20) is 1e-46.
MANY_UPDATES = 2**20
# The name of the variable that counts updates. Weights files of older versions lack it.
UPDATES = "updates"


def without_start(
    running: jax.Array, start: float, momentum: float, updates: jax.Array
) -> jax.Array:
    """Removes the start value from a running mean, where it has the weight momentum^updates.

    Args:
      running: the running mean after the updates.
      start: its value before the first update.
      momentum: at least 0 and below 1.
      updates: number of updates, int32. Without any, the result is the start value.

    Returns:
      The mean of the updates alone, with their weights; same shape and dtype as `running`.
    """
    dtype = running.real.dtype
    logarithm = updates.astype(dtype) * jnp.log(jnp.asarray(max(momentum, 1e-30), dtype))
    # 1 - momentum^n, in a form that keeps its digits if momentum is close to one.
    weight, rest = jnp.exp(logarithm), -jnp.expm1(logarithm)
    changed = rest > 0
    rest = jnp.where(changed, rest, 1)
    debiased = (running - (weight * start).astype(running.dtype)) / rest.astype(running.dtype)
    return jnp.where(changed, debiased, running)


def checked_momentum(momentum: float, what: str) -> float:
    """Returns the momentum of a running mean.

    Args:
      momentum: the weight of the old value in each update. At 1 the mean would never change.
      what: the name of the argument, for the message.

    Raises:
      ValueError: it is not a number, below 0, or 1 or more.
    """
    is_number = isinstance(momentum, int | float | np.number) and not isinstance(momentum, bool)
    if not is_number or not 0 <= momentum < 1:
        raise ValueError(
            f"{what} is {momentum!r}; it must be a number of at least 0 and below 1, for example "
            "0.99."
        )
    return float(momentum)
