import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sphere_transforms as st
from sphere_transforms import reference

ANGLES = (0.3, 1.1, -2.2)


def directions(theta, phi):
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)


@pytest.mark.parametrize("spin", [-1, 0, 2])
def test_agrees_with_the_definition(spin):
    with jax.enable_x64(True):
        coefficients = st.random_coefficients(jax.random.key(0), {spin: 1}, 8)
        found = st.rotate_coefficients(coefficients, ANGLES)[spin][0, :, :, 0]
        expected = reference.rotate(np.asarray(coefficients[spin][0, :, :, 0]), ANGLES)
        np.testing.assert_allclose(found, expected, atol=1e-13)


def test_a_scalar_field_is_carried_along():
    # f'(x) = f(R^-1 x), evaluated point by point.
    coefficients = np.asarray(st.random_coefficients(jax.random.key(0), {0: 1}, 6)[0])
    rotated = np.asarray(st.rotate_coefficients({0: jnp.asarray(coefficients)}, ANGLES)[0])
    points = np.random.default_rng(0).uniform([0, 0], [np.pi, 2 * np.pi], (10, 2))
    back = directions(*points.T) @ st.rotation_matrix(ANGLES)
    theta, phi = np.arccos(back[:, 2]), np.arctan2(back[:, 1], back[:, 0])

    def evaluate(values, theta, phi):
        return np.einsum(
            "lm,plm->p", values[0, :, :, 0], st.spin_spherical_harmonics(6, 0, theta, phi)
        )

    np.testing.assert_allclose(
        evaluate(rotated, *points.T), evaluate(coefficients, theta, phi), atol=1e-5
    )


def test_a_tangent_vector_turns_with_the_surface():
    # The gradient of the turned scalar is the turned gradient: so spin 1 turns as a vector does.
    scalar = st.random_coefficients(jax.random.key(0), {0: 1}, 6)[0]
    turn_first = st.gradient(st.rotate_coefficients({0: scalar}, ANGLES)[0])
    turn_after = st.rotate_coefficients(st.gradient(scalar), ANGLES)
    for spin in (1, -1):
        np.testing.assert_allclose(turn_first[spin], turn_after[spin], atol=2e-5)


def test_one_rotation_for_each_example_and_traced_angles():
    coefficients = st.random_coefficients(jax.random.key(0), {1: 2}, 6, batch=3)
    angles = st.random_euler_angles(jax.random.key(1), (3,))
    together = jax.jit(st.rotate_coefficients)(coefficients, angles)[1]
    for example in range(3):
        alone = st.rotate_coefficients(
            {1: coefficients[1][example : example + 1]}, tuple(a[example] for a in angles)
        )[1][0]
        np.testing.assert_allclose(together[example], alone, atol=1e-5)


def test_rotating_back_is_the_identity_in_float32():
    coefficients = st.random_coefficients(jax.random.key(0), {0: 1, 1: 1}, 32)
    alpha, beta, gamma = ANGLES
    there = st.rotate_coefficients(coefficients, ANGLES)
    back = st.rotate_coefficients(there, (-gamma, -beta, -alpha))
    for spin in (0, 1):
        error = jnp.linalg.norm(back[spin] - coefficients[spin])
        assert error / jnp.linalg.norm(coefficients[spin]) < 2e-6


@pytest.mark.parametrize("source", [np.random.default_rng(0), jax.random.key(0)])
def test_random_rotations_are_uniform(source):
    # The columns of a uniform rotation are uniform on the sphere: mean 0, covariance 1/3.
    matrices = st.rotation_matrix(st.random_euler_angles(source, (40_000,)))
    np.testing.assert_allclose(matrices.mean(0), 0, atol=0.015)
    np.testing.assert_allclose((matrices**2).mean(0), 1 / 3, atol=0.015)
    np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-5)


def test_rotation_matrix_turns_actively_in_the_order_zyz():
    np.testing.assert_allclose(
        st.rotation_matrix((np.pi / 2, 0, 0)) @ [1, 0, 0], [0, 1, 0], atol=1e-15
    )
    np.testing.assert_allclose(
        st.rotation_matrix((np.pi / 2, np.pi / 2, 0)) @ [0, 0, 1], [0, 1, 0], atol=1e-15
    )


def test_an_array_that_is_no_coefficients_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 12, 12, 3\).*2 L - 1"):
        st.rotate_coefficients({0: jnp.ones((2, 12, 12, 3), jnp.complex64)}, ANGLES)


def test_angles_that_do_not_fit_the_batch_are_refused():
    coefficients = st.random_coefficients(jax.random.key(0), {0: 1}, 4, batch=3)
    with pytest.raises(ValueError, match=r"shape \(2,\).*batch of 3"):
        st.rotate_coefficients(coefficients, (np.zeros(2), 0.0, 0.0))
