"""Options of a model that have one entry for each layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def check_per_layer(model: str, **options: Sequence[Any]) -> None:
    """Checks that options have one entry for each layer, all for the same number of layers.

    Args:
      model: the name with which messages begin.
      **options: sequences, by the option's name.

    Raises:
      ValueError: one is no sequence, they differ in length, or there is no layer.
    """
    for name, value in options.items():
        if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
            raise ValueError(
                f"{model}: {name} is {value!r}; it needs a sequence with one entry for each layer, "
                "in Python such as (2, 3), on the command line such as 2,3."
            )
    lengths = {name: len(value) for name, value in options.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"{model}: each option needs one entry for each layer, but {found}.")


def check_widths(model: str, widths: Sequence[int]) -> None:
    """Checks the number of channels of each layer.

    Raises:
      ValueError: a width is not a positive whole number.
    """
    if not all(is_whole_number(width) for width in widths) or min(widths) < 1:
        raise ValueError(
            f"{model}: widths is {tuple(widths)}; each must be a positive whole number of channels."
        )


def is_whole_number(value: object) -> bool:
    """Returns whether a value is an integer of Python or NumPy, and not a boolean."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
