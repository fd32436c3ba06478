"""Fields and coefficients as arrays, and conversions to and from other libraries."""

from sphere_transforms.fields.coefficients import (
    change_band_limit,
    check_coefficients,
    check_mapping,
    coefficient_mask,
    conjugate_coefficients,
    without_empty_entries,
)
from sphere_transforms.fields.interchange import (
    from_ducc0,
    from_healpy,
    from_s2fft,
    to_ducc0,
    to_healpy,
    to_s2fft,
)
from sphere_transforms.fields.mappings import Array, Coefficients, Field, stack, unstack
from sphere_transforms.fields.random_fields import random_coefficients
from sphere_transforms.fields.unseen_pixels import count_unseen, fill_unseen
from sphere_transforms.fields.vector_fields import spin_to_vector, vector_to_spin

__all__ = [
    "Array",
    "Coefficients",
    "Field",
    "change_band_limit",
    "check_coefficients",
    "check_mapping",
    "coefficient_mask",
    "conjugate_coefficients",
    "count_unseen",
    "fill_unseen",
    "from_ducc0",
    "from_healpy",
    "from_s2fft",
    "random_coefficients",
    "spin_to_vector",
    "stack",
    "to_ducc0",
    "to_healpy",
    "to_s2fft",
    "unstack",
    "vector_to_spin",
    "without_empty_entries",
]
