"""Products along the colatitude: from order sums on the rings to degrees, and back.

For every order m this is a product with a matrix of spin-weighted Legendre functions, T_{ell
m}(theta) = sYlm(theta, 0).
"""

from sphere_transforms.legendre.plan import LegendrePlan
from sphere_transforms.legendre.product import (
    LegendreProduct,
    LegendreTables,
    analysis_tables,
    synthesis_tables,
)
from sphere_transforms.legendre.real_basis_tables import (
    OrderwiseProduct,
    OrderwiseTables,
    orderwise_tables,
)
from sphere_transforms.legendre.recursion import (
    LARGEST_BAND_LIMIT,
    SCALE,
    StartValues,
    difference_factors,
    orders_at_a_time,
)
from sphere_transforms.legendre.symmetry import Symmetry, folded_ring_count
from sphere_transforms.legendre.tables import block_shapes

__all__ = [
    "LARGEST_BAND_LIMIT",
    "SCALE",
    "LegendrePlan",
    "LegendreProduct",
    "LegendreTables",
    "OrderwiseProduct",
    "OrderwiseTables",
    "StartValues",
    "Symmetry",
    "analysis_tables",
    "block_shapes",
    "difference_factors",
    "folded_ring_count",
    "orders_at_a_time",
    "orderwise_tables",
    "synthesis_tables",
]
