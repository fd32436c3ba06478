"""Options of a model that have one entry for each layer."""

from collections.abc import Sequence
from typing import Any


def check_per_layer(model: str, **options: Sequence[Any]) -> None:
    """Checks that options have one entry for each layer, all for the same number of layers.

    Args:
      model: the name with which messages begin.
      **options: sequences, by the option's name.

    Raises:
      ValueError: one is no sequence, they differ in length, or there is no layer.
    """
    for name, value in options.items():
        if isinstance(value, str) or not isinstance(value, Sequence):
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
    whole = (isinstance(width, int) and not isinstance(width, bool) for width in widths)
    if not all(whole) or min(widths) < 1:
        raise ValueError(
            f"{model}: widths is {tuple(widths)}; each must be a positive whole number of channels."
        )
