"""Spin-weighted spherical CNNs, and the baselines they are compared with."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spin_models.cnn_classifier import CNNClassifier
    from spin_models.loading import load
    from spin_models.pretrained import load_pretrained, pretrained_names
    from spin_models.spin_classifier import SpinClassifier

# Names load on first use, because the plugin's module is in this package and must import quickly.
_HOMES = {
    "CNNClassifier": "spin_models.cnn_classifier",
    "SpinClassifier": "spin_models.spin_classifier",
    "load": "spin_models.loading",
    "load_pretrained": "spin_models.pretrained",
    "pretrained_names": "spin_models.pretrained",
}

__all__ = ["CNNClassifier", "SpinClassifier", "load", "load_pretrained", "pretrained_names"]

if not TYPE_CHECKING:  # a type checker is to find misspelled names

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_HOMES[name]), name)
