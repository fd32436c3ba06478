"""Grids on the sphere: where a field is sampled, and what a sample counts for in an integral."""

from sphere_transforms.grids.colatitude_quadrature import ColatitudeQuadrature
from sphere_transforms.grids.description import describe_grid, grid_from_description
from sphere_transforms.grids.driscoll_healy import DriscollHealyGrid
from sphere_transforms.grids.equiangular import EquiangularGrid
from sphere_transforms.grids.fejer import FejerGrid
from sphere_transforms.grids.gauss_legendre import GaussLegendreGrid
from sphere_transforms.grids.healpix import HealpixGrid
from sphere_transforms.grids.mcewen_wiaux import McEwenWiauxGrid
from sphere_transforms.grids.protocol import Grid

__all__ = [
    "ColatitudeQuadrature",
    "DriscollHealyGrid",
    "EquiangularGrid",
    "FejerGrid",
    "GaussLegendreGrid",
    "Grid",
    "HealpixGrid",
    "McEwenWiauxGrid",
    "describe_grid",
    "grid_from_description",
]
