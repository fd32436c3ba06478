"""Registers the embedded digits; imports nothing but the registry."""

import spin_registry as sr


@sr.hookimpl
def register_datasets() -> list[sr.DatasetEntry]:
    """The embedded digits, all upright at the south pole, and each turned at random."""
    return [
        sr.DatasetEntry(
            "digits/canonical",
            "spin_data.digits:load",
            summary="1,797 handwritten digits of 8x8 pixels around the south pole; embedded",
            options={"rotated": False},
        ),
        sr.DatasetEntry(
            "digits/rotated",
            "spin_data.digits:load",
            summary="1,797 handwritten digits of 8x8 pixels, randomly rotated; embedded",
            options={"rotated": True},
        ),
    ]
