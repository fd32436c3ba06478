"""Wigner's d functions and spin-weighted spherical harmonics, in float64 NumPy.

The module `definitions` is a slow implementation of them and of the transforms, directly from the
definitions. The tests compare with it.
"""

from sphere_transforms.harmonics.spin_weighted import (
    check_spin,
    latitude_functions,
    latitude_functions_by_degree,
    spin_spherical_harmonics,
)
from sphere_transforms.harmonics.wigner_d import (
    wigner_d,
    wigner_d_by_degree,
    wigner_d_planes,
    wigner_d_where_n_is_ell,
)

__all__ = [
    "check_spin",
    "latitude_functions",
    "latitude_functions_by_degree",
    "spin_spherical_harmonics",
    "wigner_d",
    "wigner_d_by_degree",
    "wigner_d_planes",
    "wigner_d_where_n_is_ell",
]
