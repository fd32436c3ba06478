"""The check of what a grid is made from."""

from __future__ import annotations

import numpy as np


def whole_number(
    value: object,
    name: str,
    *,
    least: int,
    most: int | None = None,
    even: bool = False,
    advice: str,
) -> int:
    """The value as an int.

    Args:
      value: what the caller gave.
      name: what to call it in the error, for example "FejerGrid: resolution".
      least: the smallest allowed.
      most: the largest allowed, if there is one.
      even: whether it must be even.
      advice: the end of the error: the next step.

    Raises:
      ValueError: it is no whole number, or not allowed.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | np.integer)
        or value < least
        or (most is not None and value > most)
        or (even and value % 2)
    ):
        kind = "an even whole number" if even else "a whole number"
        bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} is {value!r}; it must be {kind} {bounds}{advice}")
    return int(value)
