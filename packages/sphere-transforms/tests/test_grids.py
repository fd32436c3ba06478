import dataclasses
import json
import pickle

import ducc0
import numpy as np
import pytest

import sphere_transforms as st
from sphere_transforms import grids
from sphere_transforms.harmonics import latitude_functions

RING_GRIDS = [
    grids.EquiangularGrid(4),
    grids.EquiangularGrid(14),
    grids.FejerGrid(2),
    grids.FejerGrid(4),
    grids.FejerGrid(14),
    grids.DriscollHealyGrid(1),
    grids.DriscollHealyGrid(2),
    grids.DriscollHealyGrid(7),
    grids.McEwenWiauxGrid(1),
    grids.McEwenWiauxGrid(2),
    grids.McEwenWiauxGrid(7),
    grids.McEwenWiauxGrid(8),
    grids.GaussLegendreGrid(1),
    grids.GaussLegendreGrid(2, 3),
    grids.GaussLegendreGrid(7),
    grids.GaussLegendreGrid(8, 17),
    grids.LatLonGrid(2, 1),
    grids.LatLonGrid(7, 16),
    grids.LatLonGrid(8, 13),
    grids.LatLonGrid(1, 1, poles=False),
    grids.LatLonGrid(7, 16, poles=False),
    grids.LatLonGrid(8, 13, poles=False),
]
HEALPIX_GRIDS = [grids.HealpixGrid(1), grids.HealpixGrid(3, 9), grids.HealpixGrid(8)]
GRIDS = RING_GRIDS + HEALPIX_GRIDS
GEOMETRIES = {
    grids.EquiangularGrid: "CC",
    grids.FejerGrid: "F1",
    grids.DriscollHealyGrid: "DH",
    grids.McEwenWiauxGrid: "MW",
    grids.GaussLegendreGrid: "GL",
}


def geometry_of(grid):
    """ducc0's name of a grid."""
    if isinstance(grid, grids.LatLonGrid):
        return "CC" if grid.poles else "F1"
    return GEOMETRIES[type(grid)]


every_grid = pytest.mark.parametrize("grid", GRIDS, ids=repr)
every_ring_grid = pytest.mark.parametrize("grid", RING_GRIDS, ids=repr)
every_healpix_grid = pytest.mark.parametrize("grid", HEALPIX_GRIDS, ids=repr)


def sum_over_samples(grid, values):
    """Of values that are constant along a ring where the grid has rings."""
    return values.sum() * (grid.shape[1] if len(grid.shape) == 2 else 1)


def sample_weights(grid):
    """Quadrature weight of every sample, of the grid's shape."""
    weights = grid.quadrature_weights
    return np.broadcast_to(weights[:, None], grid.shape) if len(grid.shape) == 2 else weights


def spins_below(band_limit):
    return [spin for spin in (0, 1, -2, 3) if abs(spin) < band_limit]


def harmonics_exist(band_limit, spin):
    """Mask of the (ell, m) for which there are harmonics."""
    ell, m = np.ogrid[:band_limit, 1 - band_limit : band_limit]
    return (np.abs(m) <= ell) & (ell >= abs(spin))


def harmonics_at_samples(grid, spin):
    """Shape (samples, harmonics)."""
    values = st.spin_spherical_harmonics(grid.band_limit, spin, *grid.points)
    return values[..., harmonics_exist(grid.band_limit, spin)].reshape(np.prod(grid.shape), -1)


def random_vector(size, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=size) + 1j * rng.normal(size=size)


def analyze(grid, field, spin):
    """Coefficients (ell, m) by the formula that ColatitudeQuadrature's docstring states."""
    band_limit = grid.band_limit
    orders = np.arange(1 - band_limit, band_limit)
    if isinstance(grid, grids.HealpixGrid):
        phases = np.exp(-1j * np.outer(grid.longitudes, orders)) * field[:, None]
        modes = np.add.reduceat(phases, grid.ring_starts)
    else:
        modes = field @ np.exp(-1j * np.outer(grid.longitudes, orders))
    if grid.analysis.resampling is not None:
        even, odd = (matrix @ modes for matrix in grid.analysis.resampling)
        modes = np.where((orders + spin) % 2 == 0, even, odd)
    functions = latitude_functions(band_limit, spin, grid.analysis.colatitudes)
    return np.einsum("n,lmn,nm->lm", grid.analysis.weights, functions, modes)


@every_grid
def test_a_grid_is_what_the_protocol_says(grid):
    assert isinstance(grid, grids.Grid)
    ringwise, longwise = grid.shape if len(grid.shape) == 2 else grid.shape * 2
    for values in (grid.colatitudes, grid.quadrature_weights, grid.cell_areas):
        assert values.shape == (ringwise,)
    assert grid.longitudes.shape == (longwise,)
    assert (np.diff(grid.colatitudes) >= 0).all()
    assert 0 <= grid.colatitudes.min() <= grid.colatitudes.max() <= np.pi
    assert 0 <= grid.longitudes.min() <= grid.longitudes.max() < 2 * np.pi
    theta, phi = grid.points
    assert theta.shape == phi.shape == grid.shape
    if len(grid.shape) == 2:
        assert (theta == grid.colatitudes[:, None]).all()
        assert (phi == grid.longitudes).all()


@every_grid
def test_weights_and_areas_sum_to_the_sphere(grid):
    for weights in (grid.quadrature_weights, grid.cell_areas):
        assert weights.min() >= 0
        np.testing.assert_allclose(sum_over_samples(grid, weights), 4 * np.pi, rtol=2e-15)
    assert grid.cell_areas.min() > 0


@pytest.mark.parametrize("resolution", [6, 16, 64, 256])
def test_weights_and_areas_are_positive_and_sum_to_the_sphere_at_any_size(resolution):
    for make in (grids.EquiangularGrid, grids.FejerGrid):
        for weights in (make(resolution).quadrature_weights, make(resolution).cell_areas):
            assert weights.min() > 0
            np.testing.assert_allclose(weights.sum() * resolution, 4 * np.pi, rtol=1e-14)


@every_grid
def test_grids_are_symmetric_about_the_equator_to_the_last_bit(grid):
    asymmetric = isinstance(grid, grids.DriscollHealyGrid | grids.McEwenWiauxGrid)
    assert (grid.colatitudes + grid.colatitudes[::-1] == np.pi).all() != asymmetric


@every_grid
def test_rings_hold_the_samples_one_after_another(grid):
    theta, phi = (np.ravel(angles) for angles in grid.points)
    assert grid.ring_lengths.sum() == theta.size
    assert (np.diff(grid.ring_colatitudes) > 0).all()
    starts = np.cumsum(grid.ring_lengths) - grid.ring_lengths
    for start, length, colatitude, offset in zip(
        starts, grid.ring_lengths, grid.ring_colatitudes, grid.ring_offsets, strict=True
    ):
        ring = slice(start, start + length)
        assert (theta[ring] == colatitude).all()
        expected = offset + 2 * np.pi * np.arange(length) / length
        np.testing.assert_allclose(phi[ring], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("grid", "coarse"),
    [
        (grids.EquiangularGrid(16), grids.EquiangularGrid(8)),
        (grids.FejerGrid(4), grids.FejerGrid(2)),
        (grids.DriscollHealyGrid(6), grids.DriscollHealyGrid(3)),
        (grids.McEwenWiauxGrid(6), grids.McEwenWiauxGrid(3)),
        (grids.GaussLegendreGrid(6), grids.GaussLegendreGrid(3)),
        (grids.GaussLegendreGrid(6, 11), grids.GaussLegendreGrid(3, 6)),
        (grids.HealpixGrid(4, 9), grids.HealpixGrid(2, 4)),
        (grids.HealpixGrid(2, 1), grids.HealpixGrid(1, 1)),
    ],
    ids=repr,
)
def test_the_coarser_grid_has_half_the_resolution(grid, coarse):
    assert grid.coarser() == coarse


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (grids.EquiangularGrid(6), "multiple of 4 from 8"),
        (grids.EquiangularGrid(4), "multiple of 4 from 8"),
        (grids.FejerGrid(6), "multiple of 4 from 4"),
        (grids.DriscollHealyGrid(3), "its band limit is odd"),
        (grids.McEwenWiauxGrid(3), "its band limit is odd"),
        (grids.GaussLegendreGrid(3), "its band limit is odd"),
        (grids.HealpixGrid(3), "its nside is odd"),
    ],
    ids=repr,
)
def test_a_grid_that_cannot_be_halved_says_so(grid, message):
    with pytest.raises(ValueError, match=message):
        grid.coarser()


@every_grid
def test_unit_vectors_are_orthonormal_and_follow_the_coordinates(grid):
    theta, phi = grid.points
    frame = np.stack(st.unit_vectors(theta, phi), -2)
    identity = np.broadcast_to(np.eye(3), frame.shape)
    np.testing.assert_allclose(frame @ np.swapaxes(frame, -1, -2), identity, atol=1e-15)
    step = 1e-6
    moved = st.unit_vectors(theta + step, phi)[0] - frame[..., 0, :]
    np.testing.assert_allclose(moved / step, frame[..., 1, :], atol=1e-6)
    turned = st.unit_vectors(theta, phi + step)[0] - frame[..., 0, :]
    expected = np.sin(theta)[..., None] * frame[..., 2, :]
    np.testing.assert_allclose(turned / step, expected, atol=1e-6)


@every_grid
def test_equal_grids_share_a_hash_and_constants_cannot_be_changed(grid):
    fields = {f.name: getattr(grid, f.name) for f in dataclasses.fields(grid)}
    fields = {n: np.int64(v) if type(v) is int else v for n, v in fields.items()}
    same = type(grid)(**fields)
    assert same == grid == pickle.loads(pickle.dumps(grid))
    assert hash(same) == hash(grid)
    assert repr(same) == repr(grid)
    assert len({*GRIDS, same}) == len(GRIDS)
    constants = [grid.colatitudes, grid.longitudes, grid.quadrature_weights, grid.cell_areas]
    constants += [*grid.points, grid.analysis.colatitudes, grid.analysis.weights]
    constants += grid.analysis.resampling or ()
    for array in constants:
        assert array.dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_band_limits_and_shapes_where_they_are_derived():
    assert [g.band_limit for g in (grids.EquiangularGrid(8), grids.FejerGrid(8))] == [4, 4]
    assert grids.DriscollHealyGrid(5).shape == (10, 10)
    assert grids.McEwenWiauxGrid(5).shape == (5, 9)
    assert grids.GaussLegendreGrid(5).shape == (5, 10)
    assert grids.GaussLegendreGrid(5) == grids.GaussLegendreGrid(5, 10)
    assert grids.GaussLegendreGrid(5) != grids.GaussLegendreGrid(5, 9)
    assert grids.HealpixGrid(4) == grids.HealpixGrid(4, 8)
    assert grids.HealpixGrid(4).shape == (192,)


def test_points_of_the_equiangular_grid_are_where_the_conventions_say():
    grid = st.EquiangularGrid(8)
    np.testing.assert_allclose(grid.colatitudes, np.pi * np.arange(8) / 7)
    np.testing.assert_allclose(grid.longitudes, np.pi * np.arange(8) / 4)
    assert grid.shape == (8, 8)
    assert grid.band_limit == 4


def test_cell_areas_differ_from_weights_by_a_little_near_the_poles():
    grid = st.EquiangularGrid(64)
    difference = np.abs(grid.cell_areas / grid.quadrature_weights - 1)
    assert 0.005 < difference[1:-1].max() < 0.0125


@pytest.mark.parametrize("make", [grids.FejerGrid, grids.DriscollHealyGrid, grids.McEwenWiauxGrid])
def test_other_cells_are_bands_that_meet_between_the_rings(make):
    grid = make(6)
    bounds = np.cos((grid.colatitudes[1:] + grid.colatitudes[:-1]) / 2)
    bands = -np.diff([1, *bounds, -1]) * 2 * np.pi / grid.shape[1]
    np.testing.assert_allclose(grid.cell_areas, bands, rtol=1e-14)


@every_ring_grid
def test_samples_are_where_ducc_has_them(grid):
    lmax = grid.band_limit - 1
    m, ell = np.mgrid[: lmax + 1, : lmax + 1]
    packed = random_vector(np.sum(ell >= m))
    packed[: lmax + 1] = packed[: lmax + 1].real
    (expected,) = ducc0.sht.experimental.synthesis_2d(
        alm=packed[None],
        spin=0,
        lmax=lmax,
        geometry=geometry_of(grid),
        ntheta=grid.shape[0],
        nphi=grid.shape[1],
    )
    half = np.zeros((lmax + 1, lmax + 1), complex)
    half[m[ell >= m], ell[ell >= m]] = packed * np.where(m == 0, 1, 2)[ell >= m]
    harmonics = st.spin_spherical_harmonics(grid.band_limit, 0, *grid.points)[..., lmax:]
    found = np.einsum("jklm,ml->jk", harmonics, half).real
    np.testing.assert_allclose(found, expected, atol=1e-13)


@pytest.mark.parametrize(
    "grid",
    [
        grids.EquiangularGrid(64),
        grids.FejerGrid(64),
        grids.DriscollHealyGrid(1),
        grids.DriscollHealyGrid(33),
        grids.LatLonGrid(73, 144),
        grids.LatLonGrid(74, 144),
        grids.LatLonGrid(45, 90, poles=False),
    ],
    ids=repr,
)
def test_weights_are_those_of_ducc(grid):
    geometry = geometry_of(grid)
    expected = ducc0.sht.experimental.get_gridweights(geometry, grid.shape[0])
    np.testing.assert_allclose(grid.quadrature_weights * grid.shape[1], expected, atol=2e-15)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 64, 101, 1024])
def test_gauss_legendre_nodes_and_weights_are_those_of_ducc_at_any_size(count):
    grid = grids.GaussLegendreGrid(count)
    nodes = np.sort(ducc0.misc.GL_thetas(count))
    weights = ducc0.misc.GL_weights(count, grid.shape[1])
    np.testing.assert_allclose(grid.colatitudes, nodes, rtol=1e-15, atol=0)
    np.testing.assert_allclose(grid.quadrature_weights, weights, rtol=4e-14, atol=0)
    np.testing.assert_allclose(grid.quadrature_weights, weights, rtol=0, atol=4e-15)
    assert (grid.quadrature_weights == grid.quadrature_weights[::-1]).all()


@every_healpix_grid
def test_healpix_pixels_are_those_of_ducc(grid):
    pixels = np.arange(grid.shape[0])
    expected = ducc0.healpix.Healpix_Base(grid.nside, "RING").pix2ang(pixels)
    np.testing.assert_allclose(np.stack(grid.points, -1), expected, rtol=1e-15, atol=1e-15)


@every_healpix_grid
def test_healpix_rings_partition_the_pixels(grid):
    assert grid.ring_lengths.sum() == grid.shape[0]
    assert len(grid.ring_lengths) == 4 * grid.nside - 1
    theta, phi = grid.points
    rings = zip(
        grid.ring_colatitudes, grid.ring_starts, grid.ring_lengths, grid.ring_offsets, strict=True
    )
    for colatitude, start, length, offset in rings:
        pixels = slice(start, start + length)
        assert (theta[pixels] == colatitude).all()
        step = 2 * np.pi / length
        np.testing.assert_allclose(phi[pixels], offset + step * np.arange(length), atol=2e-15)
    for array in (grid.ring_lengths, grid.ring_starts):
        assert array.dtype == np.int64
        assert not array.flags.writeable
    for array in (grid.ring_colatitudes, grid.ring_offsets):
        assert array.dtype == np.float64
        assert not array.flags.writeable


@every_ring_grid
def test_weights_integrate_every_harmonic_exactly(grid):
    found = sample_weights(grid).ravel() @ harmonics_at_samples(grid, 0)
    expected = np.zeros(grid.band_limit**2)
    expected[0] = np.sqrt(4 * np.pi)
    np.testing.assert_allclose(found, expected, atol=2e-14)


@every_ring_grid
def test_weights_integrate_products_exactly_except_on_the_grid_that_does_not_claim_it(grid):
    for spin in spins_below(grid.band_limit):
        harmonics = harmonics_at_samples(grid, spin)
        gram = (harmonics.conj().T * sample_weights(grid).ravel()) @ harmonics
        error = np.abs(gram - np.eye(len(gram))).max()
        if grid.analysis.resampling is not None and grid.band_limit > 1:
            assert error > 0.01
        else:
            assert error < 2e-14


def test_quadrature_is_exact_below_twice_the_band_limit():
    grid = st.EquiangularGrid(32)
    cosine = np.cos(grid.colatitudes)
    for power in range(2 * grid.band_limit - 1):
        exact = 4 * np.pi / (power + 1) * (power % 2 == 0)
        found = np.sum(grid.quadrature_weights * cosine**power) * grid.resolution
        assert abs(found - exact) < 1e-13


@pytest.mark.parametrize("grid", [*RING_GRIDS, grids.McEwenWiauxGrid(33)], ids=repr)
def test_analysis_returns_the_coefficients_of_a_field(grid):
    for spin in spins_below(grid.band_limit):
        present = harmonics_exist(grid.band_limit, spin)
        expected = np.zeros(present.shape, complex)
        expected[present] = random_vector(present.sum())
        field = (harmonics_at_samples(grid, spin) @ expected[present]).reshape(grid.shape)
        np.testing.assert_allclose(analyze(grid, field, spin), expected, atol=1e-13)


@pytest.mark.parametrize(("grid", "error"), [(grids.HealpixGrid(8), 1.4e-2)], ids=repr)
def test_analysis_on_healpix_errs_as_much_as_documented(grid, error):
    present = harmonics_exist(grid.band_limit, 0)
    errors = []
    for seed in range(4):
        coefficients = random_vector(present.sum(), seed)
        found = analyze(grid, harmonics_at_samples(grid, 0) @ coefficients, 0)[present]
        errors.append(np.linalg.norm(found - coefficients) / np.linalg.norm(coefficients))
    np.testing.assert_allclose(np.mean(errors), error, rtol=0.2)


EVEN_FROM_4 = r"even whole number of at least 4"
EVEN_FROM_2 = r"even whole number of at least 2"
POSITIVE = r"whole number of at least 1"
REFUSED = [
    *((grids.EquiangularGrid, (n,), EVEN_FROM_4) for n in (63, 2, 0, -4, 8.0, "64", True)),
    *((grids.FejerGrid, (n,), EVEN_FROM_2) for n in (63, 0, -4, 8.0, None, True)),
    *(
        (make, (limit,), POSITIVE)
        for make in (grids.DriscollHealyGrid, grids.McEwenWiauxGrid, grids.GaussLegendreGrid)
        for limit in (0, -1, 8.0, "8", None, True)
    ),
    *((grids.GaussLegendreGrid, (8, n), "of at least 15 to carry") for n in (14, 0, 16.0, True)),
    *((grids.HealpixGrid, (nside,), POSITIVE) for nside in (0, -1, 8.0, "8", None, True)),
    *((grids.HealpixGrid, (8, limit), "from 1 to 24 where") for limit in (25, 0, 16.0, True)),
]


@pytest.mark.parametrize(("make", "arguments", "allowed"), REFUSED)
def test_an_argument_that_cannot_be_is_refused(make, arguments, allowed):
    with pytest.raises(ValueError, match=allowed) as error:
        make(*arguments)
    assert str(error.value).startswith(f"{make.__name__}: ")
    assert f" is {arguments[-1]!r}; it must be " in str(error.value)


@pytest.mark.parametrize(
    "grid",
    [
        st.EquiangularGrid(16),
        st.FejerGrid(16),
        st.DriscollHealyGrid(8),
        st.GaussLegendreGrid(8, 17),
        st.McEwenWiauxGrid(8),
        st.HealpixGrid(4, band_limit=9),
    ],
)
def test_a_grid_is_made_again_from_its_description(grid):
    description = json.loads(json.dumps(st.describe_grid(grid)))
    assert st.grid_from_description(description) == grid


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"kind": "FlatGrid"}, "no grid is a 'FlatGrid'; known are DriscollHealyGrid"),
        ({}, "no grid is a None"),
        ({"kind": "EquiangularGrid", "size": 8}, "no EquiangularGrid is described by"),
        ({"kind": "EquiangularGrid", "resolution": 7}, "resolution"),
    ],
)
def test_descriptions_of_no_grid(description, message):
    with pytest.raises(ValueError, match=message):
        st.grid_from_description(description)


def test_grids_of_others_are_not_described():
    class EquiangularGrid(st.EquiangularGrid):
        pass

    with pytest.raises(ValueError, match="describe a registered grid with spin_registry"):
        st.describe_grid(EquiangularGrid(8))
