"""The presets: every module here offers `get_config()` and is found by its name."""
