"""Rotations: Euler angles, and the rotation of coefficients and fields."""

from sphere_transforms.rotation.euler_angles import (
    EulerAngles,
    random_euler_angles,
    rotate_coefficients,
    rotate_field,
    rotation_matrix,
)

__all__ = [
    "EulerAngles",
    "random_euler_angles",
    "rotate_coefficients",
    "rotate_field",
    "rotation_matrix",
]
