"""The projection against a slow loop over points, known positions, and its symmetries."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sphere_transforms import EquiangularGrid, HealpixGrid, random_euler_angles
from spin_data import project_as_published, project_gradients, project_images

GRID = EquiangularGrid(16)
RNG = np.random.default_rng(0)


def on_the_plane(grid, rotation):
    """Yields, point by point of the lower hemisphere, its index and its place on the plane."""
    for i, theta in enumerate(grid.colatitudes):
        for j, phi in enumerate(grid.longitudes):
            point = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]
            x, y, z = rotation.inv().apply(point)
            if z <= 0:
                yield (i, j), 2 * x / (1 - z), 2 * y / (1 - z)


def project_slowly(image, grid, rotation):
    """One image, point by point and pixel by pixel, with nothing clever."""
    side = len(image)
    result = np.zeros(grid.shape)
    for index, plane_x, plane_y in on_the_plane(grid, rotation):
        for row in range(side):
            for column in range(side):
                center_x = -1.5 + 3 * (column + 0.5) / side
                center_y = -1.5 + 3 * (row + 0.5) / side
                weight_x = max(0, 1 - abs(plane_x - center_x) * side / 3)
                weight_y = max(0, 1 - abs(plane_y - center_y) * side / 3)
                result[index] += weight_x * weight_y * image[row, column]
    return result


def test_pixels_of_healpix_show_what_the_slow_reference_does():
    class Ring(NamedTuple):
        """One pixel of the grid, as a grid of one ring."""

        colatitudes: np.ndarray
        longitudes: np.ndarray
        shape: tuple[int, int] = (1, 1)

    grid = HealpixGrid(4)
    images = RNG.uniform(size=(2, 5, 5, 2))
    angles = random_euler_angles(RNG, (2,))
    found = project_images(images, grid, angles)
    assert found.shape == (2, 192, 2)
    for number, triple in enumerate(np.stack(angles, axis=-1)):
        rotation = Rotation.from_euler("ZYZ", triple)
        for pixel in range(0, 192, 5):
            point = Ring(grid.colatitudes[[pixel]], grid.longitudes[[pixel]])
            expected = project_slowly(images[number, ..., 1], point, rotation)
            np.testing.assert_allclose(found[number, pixel, 1], expected[0, 0], atol=1e-6)
    gradients = project_gradients(images, grid, angles)
    assert gradients.shape == (2, 192, 2)
    alone = project_gradients(images[:1, ..., 1], grid, [angle[:1] for angle in angles])
    np.testing.assert_array_equal(gradients[:1, ..., 1], alone)


def test_equals_the_slow_reference():
    images = RNG.uniform(size=(4, 5, 5))
    angles = random_euler_angles(RNG, (4,))
    expected = [
        project_slowly(image, GRID, Rotation.from_euler("ZYZ", triple))
        for image, triple in zip(images, np.stack(angles, axis=-1), strict=True)
    ]
    np.testing.assert_allclose(project_images(images, GRID, angles), expected, atol=1e-6)
    expected = [project_slowly(image, GRID, Rotation.identity()) for image in images]
    np.testing.assert_allclose(project_images(images, GRID), expected, atol=1e-6)


def draw_slowly_as_published(image, grid, rotation):
    """The script's rule, point by point: between the pixels before and after the one fallen in."""
    side = len(image)
    result = np.zeros(grid.shape)

    def pixel(row, column):
        inside = 0 <= row < side and 0 <= column < side
        return image[row, column] if inside else 0.0

    for index, plane_x, plane_y in on_the_plane(grid, rotation):
        u, v = (side * (place + 1.5) / 3 for place in (plane_x, plane_y))
        a, b = int(np.floor(u + 1e-9)), int(np.floor(v + 1e-9))
        f, g = (u - a, v - b)
        upper = (1 - f) * pixel(b - 1, a - 1) + (1 + f) * pixel(b - 1, a + 1)
        lower = (1 - f) * pixel(b + 1, a - 1) + (1 + f) * pixel(b + 1, a + 1)
        result[index] = ((1 - g) * upper + (1 + g) * lower) / 4
    return result


def test_as_published_equals_the_slow_rule_stretched_to_bytes():
    images = RNG.integers(0, 200, (4, 9, 9), dtype=np.uint8)
    images[3] = 0
    angles = random_euler_angles(RNG, (4,))
    for turn in (angles, None):
        found = project_as_published(images, GRID, turn)
        assert found.dtype == np.uint8
        for k, image in enumerate(images):
            by = Rotation.identity()
            if turn is not None:
                by = Rotation.from_euler("ZYZ", [float(angle[k]) for angle in turn])
            slow = draw_slowly_as_published(image.astype(float), GRID, by)
            if slow.max() > 0:
                slow *= 255 / slow.max()
            # Fractions are dropped: where one is nearly whole, rounding decides.
            assert ((slow - found[k] > -0.01) & (slow - found[k] < 1.01)).all()
        assert (found[:3].max(axis=(1, 2)) == 255).all()
        assert (found[3] == 0).all()


def test_as_published_equals_the_scripts_own_output():
    """Six digits that jonkhler/s2cnn's script drew, on our grid, not on Driscoll and Healy's."""
    with np.load(Path(__file__).parent / "published_drawing.npz") as file:
        found = project_as_published(file["images"], EquiangularGrid(64), tuple(file["angles"]))
        difference = abs(found.astype(int) - file["drawn"])
    assert (difference > 0).mean() < 0.008
    assert (difference > 1).mean() < 2e-4


@pytest.mark.parametrize("scale", [1e-300, 1e-42, 3.0, 1e300])
def test_as_published_the_unit_of_an_image_is_no_matter(scale):
    images = RNG.uniform(size=(3, 6, 6))
    expected = project_as_published(images, GRID).astype(int)
    found = project_as_published(images * scale, GRID).astype(int)
    assert abs(found - expected).max() <= 1
    assert (found.max(axis=(1, 2)) == 255).all()


def test_as_published_channels_are_stretched_alike_and_batches_cut_as_needed():
    images = RNG.integers(1, 256, (70, 8, 8, 2), dtype=np.uint8)
    images[..., 1] //= 2
    grid = EquiangularGrid(64)
    angles = random_euler_angles(RNG, (70,))
    for turn in (None, angles):
        found = project_as_published(images, grid, turn)
        assert found.shape == (70, 64, 64, 2)
        assert (found.max(axis=(1, 2, 3)) == 255).all()
        assert (found[..., 1].max(axis=(1, 2)) < 160).all()
        last = None if turn is None else tuple(angle[69:] for angle in turn)
        np.testing.assert_array_equal(found[69:], project_as_published(images[69:], grid, last))
    assert project_as_published(images[:0], grid).shape == (0, 64, 64, 2)
    assert project_as_published(images[:0, ..., 0], grid, [angle[:0] for angle in angles]).size == 0


@pytest.mark.parametrize("side", [1, 2, 3])
def test_as_published_of_few_pixels(side):
    found = project_as_published(np.ones((1, side, side)), EquiangularGrid(64))
    assert found.max() == (255 if side > 1 else 0)  # pixels beside the only one are none


def test_as_published_refuses_what_is_below_zero():
    with pytest.raises(ValueError, match=r"the least value is -1.0, expected none below 0"):
        project_as_published(-np.ones((1, 4, 4)), GRID)


def test_south_pole_shows_the_center_and_the_northern_half_nothing():
    images = RNG.uniform(size=(3, 7, 7)).astype(np.float32)
    projected = project_images(images, GRID)
    np.testing.assert_allclose(
        projected[:, -1], np.repeat(images[:, 3, 3, None], 16, axis=1), atol=1e-6
    )
    assert projected.dtype == np.float32
    assert (projected[:, GRID.colatitudes < np.pi / 2] == 0).all()


def test_pixel_centers_are_where_the_formula_puts_them():
    """A grid ring through a pixel's centre reads that pixel's own value."""
    # With n = 16, theta = 13 pi / 15 lies 2 tan(pi / 15) from the south pole in the plane; a
    # picture of side N has its pixel right of the centre 3 / N away from it, N odd.
    grid, distance = EquiangularGrid(16), 2 * np.tan(np.pi / 15)
    side = 7  # 3 / 7 = 0.4286 and the ring's 0.4251: 0.992 of a pixel
    image = np.zeros((1, side, side))
    image[0, 3, 4] = 1
    ring = project_images(image, grid)[0, 13]
    assert ring[0] == pytest.approx(1 - (3 / side - distance) * side / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("row", "column", "longitude"), [(3, 5, 0), (5, 3, 4), (3, 1, 8), (1, 3, 12)]
)
def test_columns_run_along_x_and_rows_along_y(row, column, longitude):
    image = np.zeros((1, 7, 7))
    image[0, row, column] = 1
    projected = project_images(image, GRID)[0]
    assert np.unravel_index(projected.argmax(), projected.shape)[1] == longitude


def test_turning_about_z_rolls_along_longitude():
    images = RNG.uniform(size=(16, 6, 6))
    images[1:] = images[0]
    zero = np.zeros(16)
    for angles in ((GRID.longitudes, zero, zero), (zero, zero, GRID.longitudes)):
        turned = project_images(images, GRID, angles)
        for step, field in enumerate(turned):
            np.testing.assert_allclose(field, np.roll(turned[0], step, axis=1), atol=1e-6)
    np.testing.assert_allclose(turned[0], project_images(images, GRID)[0], atol=1e-6)


def test_half_a_turn_about_y_carries_the_image_to_the_north_pole():
    images = RNG.uniform(size=(2, 6, 6))
    upside_down = project_images(images, GRID, (np.zeros(2), np.full(2, np.pi), np.zeros(2)))
    # (x, y, z) -> (-x, y, -z): theta -> pi - theta, phi -> pi - phi.
    expected = project_images(images, GRID)[:, ::-1, (8 - np.arange(16)) % 16]
    np.testing.assert_allclose(upside_down, expected, atol=1e-6)


def test_a_constant_image_is_constant_within_and_zero_beyond_the_square():
    side = 12
    grid = EquiangularGrid(64)
    projected = project_images(np.ones((1, side, side)), grid)[0]
    theta, phi = np.meshgrid(grid.colatitudes, grid.longitudes, indexing="ij")
    radius = 2 / np.tan(np.maximum(theta, 1e-9) / 2)
    reach = np.maximum(abs(radius * np.cos(phi)), abs(radius * np.sin(phi)))
    south = theta > np.pi / 2
    half_pixel = 1.5 / side
    np.testing.assert_allclose(projected[south & (reach < 1.5 - half_pixel)], 1, atol=1e-6)
    assert (projected[south & (reach > 1.5 + half_pixel)] == 0).all()


def test_channels_and_integers_and_many_chunks():
    images = RNG.integers(0, 256, (70, 8, 8, 3), dtype=np.uint8)
    grid = EquiangularGrid(64)
    angles = random_euler_angles(RNG, (70,))
    for turn in (None, angles):
        projected = project_images(images, grid, turn)
        assert projected.shape == (70, 64, 64, 3)
        for channel in range(3):
            alone = project_images(images[..., channel].astype(float), grid, turn)
            np.testing.assert_allclose(projected[..., channel], alone, atol=1e-4)
    assert project_images(images[:0], grid).shape == (0, 64, 64, 3)


@pytest.mark.parametrize(
    ("images", "angles", "message"),
    [
        (np.zeros((2, 3)), None, r"shape \(2, 3\), expected \(batch, N, N\)"),
        (np.zeros((2, 3, 4)), None, r"shape \(2, 3, 4\)"),
        (np.full((2, 3, 3), np.nan), None, "images, of dtype float64, must be real and finite"),
        (np.zeros((2, 3, 3), complex), None, "complex128, must be real"),
        (np.zeros((2, 3, 3)), (0, 0, 0), r"expected three of \(2,\)"),
        (np.zeros((2, 3, 3)), np.zeros((2, 2)), r"expected three of \(2,\)"),
        (np.zeros((2, 3, 3)), np.full((3, 2), np.inf), "alpha, of dtype float64, must be real and"),
    ],
)
def test_what_does_not_fit_is_refused(images, angles, message):
    with pytest.raises(ValueError, match=message):
        project_images(images, GRID, angles)
