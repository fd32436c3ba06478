"""Rotations: Euler angles, and the rotation of coefficients and fields."""

from sphere_transforms.rotation.euler_angles import (
    EulerAngles,
    euler_angles,
    random_euler_angles,
    rotation_matrix,
)
from sphere_transforms.rotation.rotating import rotate_coefficients, rotate_field

__all__ = [
    "EulerAngles",
    "euler_angles",
    "random_euler_angles",
    "rotate_coefficients",
    "rotate_field",
    "rotation_matrix",
]
