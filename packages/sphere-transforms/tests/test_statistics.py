import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import random_coefficients

import sphere_transforms as st
from sphere_transforms.calculus import (
    inner_product,
    integrate,
    mean,
    power_spectrum,
)
from sphere_transforms.grids import HealpixGrid

GRID = st.EquiangularGrid(16)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def random(seed=0, spins=(0, 2), **options):
    channels = dict.fromkeys(spins, 3)
    return random_coefficients(seed, channels, 8, batch=2, **options)


def test_power_spectrum_by_a_loop(x64):
    coefficients, other = random(), random(1)
    auto, cross = power_spectrum(coefficients), power_spectrum(coefficients, other)
    for spin in (0, 2):
        assert auto[spin].shape == (2, 8, 3)
        assert auto[spin].dtype == jnp.float64
        for ell in range(8):
            a, b = (c[spin][:, ell, 7 - ell : 8 + ell] for c in (coefficients, other))
            expected = (jnp.abs(a) ** 2).sum(1) / (2 * ell + 1)
            np.testing.assert_allclose(auto[spin][:, ell], expected, rtol=1e-13)
            expected = (a * b.conj()).sum(1) / (2 * ell + 1)
            np.testing.assert_allclose(cross[spin][:, ell], expected, rtol=1e-13)


def test_power_spectrum_agrees_with_healpy(x64):
    healpy = pytest.importorskip("healpy")
    one, other = (random(seed, (0,), real_scalars=True) for seed in (0, 1))
    packed = [np.asarray(c[0][0, :, 7:, 0]).T[np.triu_indices(8)] for c in (one, other)]
    np.testing.assert_allclose(power_spectrum(one)[0][0, :, 0], healpy.alm2cl(packed[0]))
    found = power_spectrum(one, other)[0][0, :, 0]
    np.testing.assert_allclose(found, healpy.alm2cl(*packed), atol=1e-14)


def test_power_spectrum_does_not_turn_and_adds_up_to_the_integral(x64):
    coefficients = random()
    turned = st.rotate_coefficients(coefficients, (0.3, 1.2, -0.4))
    spectrum = power_spectrum(coefficients)
    field = st.SpinTransform(GRID, (0, 2)).inverse(coefficients)
    for spin in (0, 2):
        np.testing.assert_allclose(power_spectrum(turned)[spin], spectrum[spin], atol=1e-12)
        total = jnp.sum((2 * jnp.arange(8) + 1)[None, :, None] * spectrum[spin], axis=1)
        np.testing.assert_allclose(integrate(jnp.abs(field[spin]) ** 2, GRID), total, rtol=1e-12)


def test_inner_product_is_the_integral(x64):
    first, second = random(0), random(1)
    transform = st.SpinTransform(GRID, (0, 2))
    f, g = transform.inverse(first), transform.inverse(second)
    for spin, found in inner_product(first, second).items():
        assert found.shape == (2, 3)
        expected = integrate(f[spin] * jnp.conj(g[spin]), GRID)
        np.testing.assert_allclose(found, expected, atol=1e-11)


def test_what_stands_where_there_is_no_harmonic_does_not_count():
    coefficients = random()
    dirty = {s: jnp.where(values == 0, 7.0, values) for s, values in coefficients.items()}
    for spin in (0, 2):
        expected = power_spectrum(coefficients)[spin]
        np.testing.assert_array_equal(power_spectrum(dirty)[spin], expected)
        expected = inner_product(coefficients, coefficients)[spin]
        np.testing.assert_array_equal(inner_product(dirty, dirty)[spin], expected)


def test_gradient_at_zero_is_finite():
    zero = {0: jnp.zeros((1, 4, 7, 1), jnp.complex64)}
    slope = jax.grad(lambda a: power_spectrum(a)[0].sum())(zero)[0]
    np.testing.assert_array_equal(slope, jnp.zeros_like(zero[0]))


@pytest.mark.parametrize("grid", [GRID, HealpixGrid(4)])
def test_mean_and_integral(x64, grid):
    # cos(theta)^2 has mean 1/3, exactly on a ring grid, and on HealPix nearly.
    theta = jnp.asarray(grid.points[0])[None, ..., None]
    values = jnp.concatenate([jnp.cos(theta) ** 2, 0 * theta + 2], axis=-1)
    tolerance = 1e-14 if grid is GRID else 3e-2
    np.testing.assert_allclose(mean(values, grid), [[1 / 3, 2]], rtol=tolerance)
    np.testing.assert_allclose(integrate(values, grid), 4 * np.pi * mean(values, grid), rtol=1e-14)
    assert mean(values.astype(jnp.complex64), grid).dtype == jnp.complex64


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: power_spectrum(jnp.ones((1, 4, 7, 1))), "mapping from spin"),
        (lambda: inner_product({0: jnp.ones((1, 4, 7, 1))}, random()), "same spins and shapes"),
        (lambda: power_spectrum(random(), random(spins=(0,))), "same spins and shapes"),
        (lambda: mean({0: jnp.ones((1, 16, 16, 1))}, GRID), "field\\[0\\]"),
        (lambda: mean(jnp.ones((1, 8, 16, 1)), GRID), "16, 16"),
        (lambda: integrate(jnp.ones((16, 16)), GRID), "channel"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
