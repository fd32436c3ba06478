"""Runs a training, from the configuration to the summary."""
