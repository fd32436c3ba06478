"""Registers spherical MNIST; imports nothing but the registry."""

import spin_registry as sr

_SUMMARIES = {
    "canonical": "MNIST projected around the south pole, as published",
    "rotated": "MNIST projected as published, each image randomly rotated",
    "rotated_per_500": "MNIST projected as published, each 500 with one random rotation, likewise",
    "bilinear_canonical": "MNIST projected around the south pole, interpolated bilinearly",
    "bilinear_rotated": "MNIST projected, each image randomly rotated, interpolated bilinearly",
    "bilinear_rotated_per_500": "MNIST projected, each 500 with one random rotation, bilinearly",
    "vector_canonical": "gradients of projected MNIST, a field of spin 1",
    "vector_rotated": "gradients of projected MNIST, a field of spin 1, each randomly rotated",
}


@sr.hookimpl
def register_datasets() -> list[sr.DatasetEntry]:
    """The digits and their gradients, around the south pole and turned at random."""
    return [
        sr.DatasetEntry(
            f"spherical_mnist/{config}",
            "spherical_mnist.loader:load",
            summary=f"{summary}, 64x64; built on first use",
            options={"config": config},
        )
        for config, summary in _SUMMARIES.items()
    ]
