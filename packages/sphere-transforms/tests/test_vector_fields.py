import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import random_coefficients

import sphere_transforms as st
from sphere_transforms.calculus import (
    curl,
    divergence,
    gradient,
    inner_product,
    integrate,
    laplacian,
    rotated_gradient,
)
from sphere_transforms.fields import (
    conjugate_coefficients,
    spin_to_vector,
    vector_to_spin,
)

BAND_LIMIT = 8
GRID = st.EquiangularGrid(2 * BAND_LIMIT)
THETA, PHI = (np.broadcast_to(a, GRID.shape) for a in (GRID.colatitudes[:, None], GRID.longitudes))


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def transform():
    return st.SpinTransform(GRID, (-1, 0, 1))


def random_scalar(seed=0, **options):
    return random_coefficients(seed, {0: 2}, BAND_LIMIT, batch=2, **options)[0]


def random_vector(seed=0):
    return random_coefficients(seed, {1: 2, -1: 2}, BAND_LIMIT, batch=2)


def as_map(values):
    return jnp.asarray(values)[None, :, :, None]


def test_components_and_spins_are_inverses():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(2, 1, 4, 4, 1))
    field = vector_to_spin(*real)
    assert sorted(field) == [-1, 1]
    np.testing.assert_array_equal(field[1], real[0] + 1j * real[1])
    np.testing.assert_array_equal(field[-1], jnp.conj(field[1]))
    for given in (field, {1: field[1]}):
        found = spin_to_vector(given)
        assert found[0].dtype == jnp.float64
        np.testing.assert_allclose(found, real, atol=1e-15)
    vectors = rng.normal(size=(2, 1, 4, 4, 1)) + 1j * rng.normal(size=(2, 1, 4, 4, 1))
    found = spin_to_vector(vector_to_spin(*vectors), real=False)
    np.testing.assert_allclose(found, vectors, atol=1e-15)
    np.testing.assert_allclose(spin_to_vector(vector_to_spin(*vectors)), vectors.real, atol=1e-15)


def test_the_gradient_of_an_analytic_function(transform):
    # f = sin(theta) cos(phi) + cos(theta)^2 has f_theta = cos(theta) cos(phi) - sin(2 theta) and
    # f_phi / sin(theta) = -sin(phi).
    f = as_map(np.sin(THETA) * np.cos(PHI) + np.cos(THETA) ** 2)
    scalar = transform.forward({0: f})[0]
    v_theta, v_phi = spin_to_vector(transform.inverse(gradient(scalar)))
    np.testing.assert_allclose(
        v_theta[0, :, :, 0], np.cos(THETA) * np.cos(PHI) - np.sin(2 * THETA), atol=1e-13
    )
    np.testing.assert_allclose(v_phi[0, :, :, 0], -np.sin(PHI), atol=1e-13)
    # r x grad: south turns to east, east to north.
    turned = spin_to_vector(transform.inverse(rotated_gradient(scalar)))
    np.testing.assert_allclose(turned[0], -v_phi, atol=1e-13)
    np.testing.assert_allclose(turned[1], v_theta, atol=1e-13)
    # -l (l + 1) for l = 1 and 2: cos^2 = 1/3 + (cos^2 - 1/3).
    found = transform.inverse(laplacian({0: scalar}))[0]
    expected = -2 * np.sin(THETA) * np.cos(PHI) - 6 * (np.cos(THETA) ** 2 - 1 / 3)
    np.testing.assert_allclose(found[0, :, :, 0], expected, atol=1e-12)


def test_divergence_and_curl_of_analytic_vectors(transform):
    # Solid rotation about the polar axis, v_phi = sin(theta), has curl 2 cos(theta), counterclock-
    # wise at the north pole; the gradient of -cos(theta), v_theta = sin(theta), divergence
    # 2 cos(theta).
    eastward = transform.forward(vector_to_spin(as_map(0 * THETA), as_map(np.sin(THETA))))
    southward = transform.forward(vector_to_spin(as_map(np.sin(THETA)), as_map(0 * THETA)))
    expected = as_map(2 * np.cos(THETA))
    for function, vector, found in (
        (curl, eastward, expected),
        (divergence, eastward, 0 * expected),
        (curl, southward, 0 * expected),
        (divergence, southward, expected),
    ):
        np.testing.assert_allclose(
            transform.inverse({0: function(vector)})[0], found, atol=1e-12, err_msg=str(function)
        )


def test_divergence_and_curl_agree_with_finite_differences():
    vector = random_vector(3)
    theta, phi = np.random.default_rng(0).uniform(0.2, 2.9, (2, 20))

    def synthesise(coefficients, spin, theta, phi):
        harmonics = st.spin_spherical_harmonics(BAND_LIMIT, spin, theta, phi)
        return np.einsum("lm,...lm->...", np.asarray(coefficients[0, :, :, 0]), harmonics)

    def components(theta, phi):
        field = {spin: jnp.asarray(synthesise(a, spin, theta, phi)) for spin, a in vector.items()}
        return (np.asarray(part) for part in spin_to_vector(field, real=False))

    step = 1e-5
    (south_t, south_p), (north_t, north_p) = (components(theta + h, phi) for h in (step, -step))
    (east_t, east_p), (west_t, west_p) = (components(theta, phi + h) for h in (step, -step))
    sine = np.sin(theta)
    up, down = np.sin(theta + step), np.sin(theta - step)
    by_difference = {
        divergence: up * south_t - down * north_t + east_p - west_p,
        curl: up * south_p - down * north_p - east_t + west_t,
    }
    for function, difference in by_difference.items():
        found = synthesise(function(vector), 0, theta, phi)
        np.testing.assert_allclose(found, difference / (2 * step * sine), atol=1e-6)


def test_identities():
    scalar, ell = random_scalar(), jnp.arange(BAND_LIMIT)[None, :, None, None]
    expected = -ell * (ell + 1) * scalar
    np.testing.assert_allclose(divergence(gradient(scalar)), expected, atol=1e-12)
    np.testing.assert_allclose(curl(rotated_gradient(scalar)), expected, atol=1e-12)
    np.testing.assert_allclose(laplacian({0: scalar})[0], expected, atol=1e-12)
    np.testing.assert_allclose(curl(gradient(scalar)), 0 * scalar, atol=1e-12)
    np.testing.assert_allclose(divergence(rotated_gradient(scalar)), 0 * scalar, atol=1e-12)


def test_the_laplacian_of_any_spin_is_the_mean_of_the_two_orders():
    coefficients = random_coefficients(0, {2: 1, -1: 1}, BAND_LIMIT)
    raised = st.lower_spin(st.raise_spin(coefficients))
    lowered = st.raise_spin(st.lower_spin(coefficients))
    for spin, values in laplacian(coefficients).items():
        np.testing.assert_allclose(values, (raised[spin] + lowered[spin]) / 2, atol=1e-12)


def test_a_real_vector_field_needs_spin_1_alone():
    plus = random_vector()[1]
    both = {1: plus, -1: conjugate_coefficients({1: plus})[-1]}
    for function in (divergence, curl):
        alone = function({1: plus})
        np.testing.assert_array_equal(alone, function(both))
        # Of a real vector field the divergence is real.
        np.testing.assert_allclose(alone, conjugate_coefficients({0: alone})[0], atol=1e-13)


def test_the_divergence_theorem_and_adjointness(transform):
    vector, scalar = random_vector(), random_scalar(1)
    total = integrate(transform.inverse({0: divergence(vector)})[0], GRID)
    np.testing.assert_allclose(total, 0 * total, atol=1e-11)
    for derivative, adjoint in ((gradient, divergence), (rotated_gradient, curl)):
        products = inner_product(derivative(scalar), vector)
        left = (products[1] + products[-1]) / 2
        right = inner_product({0: scalar}, {0: adjoint(vector)})[0]
        np.testing.assert_allclose(left, -right, rtol=1e-11)


def test_derivatives_work_compiled_in_float32():
    scalar = random_scalar().astype(jnp.complex64)
    found = jax.jit(lambda a: divergence(gradient(a)))(scalar)
    assert found.dtype == jnp.complex64
    np.testing.assert_allclose(found, laplacian({0: scalar})[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vector_to_spin(jnp.ones(3), jnp.ones(4)), "one shape"),
        (lambda: spin_to_vector({-1: jnp.ones(3)}), "has spins \\[-1\\]"),
        (lambda: divergence({0: jnp.ones((1, 4, 7, 1))}), "has spin 1|have spins \\[0\\]"),
        (lambda: curl(jnp.ones((1, 4, 7, 1))), "mapping from spin"),
        (lambda: laplacian({0: jnp.ones((1, 4, 4, 1))}), "2 L - 1"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
