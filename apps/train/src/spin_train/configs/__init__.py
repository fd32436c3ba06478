"""The presets. Each module defines `get_config()`; its name is the name of the preset."""
