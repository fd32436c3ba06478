"""Turning what is sampled against turning coefficients, and gradients against slow references."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import sphere_transforms
from sphere_transforms import EquiangularGrid, GaussLegendreGrid, random_euler_angles
from spin_data import project_gradients, project_images, sample_scalar, sample_vector

GRID = EquiangularGrid(16)
RNG = np.random.default_rng(0)


def scalar(directions):
    """A polynomial of degree 5 in (x, y, z): band-limited, with no symmetry."""
    x, y, z = directions
    return x * y**2 * z**2 + 0.7 * x**3 - 0.4 * y * z + 0.2 * z + 0.3 * x


def vectors(directions):
    """A gradient, a field without divergence, and a radial part that must not count."""
    x, y, z = directions
    gradient = [
        y**2 * z**2 + 2.1 * x**2 + 0.3,
        2 * x * y * z**2 - 0.4 * z,
        2 * x * y**2 * z - 0.4 * y + 0.2,
    ]
    around = np.cross(directions, [0.5 * x * y, z**2 - 0.2, x], axis=0)
    return np.stack(gradient) + around + 0.9 * x * z * directions


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("grid", [GRID, GaussLegendreGrid(8)], ids=["equiangular", "gauss"])
@given(angles=st.tuples(st.floats(-7, 7), st.floats(-4, 4), st.floats(-7, 7)))
@settings(max_examples=15, deadline=None)
def test_turning_samples_is_turning_coefficients(grid, angles):
    angles = tuple(np.array([angle]) for angle in angles)
    with jax.enable_x64(True):
        transform = sphere_transforms.SpinTransform(grid, (0, 1))
        field = {0: sample_scalar(scalar, grid), 1: sample_vector(vectors, grid)}
        found = {0: sample_scalar(scalar, grid, angles), 1: sample_vector(vectors, grid, angles)}
        expected = sphere_transforms.rotate_field(
            transform, {spin: values[..., None] for spin, values in field.items()}, angles
        )
        for spin in (0, 1):
            assert relative(found[spin], np.asarray(expected[spin])[..., 0]) < 1e-12


def test_turning_samples_is_turning_coefficients_in_float32_to_1e_6():
    angles = random_euler_angles(RNG, (8,))
    transform = sphere_transforms.SpinTransform(GRID, (0, 1))
    field = {
        0: np.repeat(sample_scalar(scalar, GRID), 8, axis=0).astype(np.float32)[..., None],
        1: np.repeat(sample_vector(vectors, GRID), 8, axis=0).astype(np.complex64)[..., None],
    }
    turned = sphere_transforms.rotate_field(transform, field, angles)
    assert relative(turned[0][..., 0], sample_scalar(scalar, GRID, angles)) < 1e-6
    assert relative(turned[1][..., 0], sample_vector(vectors, GRID, angles)) < 1e-6


def test_the_gradient_of_a_scalar_is_the_vectors():
    """The components' signs and order are those of the transforms' own gradient."""

    def gradient(directions):
        x, y, z = directions
        return np.stack(
            [
                y**2 * z**2 + 2.1 * x**2 + 0.3,
                2 * x * y * z**2 - 0.4 * z,
                2 * x * y**2 * z - 0.4 * y + 0.2,
            ]
        )

    with jax.enable_x64(True):
        transform = sphere_transforms.SpinTransform(GRID, (0, 1))
        coefficients = transform.forward({0: sample_scalar(scalar, GRID)[..., None]})
        expected = transform.inverse({1: sphere_transforms.gradient(coefficients[0])[1]})[1]
    assert relative(sample_vector(gradient, GRID), np.asarray(expected)[..., 0]) < 1e-12


def gradient_slowly(image, grid, rotation):
    """Point by point: central differences, bilinear weights, and the map's derivative by steps."""
    side, step = len(image), 1e-5
    padded = np.pad(image, 1)
    per_pixel = side / 3
    planar = np.stack(
        [
            (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2 * per_pixel,
            (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2 * per_pixel,
        ]
    )
    result = np.zeros(grid.shape, complex)
    for i, theta in enumerate(grid.colatitudes):
        for j, phi in enumerate(grid.longitudes):
            point = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]
            south = [np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), -np.sin(theta)]
            east = [-np.sin(phi), np.cos(phi), 0]
            back = rotation.inv().apply([point, south, east])
            x, y, z = back[0]
            if z > 0:
                continue
            plane_x, plane_y = 2 * x / (1 - z), 2 * y / (1 - z)
            value = np.zeros(2)
            for row in range(side):
                for column in range(side):
                    weight_x = max(0, 1 - abs(plane_x + 1.5 - 3 * (column + 0.5) / side) * side / 3)
                    weight_y = max(0, 1 - abs(plane_y + 1.5 - 3 * (row + 0.5) / side) * side / 3)
                    value += weight_x * weight_y * planar[:, row, column]
            along = []
            for direction in back[1:]:
                x, y, z = back[0] + step * direction
                moved = np.array([2 * x / (1 - z), 2 * y / (1 - z)])
                along.append((moved - [plane_x, plane_y]) / step @ value)
            result[i, j] = along[0] + 1j * along[1]
    return result


def test_gradients_equal_the_slow_reference():
    images = RNG.uniform(size=(3, 5, 5))
    angles = random_euler_angles(RNG, (3,))
    expected = np.stack(
        [
            gradient_slowly(image, GRID, Rotation.from_euler("ZYZ", triple))
            for image, triple in zip(images, np.stack(angles, axis=-1), strict=True)
        ]
    )
    found = project_gradients(images, GRID, angles)
    assert found.dtype == np.complex64
    np.testing.assert_allclose(found, expected, atol=1e-4)
    expected = np.stack([gradient_slowly(each, GRID, Rotation.identity()) for each in images])
    np.testing.assert_allclose(project_gradients(images, GRID), expected, atol=1e-4)


@pytest.mark.parametrize("turned", [False, True])
def test_gradients_of_a_smooth_picture_are_those_of_its_projection(turned):
    """A wide bump within the picture: its projection's gradient by the transforms, to 2%."""
    side, grid = 128, EquiangularGrid(64)
    centers = -1.5 + 3 * (np.arange(side) + 0.5) / side
    x, y = np.meshgrid(centers, centers)
    image = np.exp(-((x - 0.2) ** 2 + 2 * (y + 0.1) ** 2) / 0.1)[None]
    angles = random_euler_angles(np.random.default_rng(3), (1,)) if turned else None
    transform = sphere_transforms.SpinTransform(grid, (0, 1))
    field = project_images(image, grid, angles)[..., None]
    coefficients = sphere_transforms.gradient(transform.forward({0: field})[0])
    expected = transform.inverse({1: coefficients[1]})[1][..., 0]
    assert relative(project_gradients(image, grid, angles), np.asarray(expected)) < 0.02


def test_gradients_take_channels_and_chunks():
    images = RNG.integers(0, 256, (40, 8, 8, 2), dtype=np.uint8)
    grid = EquiangularGrid(64)
    for angles in (None, random_euler_angles(RNG, (40,))):
        found = project_gradients(images, grid, angles)
        assert found.shape == (40, 64, 64, 2)
        for channel in range(2):
            alone = project_gradients(images[..., channel], grid, angles)
            np.testing.assert_allclose(found[..., channel], alone, atol=1e-2)


def test_bad_angles_are_refused():
    with pytest.raises(ValueError, match=r"angles have shapes \[\(2,\), \(3,\), \(2,\)\]"):
        sample_scalar(scalar, GRID, (np.zeros(2), np.zeros(3), np.zeros(2)))
    with pytest.raises(ValueError, match="beta, of dtype float64, must be real and finite"):
        sample_vector(vectors, GRID, (np.zeros(1), np.array([np.nan]), np.zeros(1)))
