"""Spin-weighted spherical CNNs, and the baselines they are compared with."""

import importlib
from typing import Any

# Names load on first use, because the plugin's module is in this package and must import quickly.
_HOMES = {
    "CNNClassifier": "spin_models.cnn_classifier",
    "SpinClassifier": "spin_models.spin_classifier",
    "load": "spin_models.loading",
    "load_pretrained": "spin_models.pretrained",
    "pretrained_names": "spin_models.pretrained",
}

__all__ = ["CNNClassifier", "SpinClassifier", "load", "load_pretrained", "pretrained_names"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
