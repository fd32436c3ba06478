"""The transform on HEALPix, whose rings have their own lengths and whose quadrature is approximate.

That single transforms are ducc0's shows test_against_ducc0.py.
"""

import functools

import drawn_fields
import healpy
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sphere_transforms as st
from sphere_transforms import grids

# nside need not be a power of two.
GRIDS = [grids.HealpixGrid(1, 3), grids.HealpixGrid(3, 9), grids.HealpixGrid(4)]


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def random_coefficients(grid, spins, **options):
    channels = dict.fromkeys(spins, 1)
    return st.random_coefficients(jax.random.key(0), channels, grid.band_limit, **options)


def relative(found, expected):
    return float(jnp.linalg.norm(found - expected) / jnp.linalg.norm(expected))


@functools.partial(jax.jit, static_argnames="iterations")
def forward(transform, field, iterations=0):
    return transform.forward(field, iterations=iterations)


@functools.partial(jax.jit, static_argnames="real")
def inverse(transform, coefficients, real=False):
    return transform.inverse(coefficients, real_scalars=real)


@pytest.mark.parametrize("grid", GRIDS, ids=repr)
def test_values_are_those_of_the_harmonics_at_the_pixels(x64, grid):
    spins = (-2, 0, 1)
    coefficients = random_coefficients(grid, spins)
    transform = st.SpinTransform(grid, spins)
    field = inverse(transform, coefficients)
    found = forward(transform, field)
    for spin in spins:
        harmonics = st.spin_spherical_harmonics(grid.band_limit, spin, *grid.points)
        expected = np.einsum("plm,lm->p", harmonics, coefficients[spin][0, :, :, 0])
        assert relative(field[spin][0, :, 0], expected) < 1e-14
        # The sum over the pixels, each with the weight of its area.
        sums = np.einsum("plm,p->lm", harmonics.conj(), expected) * 4 * np.pi / grid.shape[0]
        assert relative(found[spin][0, :, :, 0], sums) < 1e-14


def test_iterations_reduce_the_error_a_thousandfold(x64):
    grid = grids.HealpixGrid(8)
    coefficients = random_coefficients(grid, (0, 2))
    transform = st.SpinTransform(grid, (0, 2))
    field = inverse(transform, coefficients)
    for iterations, error in ((0, 1.2e-2), (3, 1.5e-5)):
        found = forward(transform, field, iterations)
        for spin in (0, 2):
            np.testing.assert_allclose(
                relative(found[spin], coefficients[spin]), error, rtol=0.2, err_msg=f"spin {spin}"
            )


@pytest.mark.parametrize("nside", [4, 16])
def test_the_refined_error_is_that_of_healpy(x64, nside):
    grid = grids.HealpixGrid(nside)
    coefficients = random_coefficients(grid, (0,), real_scalars=True)
    transform = st.SpinTransform(grid, (0,))
    field = inverse(transform, coefficients, real=True)
    expected = np.asarray(st.to_healpy(coefficients)[0][0, 0])
    theirs = healpy.map2alm(np.asarray(field[0][0, :, 0]), lmax=grid.band_limit - 1, iter=3)
    ours = np.asarray(st.to_healpy(forward(transform, field, 3))[0][0, 0])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)
    assert relative(ours, expected) < 2e-5


def test_rotation_and_resampling_refine_on_healpix(x64):
    grid = grids.HealpixGrid(16)
    coefficients = random_coefficients(grid, (0,), real_scalars=True)
    transform = st.SpinTransform(grid, (0,))
    field = inverse(transform, coefficients, real=True)
    turned = st.rotate_field(transform, field, (0.0, 0.0, 0.0))
    assert relative(turned[0], field[0]) < 5e-5
    unrefined = st.rotate_field(transform, field, (0.0, 0.0, 0.0), iterations=0)
    assert relative(unrefined[0], field[0]) > 1e-3
    target = st.SpinTransform(grids.GaussLegendreGrid(grid.band_limit), (0,))
    exact = target.inverse(coefficients, real_scalars=True)
    assert relative(st.resample(field, transform, target)[0], exact[0]) < 5e-5
    assert relative(st.resample(field, transform, target, iterations=0)[0], exact[0]) > 1e-3


@pytest.mark.parametrize("iterations", [-1, 1.0, True, "3"])
def test_iterations_that_are_no_count_are_refused(iterations):
    transform = st.SpinTransform(grids.HealpixGrid(2), (0,))
    with pytest.raises(ValueError, match=f"iterations is {iterations!r}; it must be a whole"):
        transform.forward({0: np.ones((1, 48, 1), np.float32)}, iterations=iterations)


@pytest.mark.parametrize("method", ["tables", "recursion"])
def test_real_fields_have_the_coefficients_that_they_have_as_complex_ones(method, x64):
    grid = grids.HealpixGrid(2, 5)
    transform = st.SpinTransform(grid, (0,), method=method)
    field = drawn_fields.normal(0, (2, *grid.shape, 3))
    half, full = (forward(transform, {0: values}, 1)[0] for values in (field, field + 0j))
    assert relative(half, full) < 3e-15
    # Not only of a real field: of any, the real part.
    coefficients = random_coefficients(grid, (0,))
    half, full = (inverse(transform, coefficients, real)[0] for real in (True, False))
    assert half.dtype == jnp.float64
    assert relative(half, full.real) < 3e-15


def test_float32_without_x64():
    grid, spins = grids.HealpixGrid(32), (0, 2)
    with jax.enable_x64(True):
        coefficients = random_coefficients(grid, spins)
        transform = st.SpinTransform(grid, spins)
        fields = inverse(transform, coefficients)
        returned = forward(transform, fields)
    transform = st.SpinTransform(grid, spins)
    assert transform.dtype == np.float32
    single = jax.tree.map(lambda a: np.asarray(a, np.complex64), coefficients)
    field = inverse(transform, single)
    back = forward(transform, field)
    for spin in spins:
        for found, expected in ((field, fields), (back, returned)):
            assert found[spin].dtype == jnp.complex64
            assert relative(np.asarray(found[spin]), np.asarray(expected[spin])) < 1e-6


@pytest.mark.parametrize("nside", [2, 8, 64])
def test_the_cells_of_the_coarser_grid_are_healpys(nside):
    cells = grids.HealpixGrid(nside).coarser_cells
    nested = np.arange(12 * (nside // 2) ** 2)[:, None] * 4 + np.arange(4)
    parents = healpy.ring2nest(nside // 2, np.arange(len(cells)))
    np.testing.assert_array_equal(np.sort(healpy.ring2nest(nside, cells)), nested[parents])
    values = np.random.default_rng(0).normal(size=12 * nside**2)
    np.testing.assert_allclose(values[cells].mean(1), healpy.ud_grade(values, nside // 2))


def test_cells_of_an_nside_that_is_no_power_of_two():
    grid = grids.HealpixGrid(6)
    cells, coarse = grid.coarser_cells, grid.coarser()
    np.testing.assert_array_equal(np.sort(cells.ravel()), np.arange(grid.shape[0]))
    # Each is within the coarser pixel: closer to its centre than the pixel's diagonal.
    centres, fine = (grids.unit_vectors(*each.points)[0] for each in (coarse, grid))
    cosines = np.einsum("pfx,px->pf", fine[cells], centres)
    assert np.arccos(cosines).max() < np.sqrt(4 * np.pi / coarse.shape[0])
    with pytest.raises(ValueError, match="nside is odd"):
        _ = grids.HealpixGrid(3).coarser_cells
