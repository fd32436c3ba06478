import numpy as np
import pytest

import sphere_transforms as st


@pytest.mark.parametrize("resolution", [4, 6, 16, 64, 256])
def test_weights_and_areas_sum_to_the_sphere(resolution):
    grid = st.EquiangularGrid(resolution)
    assert isinstance(grid, st.Grid)
    for weights in (grid.quadrature_weights, grid.cell_areas):
        assert weights.min() > 0
        np.testing.assert_allclose(weights.sum() * resolution, 4 * np.pi, rtol=1e-14)


def test_quadrature_is_exact_below_twice_the_band_limit():
    grid = st.EquiangularGrid(32)
    cosine = np.cos(grid.colatitudes)
    for power in range(2 * grid.band_limit - 1):
        exact = 4 * np.pi / (power + 1) * (power % 2 == 0)
        found = np.sum(grid.quadrature_weights * cosine**power) * grid.resolution
        assert abs(found - exact) < 1e-13


def test_points_are_where_the_conventions_say():
    grid = st.EquiangularGrid(8)
    np.testing.assert_allclose(grid.colatitudes, np.pi * np.arange(8) / 7)
    np.testing.assert_allclose(grid.longitudes, np.pi * np.arange(8) / 4)
    assert grid.shape == (8, 8)
    assert grid.band_limit == 4


def test_cell_areas_differ_from_weights_by_a_little_near_the_poles():
    grid = st.EquiangularGrid(64)
    difference = np.abs(grid.cell_areas / grid.quadrature_weights - 1)
    assert 0.005 < difference[1:-1].max() < 0.0125


def test_equal_grids_share_a_hash_and_constants_cannot_be_changed():
    assert hash(st.EquiangularGrid(8)) == hash(st.EquiangularGrid(np.int64(8)))
    with pytest.raises(ValueError, match="read-only"):
        st.EquiangularGrid(8).colatitudes[0] = 1


@pytest.mark.parametrize("resolution", [63, 2, 0, -4, 8.0, "64", True])
def test_a_resolution_that_cannot_be_is_refused(resolution):
    with pytest.raises(ValueError, match=r"even whole number of at least 4") as error:
        st.EquiangularGrid(resolution)
    assert repr(resolution) in str(error.value)
