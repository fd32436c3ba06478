"""Spin-weighted spherical harmonic transforms in JAX: fast, differentiable, right to rounding."""

from sphere_transforms.axisymmetric import (
    convolve_axisymmetric,
    factors_of_coefficients,
    factors_of_profile,
    gaussian_beam,
)
from sphere_transforms.coefficients import change_band_limit, conjugate_coefficients
from sphere_transforms.derivatives import (
    curl,
    divergence,
    gradient,
    laplacian,
    lower_spin,
    raise_spin,
    rotated_gradient,
)
from sphere_transforms.double_precision import check_x64
from sphere_transforms.fields import Coefficients, Field, stack, unstack
from sphere_transforms.grids import (
    ColatitudeQuadrature,
    DriscollHealyGrid,
    EquiangularGrid,
    FejerGrid,
    GaussLegendreGrid,
    Grid,
    HealpixGrid,
    McEwenWiauxGrid,
    describe_grid,
    grid_from_description,
)
from sphere_transforms.harmonics import spin_spherical_harmonics
from sphere_transforms.interchange import (
    from_ducc0,
    from_healpy,
    from_s2fft,
    to_ducc0,
    to_healpy,
    to_s2fft,
)
from sphere_transforms.method import MemoryEstimate, estimate_memory
from sphere_transforms.random_fields import random_coefficients
from sphere_transforms.resample import resample
from sphere_transforms.rotations import (
    EulerAngles,
    random_euler_angles,
    rotate_coefficients,
    rotate_field,
    rotation_matrix,
)
from sphere_transforms.sharded_orders import (
    coefficients_from_orders,
    forward_by_orders,
    inverse_by_orders,
    orders_from_coefficients,
)
from sphere_transforms.statistics import inner_product, integrate, mean, power_spectrum
from sphere_transforms.transform import SpinTransform
from sphere_transforms.vector_fields import spin_to_vector, vector_to_spin
from sphere_transforms.wigner import wigner_d, wigner_d_planes

__all__ = [
    "Coefficients",
    "ColatitudeQuadrature",
    "DriscollHealyGrid",
    "EquiangularGrid",
    "EulerAngles",
    "FejerGrid",
    "Field",
    "GaussLegendreGrid",
    "Grid",
    "HealpixGrid",
    "McEwenWiauxGrid",
    "MemoryEstimate",
    "SpinTransform",
    "change_band_limit",
    "check_x64",
    "coefficients_from_orders",
    "conjugate_coefficients",
    "convolve_axisymmetric",
    "curl",
    "describe_grid",
    "divergence",
    "estimate_memory",
    "factors_of_coefficients",
    "factors_of_profile",
    "forward_by_orders",
    "from_ducc0",
    "from_healpy",
    "from_s2fft",
    "gaussian_beam",
    "gradient",
    "grid_from_description",
    "inner_product",
    "integrate",
    "inverse_by_orders",
    "laplacian",
    "lower_spin",
    "mean",
    "orders_from_coefficients",
    "power_spectrum",
    "raise_spin",
    "random_coefficients",
    "random_euler_angles",
    "resample",
    "rotate_coefficients",
    "rotate_field",
    "rotated_gradient",
    "rotation_matrix",
    "spin_spherical_harmonics",
    "spin_to_vector",
    "stack",
    "to_ducc0",
    "to_healpy",
    "to_s2fft",
    "unstack",
    "vector_to_spin",
    "wigner_d",
    "wigner_d_planes",
]
