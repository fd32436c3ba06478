"""What holds for every field: on every grid, by both methods."""

import functools

import drawn_fields
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

import sphere_transforms as st
from sphere_transforms import grids
from sphere_transforms.fields import conjugate_coefficients

# Of odd and even band limits; one with a ring on the equator, two without symmetry about it.
EXACT_GRIDS = [
    grids.EquiangularGrid(12),
    grids.FejerGrid(4),
    grids.DriscollHealyGrid(3),
    grids.McEwenWiauxGrid(6),
    grids.GaussLegendreGrid(7),
]
GRIDS = [*EXACT_GRIDS, grids.HealpixGrid(2)]
# Of every symmetry that the transforms know, and the two ways along the rings.
UNLIKE_GRIDS = [grids.McEwenWiauxGrid(6), grids.GaussLegendreGrid(7), grids.HealpixGrid(2)]
SYMMETRIC_GRIDS = [
    grid for grid in GRIDS if (grid.ring_colatitudes + grid.ring_colatitudes[::-1] == np.pi).all()
]
SPINS = (-1, 0, 1)
METHODS = ("tables", "recursion")


def cases(of_grids):
    """For every grid and method. A case's tests follow each other, and share what is compiled."""
    pairs = [(grid, method) for grid in of_grids for method in METHODS]
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
    return drawn_fields.random_coefficients(seed, channels, grid.band_limit, **options)


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
    assert_close(forward(grid, method, field), coefficients, 1e-14)


@pytest.mark.parametrize("grid", GRIDS, ids=repr, scope="module")
@examples
@given(seed=seeds)
def test_both_methods_agree(grid, seed):
    coefficients = random_coefficients(grid, seed)
    tables, recursion = (inverse(grid, method, coefficients) for method in METHODS)
    assert_close(recursion, tables, 5e-15)
    field = {spin: jnp.cos(values) for spin, values in tables.items()}
    tables, recursion = (forward(grid, method, field) for method in METHODS)
    assert_close(recursion, tables, 5e-15)


@cases(GRIDS)
@examples
@given(seed=seeds, factor=factors)
def test_linearity(grid, method, seed, factor):
    one, other = (random_coefficients(grid, s) for s in (seed, seed + 1))
    fields = [inverse(grid, method, a) for a in (one, other, combine(one, factor, other))]
    assert_close(fields[2], combine(fields[0], factor, fields[1]), 5e-15)
    # Fields that are no transform of coefficients are as good.
    fields[1] = {spin: jnp.cos(values) for spin, values in fields[1].items()}
    mixed = combine(fields[0], factor, fields[1])
    one, other, mixed = (forward(grid, method, field) for field in (*fields[:2], mixed))
    assert_close(mixed, combine(one, factor, other), 5e-15)


@cases(EXACT_GRIDS)
@examples
@given(seed=seeds)
def test_the_power_of_a_field_is_that_of_its_coefficients(grid, method, seed):
    coefficients = random_coefficients(grid, seed)
    if isinstance(grid, grids.McEwenWiauxGrid):
        # Its weights integrate the square of half the degrees alone.
        half = (grid.band_limit + 1) // 2
        coefficients = {spin: a.at[:, half:].set(0) for spin, a in coefficients.items()}
    weights = grid.quadrature_weights[None, :, None, None]
    for spin, field in inverse(grid, method, coefficients).items():
        power = jnp.sum(weights * jnp.abs(field) ** 2)
        np.testing.assert_allclose(power, jnp.sum(jnp.abs(coefficients[spin]) ** 2), rtol=1e-14)


def antipodal(grid, field):
    """The field at (pi - theta, phi + pi), which are samples of the grid too."""
    if len(grid.shape) == 2:
        return jnp.roll(field[:, ::-1], grid.shape[1] // 2, axis=2)
    theta, phi = grid.points
    direction = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
    return field[:, np.argmin(direction.T @ direction, axis=1)]


@cases(SYMMETRIC_GRIDS)
@examples
@given(seed=seeds)
def test_a_field_at_antipodes_has_degrees_with_alternating_signs_and_the_opposite_spin(
    grid, method, seed
):
    # From d^ell_{m,n}(pi - beta) = (-1)^{ell+m} d^ell_{m,-n}(beta) it follows that
    # sYlm(pi - theta, phi + pi) = (-1)^ell (-s)Ylm(theta, phi).
    coefficients = random_coefficients(grid, seed)
    sign = (-1.0) ** np.arange(grid.band_limit)[None, :, None, None]
    expected = {-spin: sign * values for spin, values in coefficients.items()}
    field = inverse(grid, method, coefficients)
    there = {-spin: antipodal(grid, values) for spin, values in field.items()}
    assert_close(inverse(grid, method, expected), there, 1e-14)
    expected = {-s: sign * values for s, values in forward(grid, method, field).items()}
    assert_close(forward(grid, method, there), expected, 1e-14)


@cases(GRIDS)
@examples
@given(seed=seeds)
def test_the_conjugate_field_has_the_conjugate_coefficients_and_the_opposite_spin(
    grid, method, seed
):
    coefficients = random_coefficients(grid, seed)
    signs = (-1.0) ** np.arange(1 - grid.band_limit, grid.band_limit)[None, None, :, None]
    conjugate = {-s: (-1) ** s * signs * a[:, :, ::-1].conj() for s, a in coefficients.items()}
    field = inverse(grid, method, coefficients)
    expected = {-spin: values.conj() for spin, values in field.items()}
    assert_close(inverse(grid, method, conjugate), expected, 1e-14)
    found = forward(grid, method, expected)
    assert_close(found, conjugate_coefficients(forward(grid, method, field)), 1e-14)


@functools.partial(jax.jit, static_argnames="real")
def _forward_and_pullback(transform, field, cotangent, real):
    field = {0: field[0].real if real else field[0], 1: field[1]}
    result, pullback = jax.vjp(transform.forward, field)
    return field, result, pullback(cotangent)[0]


@functools.partial(jax.jit, static_argnames="real")
def _inverse_and_pullback(transform, coefficients, cotangent, real):
    inverse = functools.partial(transform.inverse, real_scalars=real)
    result, pullback = jax.vjp(inverse, coefficients)
    cotangent = {0: cotangent[0].real if real else cotangent[0], 1: cotangent[1]}
    return cotangent, result, pullback(cotangent)[0]


def product(one, other):
    """JAX's pairing of a value with a cotangent: real, and without a conjugate."""
    return float(sum(jnp.sum(one[spin] * other[spin]).real for spin in one))


def size(values):
    return np.sqrt(sum(float(jnp.sum(jnp.abs(value) ** 2)) for value in values.values()))


def random_values(rng, shape):
    return {
        spin: rng.normal(size=(1, *shape, 1)) + 1j * rng.normal(size=(1, *shape, 1))
        for spin in (0, 1)
    }


@cases(UNLIKE_GRIDS)
@examples
@given(seed=seeds)
def test_pullbacks_are_adjoints(grid, method, seed):
    # Real scalars have a path of their own; test_derivatives_of_transforms.py has it by recursion.
    real = method == "tables"
    transform = transform_of(grid, method, (0, 1))
    rng = np.random.default_rng(seed)
    # Values where there is no harmonic too: they must not come through.
    coefficients = random_values(rng, (grid.band_limit, 2 * grid.band_limit - 1))
    field = random_values(rng, grid.shape)

    given, found, pulled = _forward_and_pullback(transform, field, coefficients, real)
    assert jnp.isrealobj(given[0]) == jnp.isrealobj(pulled[0]) == real
    error = abs(product(found, coefficients) - product(given, pulled))
    assert error < 5e-16 * size(found) * size(coefficients)

    cotangent, found, pulled = _inverse_and_pullback(transform, coefficients, field, real)
    assert jnp.isrealobj(found[0]) == real
    error = abs(product(found, cotangent) - product(coefficients, pulled))
    assert error < 5e-16 * size(found) * size(cotangent)


def turned_field(grid, spin, coefficients, angles):
    """The field of spin s turned actively, point by point: f'(x) = z^s f(R^-1 x).

    z is the direction of the turned field's e_theta as seen at x: e_theta + i e_phi is what a
    field of spin 1 refers to.
    """
    matrix = st.rotation_matrix(angles)
    theta, phi = grid.points
    here, e_theta, e_phi = frame(theta, phi)
    back = here @ matrix
    theta, phi = np.arccos(np.clip(back[..., 2], -1, 1)), np.arctan2(back[..., 1], back[..., 0])
    carried = frame(theta, phi)[1] @ matrix.T
    z = (carried * e_theta).sum(-1) + 1j * (carried * e_phi).sum(-1)
    harmonics = st.spin_spherical_harmonics(grid.band_limit, spin, theta, phi)
    return z**spin * np.einsum("...lm,lm->...", harmonics, coefficients)


def frame(theta, phi):
    """Unit vectors outward, along theta and along phi."""
    zero = np.zeros_like(theta)
    return (
        np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1),
        np.stack([np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), -np.sin(theta)], -1),
        np.stack([-np.sin(phi), np.cos(phi), zero], -1),
    )


@cases(EXACT_GRIDS)
@settings(deadline=None, max_examples=2, derandomize=True)
@given(
    seed=seeds,
    angles=some.tuples(some.floats(-7, 7), some.floats(0.1, 3), some.floats(-7, 7)),
)
def test_a_map_turns_as_its_coefficients_do(grid, method, seed, angles):
    coefficients = random_coefficients(grid, seed)
    field = inverse(grid, method, coefficients)
    turned = st.rotate_coefficients(forward(grid, method, field), angles)
    expected = {
        spin: turned_field(grid, spin, values[0, :, :, 0], angles)[None, ..., None]
        for spin, values in coefficients.items()
    }
    assert_close(inverse(grid, method, turned), expected, 3e-14)
