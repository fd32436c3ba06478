"""Drawings of fields, with matplotlib (install it with `pip install "sphere-transforms[plot]"`)."""

from sphere_transforms.drawing.field_map import draw_field

__all__ = ["draw_field"]
