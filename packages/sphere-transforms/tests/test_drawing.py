import sys

import numpy as np
import pytest
from drawn_fields import random_coefficients

import sphere_transforms as st
from sphere_transforms.drawing import draw_field, field_map
from sphere_transforms.grids import HealpixGrid

GRIDS = [st.EquiangularGrid(32), HealpixGrid(8)]


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def arrows_of(image):
    """Places and directions of all glyphs: arrays x, y, across, up."""
    from matplotlib.quiver import Quiver

    glyphs = [child for child in image.axes.get_children() if isinstance(child, Quiver)]
    return [
        np.concatenate([np.asarray(part) for part in parts])
        for parts in zip(*((g.X, g.Y, g.U, g.V) for g in glyphs), strict=True)
    ]


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: type(grid).__name__)
def test_the_top_of_cos_theta_is_the_last_colour_and_the_bottom_the_first(plt, grid):
    values = np.cos(grid.points[0])
    image = draw_field(values, grid, center=(np.pi / 2, 0), shading=False, graticule=False)
    np.testing.assert_allclose(image.get_clim(), (-values.max(), values.max()))
    figure = image.figure
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba()) / 255
    left, top = image.axes.transData.transform([(0, 0.93), (0, -0.93)]).T
    rows = pixels.shape[0] - top.astype(int)
    for row, column, value in zip(rows, left.astype(int), (0.93, -0.93), strict=True):
        expected = image.to_rgba(value)
        np.testing.assert_allclose(pixels[row, column, :3], expected[:3], atol=0.04)


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: type(grid).__name__)
@pytest.mark.parametrize(
    ("projection", "outside"),
    [("orthographic", 1 - np.pi / 4), ("mollweide", 1 - np.pi / 4), ("equirectangular", 0)],
)
def test_the_picture_is_the_field_everywhere(plt, grid, projection, outside):
    def function(theta, phi):
        return np.sin(theta) * np.cos(phi - 1) - np.cos(theta) / 2

    image = draw_field(function(*grid.points), grid, projection=projection, num_pixels=160)
    picture = image.get_array()
    assert picture.mask.mean() == pytest.approx(outside, abs=0.05)
    projected = field_map._projection(projection, (np.pi / 3, 0.0))
    x, y = field_map._pixel_centres(projected, 160)
    theta, phi, inside = projected.to_sphere(x, y)
    assert not picture.mask[inside].any()
    np.testing.assert_allclose(picture[inside], function(theta, phi)[inside], atol=0.03)


@pytest.mark.parametrize("spin", [1, -1])
@pytest.mark.parametrize("projection", ["orthographic", "mollweide", "equirectangular"])
def test_eastward_vectors_point_to_the_right(plt, spin, projection):
    # v_phi = 1 along the equator: i for spin 1, -i for its conjugate.
    grid = GRIDS[0]
    values = 1j * spin * np.sin(grid.points[0])
    image = draw_field(values, grid, spin=spin, projection=projection, center=(np.pi / 2, 2.0))
    x, y, across, up = arrows_of(image)
    middle = np.hypot(x, y) < 0.3
    assert middle.sum() > 5
    assert (across[middle] > 0.03).all()
    assert (np.abs(up[middle]) < 1e-3 + 0.2 * across[middle]).all()
    np.testing.assert_allclose(image.get_clim(), (0, 1), atol=2e-3)


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: type(grid).__name__)
def test_gradients_point_uphill(plt, grid):
    coefficients = random_coefficients(1, {0: 1}, 4, real_scalars=True)[0]
    theta, phi = grid.points

    def synthesise(values, spin):
        harmonics = st.spin_spherical_harmonics(4, spin, theta, phi)
        return np.einsum("lm,...lm->...", np.asarray(values[0, :, :, 0]), harmonics)

    scalar = synthesise(coefficients, 0).real
    hill = draw_field(scalar, grid, num_pixels=400).get_array()
    image = draw_field(synthesise(st.gradient(coefficients)[1], 1), grid, spin=1)
    x, y, across, up = arrows_of(image)
    size = np.hypot(across, up)
    steep = (np.hypot(x, y) < 0.85) & (size > 0.5 * size.max())
    column, row = (np.round((1 + a) * 200 - 0.5).astype(int) for a in (x, -y))
    slope_up, slope_across = np.gradient(hill.filled(0))
    slopes = slope_across[row, column] * across / size - slope_up[row, column] * up / size
    assert steep.sum() > 20
    assert (slopes[steep] > 0.8 * np.hypot(slope_up, slope_across)[row, column][steep]).all()


def test_spin_2_is_lines_and_spin_3_three_spokes(plt):
    grid = GRIDS[0]
    ones = np.sin(grid.points[0]) ** 2 + 0j
    # Angle 0: north to south. Angle pi: turned by pi / 2, east to west.
    for values, direction in ((ones, (0, 1)), (-ones, (1, 0))):
        image = draw_field(values, grid, spin=2, center=(np.pi / 2, 0), num_glyphs=200)
        x, y, across, up = arrows_of(image)
        middle = np.hypot(x, y) < 0.3
        size = np.hypot(across, up)[middle]
        np.testing.assert_allclose(np.abs(across[middle]) / size, direction[0], atol=0.2)
        np.testing.assert_allclose(np.abs(up[middle]) / size, direction[1], atol=0.2)
    image = draw_field(ones, grid, spin=3, center=(np.pi / 2, 0), num_glyphs=200)
    x, y, across, up = arrows_of(image)
    middle = np.hypot(x, y) < 0.2
    angles = np.degrees(np.arctan2(up, across))[middle]
    np.testing.assert_allclose(np.unique(np.round(angles, -1)), [-90, 30, 150])


def test_options_and_axes_of_ones_own(plt):
    _, (left, right) = plt.subplots(1, 2)
    grid = GRIDS[1]
    values = 1 + np.sin(grid.points[0])
    image = draw_field(values, grid, ax=left, limits=(0, 3), colormap="magma", nearest=True)
    assert image.axes is left
    assert image.get_cmap().name == "magma"
    assert image.get_clim() == (0, 3)
    assert np.isin(image.get_array().compressed(), values).all()
    image = draw_field(0j * values, grid, ax=right, spin=1, num_glyphs=0)
    image.figure.canvas.draw()
    plt.colorbar(image)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: draw_field(np.ones((1, 32, 32, 1)), GRIDS[0]), "one example and channel"),
        (lambda: draw_field(np.ones(32), GRIDS[1]), "\\(768,\\)"),
        (lambda: draw_field(np.ones(768) + 0j, GRIDS[1]), "their .real"),
        (lambda: draw_field(np.ones(768), GRIDS[1], projection="globe"), "choose 'orthographic'"),
    ],
)
def test_bad_arguments(plt, make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "sphere-transforms\[plot\]"'):
        draw_field(np.ones(768), GRIDS[1])
