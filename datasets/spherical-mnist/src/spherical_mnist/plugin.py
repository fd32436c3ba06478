"""Registers spherical MNIST; imports nothing but the registry."""

import spin_registry as sr


@sr.hookimpl
def register_datasets() -> list[sr.DatasetEntry]:
    """The digits around the south pole, and each turned at random."""
    return [
        sr.DatasetEntry(
            "spherical_mnist/canonical",
            "spherical_mnist.loader:load",
            summary="MNIST projected around the south pole, 64x64; built on first use",
            options={"rotated": False},
        ),
        sr.DatasetEntry(
            "spherical_mnist/rotated",
            "spherical_mnist.loader:load",
            summary="MNIST projected and randomly rotated, 64x64; built on first use",
            options={"rotated": True},
        ),
    ]
