"""A third-party package: a model and a dataset of its own."""
