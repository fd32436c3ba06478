"""Fourier sums along the rings of a grid: from samples to every order m, and back.

One FFT transforms rings that share their longitudes. Other rings use Bluestein's chirp transform.
"""

from sphere_transforms.fourier.equal_rings import order_sums_from_samples, samples_from_order_sums
from sphere_transforms.fourier.order_layout import from_order_layout, to_order_layout
from sphere_transforms.fourier.rings import (
    field_from_order_sums,
    order_sums_from_field,
    ring_tables,
)
from sphere_transforms.fourier.unequal_rings import RingTables

__all__ = [
    "RingTables",
    "field_from_order_sums",
    "from_order_layout",
    "order_sums_from_field",
    "order_sums_from_samples",
    "ring_tables",
    "samples_from_order_sums",
    "to_order_layout",
]
