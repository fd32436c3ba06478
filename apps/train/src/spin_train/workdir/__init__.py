"""The files in a run's working directory."""
