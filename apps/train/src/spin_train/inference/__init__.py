"""Uses a trained model: predictions and files of weights."""
