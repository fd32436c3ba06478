"""Derivatives, integrals and axisymmetric convolutions of fields, mostly on their coefficients."""

from sphere_transforms.calculus.axisymmetric_convolution import (
    convolve_axisymmetric,
    factors_of_coefficients,
    factors_of_profile,
    gaussian_beam,
)
from sphere_transforms.calculus.derivatives import (
    curl,
    divergence,
    gradient,
    laplacian,
    lower_spin,
    raise_spin,
    rotated_gradient,
)
from sphere_transforms.calculus.integrals import inner_product, integrate, mean, power_spectrum
from sphere_transforms.calculus.pixel_window import pixel_window

__all__ = [
    "convolve_axisymmetric",
    "curl",
    "divergence",
    "factors_of_coefficients",
    "factors_of_profile",
    "gaussian_beam",
    "gradient",
    "inner_product",
    "integrate",
    "laplacian",
    "lower_spin",
    "mean",
    "pixel_window",
    "power_spectrum",
    "raise_spin",
    "rotated_gradient",
]
