"""Registers this package's models; imports nothing heavy."""

import spin_registry as sr


@sr.hookimpl
def register_models() -> list[sr.ModelEntry]:
    """The models of this package."""
    return [
        sr.ModelEntry(
            "tiny_classifier",
            "spin_models.published:tiny_classifier",
            summary="three layers, spins {0, 1}: small enough for a laptop's CPU",
        ),
        sr.ModelEntry(
            "tiny_cnn_classifier",
            "spin_models.published:tiny_cnn_classifier",
            summary="three planar convolutions, of tiny_classifier's size: its baseline",
        ),
        sr.ModelEntry(
            "spin_classifier_6_layers",
            "spin_models.published:spin_classifier_6_layers",
            summary="the paper's network for spherical MNIST, spins {0, 1}; 39,146 parameters",
        ),
        sr.ModelEntry(
            "spherical_classifier_6_layers",
            "spin_models.published:spherical_classifier_6_layers",
            summary="the same with spin 0 alone, isotropic filters: a baseline; 57,238 parameters",
        ),
        sr.ModelEntry(
            "cnn_classifier_6_layers",
            "spin_models.published:cnn_classifier_6_layers",
            summary="a planar CNN on the equirectangular map: a baseline; 59,230 parameters",
        ),
    ]
