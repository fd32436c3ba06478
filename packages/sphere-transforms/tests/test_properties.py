"""What holds for every field: on every grid, by both methods."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

import sphere_transforms as st
from sphere_transforms import grids
from sphere_transforms.coefficients import conjugate_coefficients

# Of odd and even band limits; one with a ring on the equator, two without symmetry about it.
EXACT_GRIDS = [
    grids.EquiangularGrid(12),
    grids.FejerGrid(10),
    grids.DriscollHealyGrid(5),
    grids.McEwenWiauxGrid(6),
    grids.GaussLegendreGrid(7),
]
GRIDS = [*EXACT_GRIDS, grids.HealpixGrid(2)]
SYMMETRIC_GRIDS = [grid for grid in GRIDS if grid.symmetric]
SPINS = (-1, 0, 1)


def cases(of_grids):
    """For every grid and method. A case's tests follow each other, and share what is compiled."""
    pairs = [(grid, method) for grid in of_grids for method in ("tables", "recursion")]
    names = [f"{type(grid).__name__}-{method}" for grid, method in pairs]
    return pytest.mark.parametrize(("grid", "method"), pairs, ids=names, scope="module")


# The same examples every time.
examples = settings(deadline=None, max_examples=5, derandomize=True)
seeds = some.integers(0, 2**31)
factors = some.complex_numbers(max_magnitude=10)


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@functools.lru_cache
def transform_of(grid, method, spins=SPINS):
    return st.SpinTransform(grid, spins, method=method)


_inverse = jax.jit(lambda transform, coefficients: transform.inverse(coefficients))
_forward = jax.jit(lambda transform, field: transform.forward(field))


def inverse(grid, method, coefficients):
    return _inverse(transform_of(grid, method), coefficients)


def forward(grid, method, field):
    return _forward(transform_of(grid, method), field)


def random_coefficients(grid, seed, spins=SPINS, **options):
    channels = dict.fromkeys(spins, 1)
    return st.random_coefficients(jax.random.key(seed), channels, grid.band_limit, **options)


def combine(one, factor, other):
    return {spin: one[spin] + factor * other[spin] for spin in one}


def assert_close(found, expected, tolerance):
    """Relative to the largest value of all spins."""
    assert set(found) == set(expected)
    largest = max(float(jnp.abs(values).max()) for values in expected.values())
    for spin in expected:
        np.testing.assert_allclose(found[spin], expected[spin], rtol=0, atol=tolerance * largest)


@cases(EXACT_GRIDS)
@examples
@given(seed=seeds)
def test_coefficients_come_back(grid, method, seed):
    coefficients = random_coefficients(grid, seed)
    field = inverse(grid, method, coefficients)
    assert_close(forward(grid, method, field), coefficients, 2e-14)


@cases(GRIDS)
@examples
@given(seed=seeds, factor=factors)
def test_linearity(grid, method, seed, factor):
    one, other = (random_coefficients(grid, s) for s in (seed, seed + 1))
    fields = [inverse(grid, method, a) for a in (one, other, combine(one, factor, other))]
    assert_close(fields[2], combine(fields[0], factor, fields[1]), 1e-14)
    # Fields that are no transform of coefficients are as good.
    fields[1] = {spin: jnp.cos(values) for spin, values in fields[1].items()}
    mixed = combine(fields[0], factor, fields[1])
    one, other, mixed = (forward(grid, method, field) for field in (*fields[:2], mixed))
    assert_close(mixed, combine(one, factor, other), 1e-14)


@cases(EXACT_GRIDS)
@examples
@given(seed=seeds)
def test_the_power_of_a_field_is_that_of_its_coefficients(grid, method, seed):
    coefficients = random_coefficients(grid, seed)
    # Of the field's square a grid twice as fine has the integral, McEwen and Wiaux's too.
    fine = grids.GaussLegendreGrid(grid.band_limit, grid.shape[1])
    for spin, values in coefficients.items():
        harmonics = st.spin_spherical_harmonics(grid.band_limit, spin, *fine.points)
        del harmonics, values
