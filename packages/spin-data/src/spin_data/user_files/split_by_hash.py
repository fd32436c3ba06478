"""Assigns examples to splits: by the names that users give them, or by a hash."""

import hashlib
import os

SPLITS = ("train", "validation", "test")

_OTHER_NAMES = {
    "training": "train",
    **dict.fromkeys(("val", "valid", "dev"), "validation"),
    **dict.fromkeys(("testing", "eval", "evaluation"), "test"),
}


def split_named(name: str) -> str:
    """Returns the split that a user's name for it means, or the name in lower case.

    For example, "Val" means "validation".
    """
    return _OTHER_NAMES.get(name.lower(), name.lower())


def check_shares(validation: float, test: float, seed: int) -> None:
    """Checks the shares of two splits, and the seed.

    Raises:
      ValueError: a share is not a number in [0, 1), nothing would be left to train on, or the
        seed is not an integer.
    """
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ValueError(f"seed is {seed!r}, expected an integer")
    for name, share in (("validation", validation), ("test", test)):
        if not isinstance(share, int | float) or isinstance(share, bool):
            raise ValueError(f"{name} is {share!r}, expected a share in [0, 1)")
        if not 0 <= share < 1:
            raise ValueError(f"{name} is {share}, expected a share in [0, 1)")
    if validation + test >= 1:
        raise ValueError(
            f"validation {validation} and test {test} leave nothing to train on; their sum must be "
            "below 1"
        )


def split_of(name: str, *, validation: float, test: float, seed: int) -> str:
    """Returns the split of an example, which depends only on its name and the seed.

    An example therefore stays in its split when others are added or removed.

    Args:
      name: a unique name of the example, such as its path relative to the folder.
      validation: the average share of examples for validation.
      test: the average share of examples for testing.
      seed: seed of the division into splits.
    """
    place = position_of(name, seed) / 2**64
    if place < test:
        return "test"
    return "validation" if place < test + validation else "train"


def position_of(name: str, seed: int) -> int:
    """Hashes a name and a seed to an integer in [0, 2^64)."""
    digest = hashlib.sha256(os.fsencode(f"{seed}:{name}")).digest()
    return int.from_bytes(digest[:8], "big")
