"""Spin-weighted spherical CNNs, and the baselines they are compared with."""

from spin_models.cnn_classifier import CNNClassifier
from spin_models.spin_classifier import SpinClassifier

__all__ = ["CNNClassifier", "SpinClassifier"]
