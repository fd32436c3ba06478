import numpy as np
import pytest

import sphere_transforms as st
from sphere_transforms.drawing.interpolation import interpolate, unit_vectors
from sphere_transforms.grids import FejerGrid, GaussLegendreGrid, HealpixGrid

GRIDS = [st.EquiangularGrid(40), FejerGrid(40), GaussLegendreGrid(20), HealpixGrid(12)]
RNG = np.random.default_rng(0)
THETA = np.concatenate([np.arccos(RNG.uniform(-1, 1, 200)), [0, 1e-3, 0.02, np.pi - 0.02, np.pi]])
PHI = RNG.uniform(0, 2 * np.pi, THETA.size)


def constant_vector(theta, phi):
    """The tangent part of one vector in space, of spin 1: smooth everywhere, poles included."""
    vector = np.array([0.6, -0.3, 0.5])
    _, southward, eastward = unit_vectors(theta, phi)
    return southward @ vector + 1j * (eastward @ vector)


def scalar(theta, phi):
    return np.cos(theta) + np.sin(theta) ** 2 * np.cos(2 * phi + 0.3)


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: type(grid).__name__)
@pytest.mark.parametrize(
    ("spin", "function"),
    [
        (0, scalar),
        (1, constant_vector),
        (-1, lambda theta, phi: constant_vector(theta, phi).conj()),
        (2, lambda theta, phi: constant_vector(theta, phi) ** 2),
        (3, lambda theta, phi: constant_vector(theta, phi) ** 3),
    ],
)
def test_smooth_fields_are_met_at_poles_and_seam_too(grid, spin, function):
    found = interpolate(function(*grid.points), grid, spin, THETA, PHI)
    np.testing.assert_allclose(found, function(THETA, PHI), atol=0.02)
    theta, phi = THETA, np.full(THETA.size, 2 * np.pi - 1e-6)
    found = interpolate(function(*grid.points), grid, spin, theta, phi)
    np.testing.assert_allclose(found, function(theta, phi), atol=0.02)


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: type(grid).__name__)
def test_samples_are_met_exactly(grid):
    theta, phi = (np.ravel(angle) for angle in grid.points)
    values = RNG.normal(size=grid.shape) + 1j * RNG.normal(size=grid.shape)
    off_poles = np.sin(theta) > 1e-6
    for spin in (0, 2):
        found = interpolate(values, grid, spin, theta, phi)
        np.testing.assert_allclose(found[off_poles], values.ravel()[off_poles], atol=1e-12)


def test_the_nearest_sample():
    grid = HealpixGrid(4)
    theta, phi = grid.points
    values = np.arange(grid.shape[0])
    found = interpolate(values, grid, 0, theta + 1e-3, phi + 1e-3, nearest=True)
    np.testing.assert_array_equal(found, values)
