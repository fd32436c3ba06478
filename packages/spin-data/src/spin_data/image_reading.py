"""How image files become fields of spin 0, recorded so that others are read in the same way."""

import dataclasses
from collections.abc import Mapping
from typing import Any

__all__ = ["PROJECTIONS", "ImageReading"]

PROJECTIONS = ("image", "panorama")


@dataclasses.dataclass(frozen=True)
class ImageReading:
    """How images become fields. The grid and the number of channels are the input's specification.

    Attributes:
      projection: "image" for flat images, which are projected around the south pole; "panorama" for
        equirectangular images, which cover the sphere.
      inverted: whether dark and bright are swapped first.

    Raises:
      ValueError: there is no such projection, or `inverted` is no boolean.
    """

    projection: str
    inverted: bool = False

    def __post_init__(self) -> None:
        if self.projection not in PROJECTIONS:
            raise ValueError(
                f"projection is {self.projection!r}, expected one of {', '.join(PROJECTIONS)}"
            )
        if not isinstance(self.inverted, bool):
            raise ValueError(f"inverted is {self.inverted!r}, expected true or false")

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-serializable dictionary, from which `from_json` makes an equal object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> "ImageReading":
        """Makes an object from the result of `to_json`.

        Raises:
          ValueError: a key is missing or unknown, or a value is malformed.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(described, Mapping) or set(described) != known:
            raise ValueError(
                f"{described!r:.80} does not say how images are read: expected the keys "
                f"{', '.join(sorted(known))}"
            )
        return cls(**described)
