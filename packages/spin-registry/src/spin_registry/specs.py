"""The specifications that models and datasets share: fields and classes."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spin_registry.frozen_mapping import FrozenMapping


@dataclass(frozen=True)
class FieldSpec:
    """The specification of a spin-weighted field on the sphere, as an input or a dense output.

    A field is a mapping from spin weight to an array of shape `(batch, *grid.shape, channels)`.
    Specifications compare by value. They are hashable if their grid is.

    Attributes:
      grid: the grid object that the field is sampled on. It is not checked.
      channels: number of channels of each spin weight, immutable, sorted by spin. The default is
        one channel of spin 0, an ordinary scalar field.

    Raises:
      TypeError: if `channels` is not a mapping.
      ValueError: if `channels` is empty, a spin is not an integer, or a number of channels is not
        a positive integer.
    """

    grid: Any
    channels: Mapping[int, int] = field(default_factory=lambda: {0: 1})

    def __post_init__(self) -> None:
        if not isinstance(self.channels, Mapping):
            raise TypeError(
                "FieldSpec: channels must map each spin to its number of channels, "
                f"as {{0: 1}} does, not {self.channels!r}"
            )
        if not self.channels:
            raise ValueError("FieldSpec: channels is empty; name at least one spin, as in {0: 1}")
        channels = {}
        for spin, count in self.channels.items():
            spin_weight = _integer(spin)
            if spin_weight is None:
                raise ValueError(f"FieldSpec: a spin must be an integer, such as 0 or 1: {spin!r}")
            number = _integer(count)
            if number is None or number < 1:
                raise ValueError(
                    f"FieldSpec: the number of channels of spin {spin} must be a positive integer, "
                    f"not {count!r}"
                )
            channels[spin_weight] = number
        object.__setattr__(self, "channels", FrozenMapping(dict(sorted(channels.items()))))

    @property
    def spins(self) -> tuple[int, ...]:
        """The spin weights, ascending."""
        return tuple(self.channels)


@dataclass(frozen=True)
class ClassSpec:
    """The specification of a classifier's output.

    Attributes:
      num_classes: the number of classes, at least 2.

    Raises:
      ValueError: if `num_classes` is not an integer of at least 2.
    """

    num_classes: int

    def __post_init__(self) -> None:
        num_classes = _integer(self.num_classes)
        if num_classes is None or num_classes < 2:
            raise ValueError(
                f"ClassSpec: num_classes must be an integer of at least 2, not {self.num_classes!r}"
            )
        object.__setattr__(self, "num_classes", num_classes)


def _integer(value: Any) -> int | None:
    """Returns a Python or NumPy integer as an `int`; None for other values and for booleans."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None
