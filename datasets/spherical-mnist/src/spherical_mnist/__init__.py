"""MNIST on the sphere: digits or their gradients, around the south pole or randomly rotated.

Names load on first use. Listing plugins therefore imports neither tfds nor JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spherical_mnist.builder import LARGEST_GRADIENT, SphericalMnist
    from spherical_mnist.idx import read_idx
    from spherical_mnist.loader import load

__all__ = ["LARGEST_GRADIENT", "SphericalMnist", "load", "read_idx"]

_MODULES = {
    "LARGEST_GRADIENT": "builder",
    "SphericalMnist": "builder",
    "load": "loader",
    "read_idx": "idx",
}

if not TYPE_CHECKING:  # a type checker is to find misspelled names

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
