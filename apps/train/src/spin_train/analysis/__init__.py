"""What a trained model does: its mistakes, and how it takes rotations."""

from spin_train.analysis.predictions import (
    Hardest,
    Predictions,
    confusion_matrix,
    hardest,
    predict_split,
)
from spin_train.analysis.rotations import FeatureMap, Rotations, measure_rotations
from spin_train.analysis.trained import TrainedModel

__all__ = [
    "FeatureMap",
    "Hardest",
    "Predictions",
    "Rotations",
    "TrainedModel",
    "confusion_matrix",
    "hardest",
    "measure_rotations",
    "predict_split",
]
