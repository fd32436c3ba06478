"""Which split an example belongs to, where its owner has not said."""

import hashlib
import os

SPLITS = ("train", "validation", "test")


def check_division(validation: float, test: float, seed: int) -> None:
    """Checks the shares of two splits, and the seed of a division.

    Raises:
        ValueError: a share is not a number in [0, 1), nothing would be left to train on, or the
            seed is no integer.
    """
    if not isinstance(seed, int):
        raise ValueError(f"seed is {seed!r}, expected an integer")
    for name, share in (("validation", validation), ("test", test)):
        if not isinstance(share, int | float):
            raise ValueError(f"{name} is {share!r}, expected a share in [0, 1)")
        if not 0 <= share < 1:
            raise ValueError(f"{name} is {share}, expected a share in [0, 1)")
    if validation + test >= 1:
        raise ValueError(
            f"validation {validation} and test {test} leave nothing to train on; their sum must be "
            "below 1"
        )


def split_of(name: str, *, validation: float, test: float, seed: int) -> str:
    """The split of an example, from its name and the seed alone.

    So an example stays where it is when others are added or taken away.

    Args:
        name: what tells the example from others, such as its path within the folder.
        validation: the share of examples that go there, on average.
        test: likewise.
        seed: another one divides otherwise.
    """
    place = position_of(name, seed) / 2**64
    if place < test:
        return "test"
    return "validation" if place < test + validation else "train"


def position_of(name: str, seed: int) -> int:
    """A number in [0, 2^64) that the name and the seed determine, and nothing else."""
    digest = hashlib.sha256(os.fsencode(f"{seed}:{name}")).digest()
    return int.from_bytes(digest[:8], "big")
