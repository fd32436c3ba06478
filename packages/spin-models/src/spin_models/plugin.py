"""Registers this package's models. This module imports only the registry, so it imports quickly.

A registered model is a class with options. `spin_classifier_6_layers`,
`spherical_classifier_6_layers` and `cnn_classifier_6_layers` are the networks of Esteves, Makadia
and Daniilidis (2020), arXiv 2006.10731, section 5.1, as in the published code. With 64 x 64 inputs,
their `pool` gives the resolutions (64, 64, 64, 32, 32, 16, 16).

`gated_spin_classifier_6_layers` is this project's own network. It has the same number of layers and
no more parameters than the published one. Its resolutions are (64, 32, 32, 32, 16, 16, 16).
"""

from typing import Any

import spin_registry as sr

_SPIN = "spin_models.spin_classifier:SpinClassifier"
_PLANAR = "spin_models.cnn_classifier:CNNClassifier"
_POOL_6_LAYERS = (False, False, True, False, True, False)
_POOL_3_LAYERS = (False, False, True)


@sr.hookimpl
def register_models() -> list[sr.ModelEntry]:
    """Returns the models of this package."""
    return [
        _entry(
            "spin_classifier_6_layers",
            _SPIN,
            "the published network for spherical MNIST, spins {0, 1}; 39,146 parameters",
            widths=(16, 16, 20, 24, 28, 32),
            spins=(0, 1),
            filter_values=(6, 6, 4, 4, 3, 3),
            pool=_POOL_6_LAYERS,
        ),
        _entry(
            "gated_spin_classifier_6_layers",
            _SPIN,
            "not in the paper: spectral pooling and gated nonlinearities; 38,642 parameters",
            widths=(16, 16, 20, 22, 24, 26),
            spins=(0, 1),
            filter_values=(6, 6, 4, 4, 3, 3),
            pool=(True, False, False, True, False, False),
            pooling="spectral",
            nonlinearity="gated",
        ),
        _entry(
            "spherical_classifier_6_layers",
            _SPIN,
            "baseline for spin_classifier_6_layers: only spin 0, isotropic; 57,238 parameters",
            widths=(16, 16, 32, 32, 58, 58),
            spins=(0,),
            filter_values=(8,) * 6,
            pool=_POOL_6_LAYERS,
        ),
        _entry(
            "cnn_classifier_6_layers",
            _PLANAR,
            "baseline for spin_classifier_6_layers: a planar CNN on the map; 59,230 parameters",
            widths=(16, 16, 32, 32, 54, 54),
            pool=_POOL_6_LAYERS,
        ),
        _entry(
            "tiny_classifier",
            _SPIN,
            "three layers, spins {0, 1}, for 32 x 32 inputs; trains in minutes on a laptop",
            widths=(12, 16, 24),
            spins=(0, 1),
            filter_values=(6, 6, 4),
            pool=_POOL_3_LAYERS,
        ),
        _entry(
            "tiny_cnn_classifier",
            _PLANAR,
            "baseline for tiny_classifier: three planar convolutions, similar parameter count",
            widths=(14, 26, 34),
            pool=_POOL_3_LAYERS,
        ),
    ]


def _entry(name: str, factory: str, summary: str, **options: Any) -> sr.ModelEntry:
    return sr.ModelEntry(name, factory, summary=summary, options=options)
