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
from sphere_transforms.legendre.recursion import workspace_bytes
from sphere_transforms.legendre.start_values import StartValues
from sphere_transforms.legendre.symmetry import Symmetry, folded_ring_count
from sphere_transforms.legendre.tables import block_shapes

__all__ = [
    "LegendrePlan",
    "LegendreProduct",
    "LegendreTables",
    "OrderwiseProduct",
    "OrderwiseTables",
    "StartValues",
    "Symmetry",
    "analysis_tables",
    "block_shapes",
    "folded_ring_count",
    "orderwise_tables",
    "synthesis_tables",
    "workspace_bytes",
]
