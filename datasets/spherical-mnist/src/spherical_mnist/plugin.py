"""Registers spherical MNIST; imports only the registry."""

import spin_registry as sr

_SUMMARIES = {
    "canonical": "MNIST projected as published, around the south pole",
    "rotated": "MNIST projected as published, each image randomly rotated",
    "rotated_per_500": "MNIST projected as published, one random rotation per 500 images",
    "bilinear_canonical": "MNIST projected bilinearly, around the south pole",
    "bilinear_rotated": "MNIST projected bilinearly, each image randomly rotated",
    "bilinear_rotated_per_500": "MNIST projected bilinearly, one random rotation per 500 images",
    "vector_canonical": "gradients of bilinear_canonical, a field of spin 1",
    "vector_rotated": "gradients of bilinear_rotated, a field of spin 1",
}


@sr.hookimpl
def register_datasets() -> list[sr.DatasetEntry]:
    """Returns the digits and their gradients, around the south pole or randomly rotated."""
    return [
        sr.DatasetEntry(
            f"spherical_mnist/{config}",
            "spherical_mnist.loader:load",
            summary=f"{summary}, 64x64; built on first use",
            options={"config": config},
        )
        for config, summary in _SUMMARIES.items()
    ]
