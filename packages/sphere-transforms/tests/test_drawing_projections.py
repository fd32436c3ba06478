import numpy as np
import pytest

from sphere_transforms.drawing.projections import Equirectangular, Mollweide, Orthographic

RNG = np.random.default_rng(0)
THETA, PHI = np.arccos(RNG.uniform(-1, 1, 500)), RNG.uniform(0, 2 * np.pi, 500)
PROJECTIONS = [Orthographic((1.0, 2.0)), Mollweide(2.0), Equirectangular(2.0)]


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: type(p).__name__)
def test_there_and_back(projection):
    x, y, visible = projection.to_plane(THETA, PHI)
    assert visible.mean() == pytest.approx(0.5 if projection is PROJECTIONS[0] else 1, abs=0.1)
    theta, phi, inside = projection.to_sphere(x[visible], y[visible])
    assert inside.all()
    np.testing.assert_allclose(theta, THETA[visible], atol=1e-9)
    np.testing.assert_allclose(phi, PHI[visible], atol=1e-6)
    assert not projection.to_sphere(np.array(2.5), np.array(0.9))[2]


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: type(p).__name__)
def test_north_is_up_and_east_to_the_right(projection):
    theta, phi = np.array([1.0, 0.9, 1.0]), np.array([2.0, 2.0, 2.1])
    x, y, _ = projection.to_plane(theta, phi)
    assert x[0] == pytest.approx(0, abs=1e-12)
    assert y[1] > y[0] + 0.05
    assert x[2] > 0.04


def test_mollweide_keeps_areas():
    # A cap's share of the sphere is its share of the ellipse.
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(-2, 2, 801), np.linspace(-1, 1, 401)))
    theta, _, inside = Mollweide(0.0).to_sphere(x, y)
    assert np.mean(theta[inside] < 0.8) == pytest.approx((1 - np.cos(0.8)) / 2, abs=2e-3)
