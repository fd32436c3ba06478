"""`evaluate`: the values of a field at arbitrary points, and their derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import random_coefficients
from jax.test_util import check_grads

import sphere_transforms as st
from sphere_transforms.jax_extensions import linear_operator
from sphere_transforms.transform import point_values

# Both poles, the equator, and points in between.
THETA = np.array([0.0, np.pi, np.pi / 2, 0.4, 1.1, 2.9])
PHI = np.array([0.3, 2.0, 0.0, 5.0, 3.3, 6.2])


def coefficients_of(spin, band_limit):
    return random_coefficients(spin + 9, {spin: 2}, band_limit, batch=2)


@pytest.mark.parametrize(("band_limit", "spin"), [(1, 0), (3, -2), (24, 0), (24, 5)])
def test_the_values_are_the_sums_of_the_harmonics(band_limit, spin):
    harmonics = st.spin_spherical_harmonics(band_limit, spin, THETA, PHI)
    with jax.enable_x64(True):
        coefficients = coefficients_of(spin, band_limit)
        found = st.evaluate(coefficients, THETA.reshape(2, 3), PHI.reshape(2, 3))[spin]
        expected = np.einsum("plm,blmc->bpc", harmonics, coefficients[spin])
    assert found.shape == (2, 2, 3, 2)
    np.testing.assert_allclose(
        found.reshape(expected.shape), expected, rtol=0, atol=2e-14 * np.abs(expected).max()
    )


def test_without_x64_angles_of_numpy_keep_their_digits():
    coefficients = coefficients_of(0, 200)
    found = st.evaluate(coefficients, THETA, PHI)[0]
    assert found.dtype == np.complex64
    harmonics = st.spin_spherical_harmonics(200, 0, THETA, PHI)
    expected = np.einsum("plm,blmc->bpc", harmonics, coefficients[0])
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(expected).max())


def test_many_points_are_taken_in_blocks(monkeypatch):
    coefficients = coefficients_of(1, 4)

    def values_and_slopes():
        def power(coefficients, theta):
            values = st.evaluate({1: coefficients}, theta, jnp.asarray(PHI, jnp.float32))[1]
            return jnp.sum(jnp.abs(values) ** 2)

        arguments = coefficients[1], jnp.asarray(THETA, jnp.float32)
        return jax.device_get(jax.value_and_grad(power, (0, 1))(*arguments))

    whole = values_and_slopes()
    jax.clear_caches()
    monkeypatch.setattr(point_values, "_WORKSPACE", 16 * 7 * 6 * 2)
    linear_operator._program.cache_clear()
    in_blocks = values_and_slopes()
    linear_operator._program.cache_clear()
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(in_blocks), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.abs(one).max())


def test_derivatives_by_coefficients_and_points():
    spin = 2
    with jax.enable_x64(True):
        coefficients = coefficients_of(spin, 3)[spin]

        def values(coefficients, theta, phi):
            found = st.evaluate({spin: coefficients}, theta, phi)[spin]
            return found.real, found.imag

        arguments = coefficients, jnp.asarray(THETA[2:]), jnp.asarray(PHI[2:])
        check_grads(values, arguments, order=2, modes=("fwd", "rev"), atol=1e-6, rtol=1e-6)


def test_a_gradient_leads_to_the_maximum_also_from_a_pole():
    # f = cos of the angle from the point (theta, phi) = (0.5, 0).
    with jax.enable_x64(True):
        zonal = np.zeros((1, 2, 3, 1), complex)
        zonal[0, 1, 1, 0] = np.sqrt(4 * np.pi / 3)
        coefficients = st.rotate_coefficients({0: zonal}, (0.0, 0.5, 0.0))

        def value(theta):
            return st.evaluate(coefficients, theta, jnp.zeros(()))[0].real.sum()

        slope = jax.grad(value)
        np.testing.assert_allclose(slope(0.0), np.sin(0.5), atol=1e-14)
        np.testing.assert_allclose(jax.grad(slope)(0.0), -np.cos(0.5), atol=1e-14)


def test_memory_does_not_grow_with_the_square_of_the_band_limit():
    points = 2000

    def temporary_bytes(band_limit):
        values = jax.ShapeDtypeStruct((1, band_limit, 2 * band_limit - 1, 1), jnp.complex64)
        angles = jax.ShapeDtypeStruct((points,), jnp.float32)

        def power(coefficients, theta, phi):
            return jnp.sum(jnp.abs(st.evaluate({0: coefficients}, theta, phi)[0]))

        lowered = jax.jit(jax.grad(power, (0, 1))).lower(values, angles, angles)
        return lowered.compile().memory_analysis().temp_size_in_bytes

    assert temporary_bytes(128) < 2.5 * temporary_bytes(64)


@pytest.mark.parametrize(
    ("theta", "phi", "message"),
    [
        ([0.1, 0.2], [0.1], r"theta has shape \(2,\) and phi \(1,\)"),
        ([0.1, 4.0], [0.1, 0.2], "from 0.1 to 4.0; colatitudes are in"),
        ([0.1, np.nan], [0.1, 0.2], "give finite angles"),
        ("north", "east", "give finite angles"),
    ],
)
def test_bad_points_are_refused(theta, phi, message):
    with pytest.raises(ValueError, match=message):
        st.evaluate(coefficients_of(0, 2), theta, phi)
