"""Spin-weighted spherical harmonic transforms in JAX: fast, differentiable, right to rounding."""

from sphere_transforms.derivatives import gradient, lower_spin, raise_spin
from sphere_transforms.double_precision import check_x64
from sphere_transforms.fields import Coefficients, Field, stack, unstack
from sphere_transforms.grids import EquiangularGrid, Grid
from sphere_transforms.harmonics import spin_spherical_harmonics
from sphere_transforms.random_fields import random_coefficients
from sphere_transforms.rotations import (
    EulerAngles,
    random_euler_angles,
    rotate_coefficients,
    rotation_matrix,
)
from sphere_transforms.transform import SpinTransform
from sphere_transforms.wigner import wigner_d

__all__ = [
    "Coefficients",
    "EquiangularGrid",
    "EulerAngles",
    "Field",
    "Grid",
    "SpinTransform",
    "check_x64",
    "gradient",
    "lower_spin",
    "raise_spin",
    "random_coefficients",
    "random_euler_angles",
    "rotate_coefficients",
    "rotation_matrix",
    "spin_spherical_harmonics",
    "stack",
    "unstack",
    "wigner_d",
]
