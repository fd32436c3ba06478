"""What is done with a trained model: predictions, and files of weights."""
