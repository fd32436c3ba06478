"""Grids on the sphere: sample points, quadrature weights and cell areas."""

from sphere_transforms.grids.arguments import (
    analysis_below,
    checked_band_limit,
    whole_number,
)
from sphere_transforms.grids.checks import check_grid
from sphere_transforms.grids.colatitude_quadrature import ColatitudeQuadrature
from sphere_transforms.grids.description import describe_grid, grid_from_description
from sphere_transforms.grids.driscoll_healy import DriscollHealyGrid
from sphere_transforms.grids.equiangular import EquiangularGrid
from sphere_transforms.grids.fejer import FejerGrid
from sphere_transforms.grids.gauss_legendre import GaussLegendreGrid
from sphere_transforms.grids.healpix import DEFAULT_ITERATIONS, HealpixGrid
from sphere_transforms.grids.lat_lon import LatLonGrid
from sphere_transforms.grids.mcewen_wiaux import McEwenWiauxGrid
from sphere_transforms.grids.protocol import Grid
from sphere_transforms.grids.ring_grid import RingGrid
from sphere_transforms.grids.unit_vectors import unit_vectors

__all__ = [
    "DEFAULT_ITERATIONS",
    "ColatitudeQuadrature",
    "DriscollHealyGrid",
    "EquiangularGrid",
    "FejerGrid",
    "GaussLegendreGrid",
    "Grid",
    "HealpixGrid",
    "LatLonGrid",
    "McEwenWiauxGrid",
    "RingGrid",
    "analysis_below",
    "check_grid",
    "checked_band_limit",
    "describe_grid",
    "grid_from_description",
    "unit_vectors",
    "whole_number",
]
