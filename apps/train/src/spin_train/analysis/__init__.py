"""Measurements of a trained model: its mistakes, and the effect of rotations."""

from spin_train.analysis.model_analysis import ModelAnalysis, analyze_model
from spin_train.analysis.predictions import (
    LargeLossExample,
    Predictions,
    confusion_matrix,
    largest_losses,
    predict_split,
)
from spin_train.analysis.rotations import (
    SHOWN_DEGREES,
    FeatureMap,
    Rotations,
    measure_rotations,
)

__all__ = [
    "SHOWN_DEGREES",
    "FeatureMap",
    "LargeLossExample",
    "ModelAnalysis",
    "Predictions",
    "Rotations",
    "analyze_model",
    "confusion_matrix",
    "largest_losses",
    "measure_rotations",
    "predict_split",
]
