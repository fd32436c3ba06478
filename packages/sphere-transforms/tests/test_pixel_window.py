"""Window functions of HEALPix pixels against their definition, and against averaged maps."""

import importlib

import healpy
import numpy as np
import pytest

import sphere_transforms as st
from sphere_transforms.grids.healpix_faces import on_the_sphere

module = importlib.import_module("sphere_transforms.calculus.pixel_window")


def averages_over_subpixels(nside, band_limit, spin, fineness):
    """The definition, with the centres of fineness^2 smaller pixels for each pixel's area."""
    fine = nside * fineness
    points = healpy.pix2ang(fine, np.arange(12 * fine**2), nest=True)
    theta, phi = (angle.reshape(-1, fineness**2) for angle in points)
    harmonics = [
        st.spin_spherical_harmonics(band_limit, spin, *pixel).mean(0)
        for pixel in zip(theta, phi, strict=True)
    ]
    power = np.mean(np.sum(np.abs(harmonics) ** 2, axis=-1), axis=0)
    return np.sqrt(4 * np.pi / (2 * np.arange(band_limit) + 1) * power)


@pytest.mark.parametrize("spin", [0, 2, -3])
def test_agrees_with_the_definition(spin):
    coarse, fine = (averages_over_subpixels(2, 9, spin, fineness) for fineness in (8, 16))
    found = st.pixel_window(st.HealpixGrid(2), 9, spin)
    # The definition's error is that of the midpoint rule, which Richardson's extrapolation removes.
    np.testing.assert_allclose(found, fine + (fine - coarse) / 3, atol=3e-4)
    assert np.abs(found - coarse).max() > 3e-3


def test_averaged_maps_have_the_power_that_it_says():
    """A map of one degree, averaged over larger pixels by healpy."""
    nside, ell = 4, 10
    rng = np.random.default_rng(0)
    window = st.pixel_window(st.HealpixGrid(nside), 4 * nside + 1)
    lmax = 2 * ell
    powers = []
    for _ in range(40):
        alm = np.zeros(healpy.Alm.getsize(lmax), complex)
        orders = np.arange(ell + 1)
        values = rng.normal(size=ell + 1) + 1j * rng.normal(size=ell + 1) * (orders > 0)
        values[0] *= np.sqrt(2)
        alm[healpy.Alm.getidx(lmax, ell, orders)] = values
        fine = healpy.alm2map(alm, 16 * nside)
        powers.append(np.mean(healpy.ud_grade(fine, nside) ** 2) / np.mean(fine**2))
    assert np.mean(powers) == pytest.approx(window[ell] ** 2, rel=0.01)


@pytest.mark.parametrize("spin", [0, 2])
def test_large_grids_are_extrapolated(monkeypatch, spin):
    exact = st.pixel_window(st.HealpixGrid(24), 97, spin)
    monkeypatch.setattr(module, "_EXACT", (4, 8, 16))
    module._weights_of_distances.cache_clear()
    extrapolated = st.pixel_window(st.HealpixGrid(24), 97, spin)
    vast = st.pixel_window(st.HealpixGrid(1000), 10, spin)
    module._weights_of_distances.cache_clear()
    assert 0 < np.abs(extrapolated - exact).max() < 5e-5
    assert np.all(np.diff(vast[spin:]) < 0)
    assert 1 - 1e-5 < vast[spin] < 1 + 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("spin", [0, 1, 2])
def test_the_error_of_the_extrapolation_is_as_documented(monkeypatch, spin):
    extrapolated = st.pixel_window(st.HealpixGrid(128), 513, spin)
    monkeypatch.setattr(module, "_EXACT", (128,))
    module._weights_of_distances.cache_clear()
    exact = st.pixel_window(st.HealpixGrid(128), 513, spin)
    module._weights_of_distances.cache_clear()
    assert 0 < np.abs(extrapolated - exact).max() < 2e-6


def test_a_constant_stays_and_what_has_no_harmonic_is_zero():
    assert st.pixel_window(st.HealpixGrid(1), 1) == pytest.approx([1], abs=1e-12)
    window = st.pixel_window(st.HealpixGrid(4), spin=2)
    assert window.shape == (8,)
    np.testing.assert_array_equal(window[:2], 0)
    assert np.all(np.diff(window[2:]) < 0)


def test_centres_of_pixels_are_those_of_the_grid():
    for nside in (1, 2, 3, 5):
        face, x, y = np.indices((12, nside, nside)).reshape(3, -1)
        theta, phi = on_the_sphere(face, (x + 0.5) / nside, (y + 0.5) / nside)
        grid = st.HealpixGrid(nside)
        found = {tuple(np.round(point, 9)) for point in zip(theta, phi, strict=True)}
        assert found == {tuple(np.round(point, 9)) for point in zip(*grid.points, strict=True)}
    theta, _ = on_the_sphere(np.array([0, 8]), np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    np.testing.assert_allclose(theta, [0, np.pi])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((st.EquiangularGrid(8),), "give a HealpixGrid"),
        ((st.HealpixGrid(4), 18), "from 1 to 17"),
        ((st.HealpixGrid(4), 4, 4), "only spins"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        st.pixel_window(*arguments)
