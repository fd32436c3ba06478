"""The transforms: Fourier sums along the rings, and products along the colatitude."""

from sphere_transforms.transform.memory import MemoryEstimate, choose_method, estimate_memory
from sphere_transforms.transform.point_values import evaluate
from sphere_transforms.transform.real_basis import RealBasisTransform
from sphere_transforms.transform.resampling import resample
from sphere_transforms.transform.sharded_by_order import (
    coefficients_from_orders,
    forward_by_orders,
    inverse_by_orders,
    orders_from_coefficients,
)
from sphere_transforms.transform.spin_transform import SpinTransform

__all__ = [
    "MemoryEstimate",
    "RealBasisTransform",
    "SpinTransform",
    "choose_method",
    "coefficients_from_orders",
    "estimate_memory",
    "evaluate",
    "forward_by_orders",
    "inverse_by_orders",
    "orders_from_coefficients",
    "resample",
]
