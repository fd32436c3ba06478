"""Both directions, on every grid and by both methods, against ducc0, scipy and single harmonics."""

import functools

import ducc0
import jax
import numpy as np
import pytest
import scipy.special

import sphere_transforms as st
from sphere_transforms import grids
from sphere_transforms.fields import from_ducc0

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


GRIDS = [
    grids.EquiangularGrid(64),
    grids.FejerGrid(64),
    grids.DriscollHealyGrid(32),
    grids.McEwenWiauxGrid(32),
    grids.GaussLegendreGrid(32),
    grids.HealpixGrid(16),
    grids.LatLonGrid(37, 72),
    grids.LatLonGrid(30, 64, poles=False),
]
# Odd and even, of both signs; each lengthens the programs.
SPINS = (-5, -2, 0, 1, 10)

both_methods = pytest.mark.parametrize("method", ["tables", "recursion"])

# The transform is an argument, so that its tables are none of the program's constants.
inverse = jax.jit(lambda transform, coefficients: transform.inverse(coefficients))
forward = jax.jit(lambda transform, field: transform.forward(field))


def random_alm(spin, band_limit):
    """ducc0's coefficients of one field: E and B, for spin 0 one array."""
    rng = np.random.default_rng(100 + spin)
    degrees = np.concatenate([np.arange(m, band_limit) for m in range(band_limit)])
    alm = rng.normal(size=(1 if spin == 0 else 2, degrees.size, 2)) @ np.array([1, 1j])
    alm[:, :band_limit] = alm[:, :band_limit].real  # m = 0
    return alm * (degrees >= abs(spin))


def ducc0_synthesis(grid, spin, alm):
    """Their field of our spin: maps of E and B are the real and imaginary part of spin |s|."""
    options = {"alm": alm, "spin": abs(spin), "lmax": grid.band_limit - 1}
    if isinstance(grid, grids.HealpixGrid):
        rings = ducc0.healpix.Healpix_Base(grid.nside, "RING").sht_info()
        maps = ducc0.sht.synthesis(**options, **rings)
    else:
        lat, long = grid.shape
        geometry = geometry_of(grid)
        maps = ducc0.sht.synthesis_2d(**options, ntheta=lat, nphi=long, geometry=geometry)
    if spin == 0:
        return maps[0]
    return maps[0] + 1j * np.sign(spin) * maps[1]


def ducc0_analysis(grid, spin, field):
    """Their E and B of a field of our spin."""
    options = {"spin": abs(spin), "lmax": grid.band_limit - 1}
    maps = np.stack([field.real, np.sign(spin) * field.imag][: 1 if spin == 0 else 2])
    if isinstance(grid, grids.HealpixGrid):
        # healpy's quadrature: every pixel has the weight of its area.
        rings = ducc0.healpix.Healpix_Base(grid.nside, "RING").sht_info()
        return ducc0.sht.adjoint_synthesis(map=maps * grid.quadrature_weights, **options, **rings)
    return ducc0.sht.analysis_2d(map=maps, geometry=geometry_of(grid), **options)


@functools.lru_cache
def expected_of(grid, spins):
    """By ducc0 in float64: for each spin the coefficients, their field, and what it gives back.

    NumPy, in the layouts of SpinTransform: (1, ell, m, 1) and (1, *grid.shape, 1).
    """
    coefficients, fields, returned = {}, {}, {}
    with jax.enable_x64(True):
        for spin in spins:
            alm = random_alm(spin, grid.band_limit)
            field = ducc0_synthesis(grid, spin, alm)
            back = ducc0_analysis(grid, spin, field)
            coefficients[spin] = np.asarray(from_ducc0({spin: alm})[spin])
            fields[spin] = field[None, ..., None]
            returned[spin] = np.asarray(from_ducc0({spin: back})[spin])
    return coefficients, fields, returned


def largest_error(found, expected):
    """Over all spins, of the relative error in L2 and that in the maximum norm."""
    errors = []
    for spin, values in expected.items():
        difference = np.abs(np.asarray(found[spin]) - values)
        errors.append(np.linalg.norm(difference) / np.linalg.norm(values))
        errors.append(difference.max() / np.abs(values).max())
    return max(errors)


def check_both_directions(grid, method, spins, dtype, tolerance):
    coefficients, fields, returned = expected_of(grid, spins)
    complex_dtype = np.result_type(dtype, np.complex64)
    given = {spin: values.astype(complex_dtype) for spin, values in coefficients.items()}
    transform = st.SpinTransform(grid, spins, method=method)
    found = inverse(transform, given)
    assert {values.dtype for values in found.values()} == {complex_dtype}
    assert largest_error(found, fields) < tolerance
    given = {s: v.astype(complex_dtype if s else dtype) for s, v in fields.items()}
    found = forward(transform, given)
    assert {values.dtype for values in found.values()} == {complex_dtype}
    assert largest_error(found, returned) < tolerance


@both_methods
@pytest.mark.parametrize("grid", GRIDS, ids=repr)
def test_both_directions_agree_with_ducc0(grid, method):
    with jax.enable_x64(True):
        check_both_directions(grid, method, SPINS, np.float64, 2e-13)


# float32 as users have it, with x64 off.
@pytest.mark.parametrize(
    ("method", "dtype", "tolerance"),
    [
        ("recursion", np.float64, 1e-12),
        ("tables", np.float32, 2e-6),
        pytest.param("tables", np.float64, 1e-12, marks=pytest.mark.slow),
        pytest.param("recursion", np.float32, 2e-6, marks=pytest.mark.slow),
    ],
)
def test_band_limit_256_agrees_with_ducc0(method, dtype, tolerance):
    with jax.enable_x64(dtype == np.float64):
        grid = grids.EquiangularGrid(512)
        check_both_directions(grid, method, (0, 2, 10), dtype, tolerance)


def test_the_recursion_in_float32_on_rings_without_symmetry_agrees_with_ducc0():
    grid = grids.McEwenWiauxGrid(128)
    check_both_directions(grid, "recursion", (0, -1), np.float32, 2e-6)


# At band limit 12, among them ell = |s| and both signs of m, and the largest spins there are.
MODES = {
    0: [(0, 0), (1, 0), (2, 2), (3, -1), (7, -7), (11, 5)],
    1: [(1, 0), (1, 1), (1, -1), (4, 2), (11, -11), (11, 0)],
    -2: [(2, 0), (2, 2), (2, -2), (3, -3), (10, 4), (11, -5)],
    11: [(11, 0), (11, 11), (11, -11), (11, -3)],
    -11: [(11, 0), (11, 11), (11, -11), (11, 4)],
}


@both_methods
@pytest.mark.parametrize("grid", [grids.EquiangularGrid(24), grids.McEwenWiauxGrid(12)], ids=repr)
def test_a_single_coefficient_is_that_harmonic(grid, method):
    theta, phi = grid.points
    with jax.enable_x64(True):
        coefficients, expected = {}, {}
        for spin, modes in MODES.items():
            one = np.zeros((len(modes), 12, 23, 1), complex)
            for index, (ell, m) in enumerate(modes):
                one[index, ell, m + 11] = 1
            harmonics = st.spin_spherical_harmonics(12, spin, theta, phi)
            expected[spin] = np.einsum("jklm,blmc->bjkc", harmonics, one)
            coefficients[spin] = one
        transform = st.SpinTransform(grid, tuple(MODES), method=method)
        field = inverse(transform, coefficients)
        back = forward(transform, expected)
        for spin in MODES:
            np.testing.assert_allclose(field[spin], expected[spin], rtol=0, atol=3e-14)
            np.testing.assert_allclose(back[spin], coefficients[spin], rtol=0, atol=3e-14)
        for index, (ell, m) in enumerate(MODES[0]):
            theirs = scipy.special.sph_harm_y(ell, m, theta, phi)
            np.testing.assert_allclose(field[0][index, ..., 0], theirs, rtol=0, atol=3e-14)
