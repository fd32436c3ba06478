"""The registered networks: their widths, spins, filters and where they pool.

The six-layer ones are those of Esteves, Makadia and Daniilidis (2020), arXiv 2006.10731, section
5.1, as the published code has them; `pool` stands for resolutions (64, 64, 64, 32, 32, 16, 16) when
the input has 64.
"""

from __future__ import annotations

from typing import Any

from flax import nnx

import spin_registry as sr
from spin_models.cnn_classifier import CNNClassifier
from spin_models.spin_classifier import SpinClassifier

_POOL_6_LAYERS = (False, False, True, False, True, False)


def spin_classifier_6_layers(
    input: sr.FieldSpec, output: sr.ClassSpec, *, rngs: nnx.Rngs, **options: Any
) -> SpinClassifier:
    """Six layers of spins {0, 1}; 39,146 parameters on one scalar channel and ten classes."""
    settings = {
        "widths": (16, 16, 20, 24, 28, 32),
        "spins": (0, 1),
        "filter_values": (6, 6, 4, 4, 3, 3),
        "pool": _POOL_6_LAYERS,
    }
    return SpinClassifier(input, output, rngs=rngs, **(settings | options))


def spherical_classifier_6_layers(
    input: sr.FieldSpec, output: sr.ClassSpec, *, rngs: nnx.Rngs, **options: Any
) -> SpinClassifier:
    """Six layers of spin 0 alone: isotropic filters; 57,238 parameters."""
    settings = {
        "widths": (16, 16, 32, 32, 58, 58),
        "spins": (0,),
        "filter_values": (8,) * 6,
        "pool": _POOL_6_LAYERS,
    }
    return SpinClassifier(input, output, rngs=rngs, **(settings | options))


def cnn_classifier_6_layers(
    input: sr.FieldSpec, output: sr.ClassSpec, *, rngs: nnx.Rngs, **options: Any
) -> CNNClassifier:
    """Six planar convolutions; 59,230 parameters."""
    settings = {"widths": (16, 16, 32, 32, 54, 54), "pool": _POOL_6_LAYERS}
    return CNNClassifier(input, output, rngs=rngs, **(settings | options))


def tiny_classifier(
    input: sr.FieldSpec, output: sr.ClassSpec, *, rngs: nnx.Rngs, **options: Any
) -> SpinClassifier:
    """Three layers of spins {0, 1}, for inputs of 32 x 32 samples."""
    settings = {
        "widths": (12, 16, 24),
        "spins": (0, 1),
        "filter_values": (6, 6, 4),
        "pool": (False, False, True),
    }
    return SpinClassifier(input, output, rngs=rngs, **(settings | options))


def tiny_cnn_classifier(
    input: sr.FieldSpec, output: sr.ClassSpec, *, rngs: nnx.Rngs, **options: Any
) -> CNNClassifier:
    """Three planar convolutions, with about as many parameters as `tiny_classifier`."""
    settings = {"widths": (14, 26, 34), "pool": (False, False, True)}
    return CNNClassifier(input, output, rngs=rngs, **(settings | options))
