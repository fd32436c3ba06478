import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import random_coefficients

import sphere_transforms as st
from sphere_transforms.calculus import (
    convolve_axisymmetric,
    factors_of_coefficients,
    factors_of_profile,
    gaussian_beam,
    gradient,
    integrate,
)

BAND_LIMIT = 8
GRID = st.EquiangularGrid(2 * BAND_LIMIT)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def random(spins=(0, 1), seed=0, **options):
    channels = dict.fromkeys(spins, 2)
    return random_coefficients(seed, channels, BAND_LIMIT, batch=2, **options)


def profile(theta):
    return 1 + 3 * np.cos(theta) + np.cos(theta) ** 3


def test_the_convolution_is_the_integral_over_the_sphere(x64):
    field = st.SpinTransform(GRID, (0,)).inverse(random((0,)))[0]
    factors = factors_of_profile(profile, BAND_LIMIT)
    convolved = convolve_axisymmetric(random((0,)), factors)[0]
    theta, phi = GRID.points
    for at_theta, at_phi in ((0.7, 2.0), (2.5, 5.0)):
        cosine = np.cos(theta) * np.cos(at_theta)
        cosine = cosine + np.sin(theta) * np.sin(at_theta) * np.cos(phi - at_phi)
        kernel = profile(np.arccos(np.clip(cosine, -1, 1)))[None, :, :, None]
        harmonics = st.spin_spherical_harmonics(BAND_LIMIT, 0, at_theta, at_phi)
        found = jnp.einsum("blmc,lm->bc", convolved, harmonics)
        np.testing.assert_allclose(found, integrate(field * kernel, GRID), atol=1e-11)


def test_a_filter_by_profile_and_by_coefficients_are_the_same(x64):
    values = jnp.asarray(profile(GRID.points[0]))[None, :, :, None]
    zonal = st.SpinTransform(GRID, (0,)).forward({0: values})[0][0, :, BAND_LIMIT - 1, 0]
    found = factors_of_coefficients(zonal)
    np.testing.assert_allclose(found, factors_of_profile(profile, BAND_LIMIT), atol=1e-12)


def test_factors_agree_with_healpy(x64):
    healpy = pytest.importorskip("healpy")
    beams = healpy.gauss_beam(0.3, lmax=31, pol=True)
    np.testing.assert_allclose(gaussian_beam(32, 0.3), beams[:, 0], rtol=1e-12)
    np.testing.assert_allclose(gaussian_beam(32, 0.3, spin=2), beams[:, 1], rtol=1e-12)

    # A narrow Gaussian in angle is nearly the beam; healpy integrates by trapezia.
    def narrow(theta):
        sigma = 0.1 / np.sqrt(8 * np.log(2))
        return np.exp(-(theta**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)

    theta = np.linspace(0, 1, 20_000)
    found = factors_of_profile(narrow, 32)
    np.testing.assert_allclose(found, healpy.beam2bl(narrow(theta), theta, 31), rtol=1e-4)
    np.testing.assert_allclose(found, gaussian_beam(32, 0.1), rtol=2e-3)


def test_convolution_commutes_with_rotations_and_with_the_gradient(x64):
    coefficients, angles = random(), (0.3, 1.2, -0.4)
    factors = np.stack([np.ones(BAND_LIMIT), 1j * np.arange(BAND_LIMIT)], axis=1)
    one = st.rotate_coefficients(convolve_axisymmetric(coefficients, factors), angles)
    other = convolve_axisymmetric(st.rotate_coefficients(coefficients, angles), factors)
    for spin in (0, 1):
        np.testing.assert_allclose(one[spin], other[spin], atol=1e-11)
        np.testing.assert_array_equal(
            convolve_axisymmetric(coefficients, factors)[spin][..., 0], coefficients[spin][..., 0]
        )
    smooth = gaussian_beam(BAND_LIMIT, 0.5)
    one = gradient(convolve_axisymmetric({0: coefficients[0]}, smooth)[0])
    other = convolve_axisymmetric(gradient(coefficients[0]), {1: smooth, -1: smooth})
    np.testing.assert_allclose(one[1], other[1], atol=1e-12)


def test_a_beam_is_differentiable_and_keeps_float32():
    coefficients = random()
    found = convolve_axisymmetric(coefficients, gaussian_beam(BAND_LIMIT, 0.2))
    assert found[1].dtype == jnp.complex64
    with jax.enable_x64(True):
        beam = factors_of_profile(profile, BAND_LIMIT)
        assert convolve_axisymmetric(coefficients, beam)[1].dtype == jnp.complex64
    slope = jax.grad(lambda fwhm: gaussian_beam(BAND_LIMIT, fwhm)[3])(0.2)
    sigma = 0.2 / np.sqrt(8 * np.log(2))
    expected = -12 * sigma * np.exp(-6 * sigma**2) / np.sqrt(8 * np.log(2))
    np.testing.assert_allclose(slope, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: convolve_axisymmetric(random(), np.ones(7)), "\\(ell,\\) = \\(8,\\)"),
        (lambda: convolve_axisymmetric(random(), {0: np.ones(8)}), "each of these spins"),
        (lambda: convolve_axisymmetric(jnp.ones((1, 8, 15, 1)), np.ones(8)), "mapping"),
        (lambda: factors_of_profile(lambda theta: 1.0, 8), "one value for each angle"),
        (lambda: gaussian_beam(4, 0.1, spin=4), "only spins"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
