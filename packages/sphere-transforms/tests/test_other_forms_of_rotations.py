"""Rotations as matrices, quaternions and scipy's objects."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import random_coefficients
from scipy.spatial.transform import Rotation

import sphere_transforms as st

ROTATIONS = Rotation.random(20, random_state=1)
# Where beta is 0 or pi, only the sum or the difference of the other angles is determined.
AXES = [np.diag(signs) for signs in ([1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1])]


@pytest.mark.parametrize("form", [ROTATIONS, ROTATIONS.as_matrix(), ROTATIONS.as_quat()])
def test_the_angles_make_the_rotation(form):
    angles = st.euler_angles(form)
    np.testing.assert_allclose(st.rotation_matrix(angles), ROTATIONS.as_matrix(), atol=1e-14)
    assert all(angle.dtype == np.float64 for angle in angles)
    scipy = ROTATIONS.as_euler("ZYZ")
    np.testing.assert_allclose(angles[1], scipy[:, 1], atol=1e-14)


@pytest.mark.parametrize("matrix", AXES)
def test_at_the_poles_gamma_is_zero(matrix):
    alpha, beta, gamma = st.euler_angles(matrix.astype(float))
    assert gamma == 0
    np.testing.assert_allclose(st.rotation_matrix((alpha, beta, gamma)), matrix, atol=1e-15)


def test_the_field_turns_as_the_points_do():
    rotation = ROTATIONS[0]
    coefficients = random_coefficients(0, {0: 1}, 6)
    rotated = st.rotate_coefficients(coefficients, st.euler_angles(rotation))
    point = np.array([0.36, 0.48, 0.8])
    moved = rotation.apply(point)

    def value(coefficients, point):
        theta, phi = np.arccos(point[2]), np.arctan2(point[1], point[0])
        return st.evaluate(coefficients, theta, phi)[0]

    np.testing.assert_allclose(value(rotated, moved), value(coefficients, point), atol=1e-4)


def test_traced_and_differentiated():
    with jax.enable_x64(True):
        angles = jnp.array([0.4, 1.1, -2.0])
        there_and_back = jax.jacobian(lambda x: jnp.stack(st.euler_angles(st.rotation_matrix(x))))
        np.testing.assert_allclose(there_and_back(angles), np.eye(3), atol=1e-14)
        slope = jax.jacobian(lambda beta: st.rotation_matrix((0.0, beta, 0.0)))(0.0)
        np.testing.assert_allclose(slope, [[0, 0, 1], [0, 0, 0], [-1, 0, 0]], atol=1e-15)


@pytest.mark.parametrize(
    ("rotation", "message"),
    [
        (np.ones((3, 3)), "the matrix is no rotation"),
        (-np.eye(3), "the matrix is no rotation"),
        (np.full((3, 3), np.nan), "the matrix is no rotation"),
        (np.ones(4), "the quaternion is no rotation"),
        (np.ones(3), r"has shape \(3,\); give a matrix"),
    ],
)
def test_what_is_no_rotation_is_refused(rotation, message):
    with pytest.raises(ValueError, match=message):
        st.euler_angles(rotation)


@pytest.mark.parametrize("rotation", [np.array([0, 0, 0, 1.0]), ROTATIONS[0]])
def test_functions_of_angles_name_the_conversion(rotation):
    coefficients = random_coefficients(0, {0: 1}, 2)
    with pytest.raises(ValueError, match="euler_angles"):
        st.rotate_coefficients(coefficients, rotation)
