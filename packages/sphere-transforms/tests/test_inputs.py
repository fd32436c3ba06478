"""Inputs of other kinds: unseen pixels, lists, mappings, NumPy arrays, other numbers of orders."""

import healpy
import jax
import numpy as np
import pytest
from drawn_fields import random_coefficients

import sphere_transforms as st

HEALPIX = st.HealpixGrid(2)


def a_map():
    return np.ones((1, *HEALPIX.shape, 1), np.float32)


@pytest.mark.parametrize("bad", [healpy.UNSEEN, np.nan, -np.inf])
def test_unseen_pixels_are_refused_and_can_be_filled(bad):
    field = a_map()
    field[0, 3:5] = bad
    transform = st.SpinTransform(HEALPIX, (0, 1))
    with pytest.raises(ValueError, match=r"spin 0 has 2 of 48 values that are NaN.*fill_unseen"):
        transform.forward({0: field})
    with pytest.raises(ValueError, match=r"spin 1 has 2 of 48 values"):
        transform.forward({1: jax.lax.complex(a_map(), field)})
    filled = st.fill_unseen({0: field})
    mask = np.ones_like(field)
    mask[0, 3:5] = 0
    np.testing.assert_array_equal(filled[0], mask)
    transform.forward(filled)
    # Under jit the values are not known.
    assert np.isnan(jax.jit(transform.forward)({0: field * np.nan})[0]).any()


def test_healpys_arrays_with_fewer_orders():
    lmax, mmax, nside = 5, 2, 8
    rng = np.random.default_rng(0)
    size = healpy.Alm.getsize(lmax, mmax)
    assert size == 15  # also that of lmax = mmax = 4
    alm = rng.normal(size=size) + 1j * rng.normal(size=size)
    alm[: lmax + 1] = alm[: lmax + 1].real
    with jax.enable_x64(True):
        expected = healpy.alm2map(alm, nside, lmax=lmax, mmax=mmax)
        transform = st.SpinTransform(st.HealpixGrid(nside, lmax + 1), (0,))
        for limits in ({"lmax": lmax, "mmax": mmax}, {"mmax": mmax}):
            coefficients = st.from_healpy({0: alm}, **limits)
            found = transform.inverse(coefficients, real_scalars=True)[0][0, :, 0]
            np.testing.assert_allclose(found, expected, atol=1e-13)
            found = st.from_ducc0({0: alm[None]}, **limits)[0]
            np.testing.assert_array_equal(found, coefficients[0])
        assert st.from_healpy({0: alm})[0].shape == (1, 5, 9, 1)
    for limits in ({"lmax": 6, "mmax": 2}, {"lmax": 2, "mmax": 5}, {"lmax": 5}):
        with pytest.raises(ValueError, match=r"holds 15 values; lmax = \d and mmax = \d are"):
            st.from_healpy({0: alm}, **limits)
    with pytest.raises(ValueError, match="mmax is -1"):
        st.from_healpy({0: alm}, mmax=-1)


@pytest.mark.parametrize("method", ["tables", "recursion"])
@pytest.mark.parametrize("grid", [st.EquiangularGrid(8), st.McEwenWiauxGrid(4), HEALPIX], ids=repr)
def test_an_empty_batch_gives_an_empty_batch(grid, method):
    transform = st.SpinTransform(grid, (0, 1), method=method)
    field = {0: np.zeros((0, *grid.shape, 2), np.float32)}
    field[1] = field[0].astype(np.complex64)
    coefficients = transform.forward(field)
    assert coefficients[1].shape == (0, 4, 7, 2)
    assert transform.inverse(coefficients)[0].shape == (0, *grid.shape, 2)
    assert st.rotate_coefficients(coefficients, (0.1, 0.2, 0.3))[0].shape == (0, 4, 7, 2)
    assert st.evaluate(coefficients, np.zeros(3), np.zeros(3))[1].shape == (0, 3, 2)
    assert st.evaluate(coefficients, np.zeros(0), np.zeros(0))[1].shape == (0, 0, 2)


def test_other_band_limits_and_kinds_of_arguments_are_explained():
    transform = st.SpinTransform(st.EquiangularGrid(8), (0,))
    coefficients = random_coefficients(0, {0: 1}, 6)
    with pytest.raises(ValueError, match=r"change_band_limit\(coefficients, 4\)"):
        transform.inverse(coefficients)
    with pytest.raises(ValueError, match="field of spin 0 is a list, not an array: pass it"):
        transform.forward({0: np.ones((1, 8, 8, 1)).tolist()})
    with pytest.raises(ValueError, match=r"gradient: .* is a dict, not an array: give one array"):
        st.gradient(coefficients)
    with pytest.raises(ValueError, match=r"laplacian: .* spin 0 is a list"):
        st.laplacian({0: [1.0]})
    with pytest.raises(ValueError, match=r"rotate_coefficients: .* is a list"):
        st.rotate_coefficients({0: [1.0]}, (0, 0, 0))


def test_lists_are_taken_as_arrays_and_spins_keep_their_order():
    coefficients = st.random_coefficients(
        jax.random.key(0), {1: 1, 0: 1, -2: 1}, 4, power_spectrum={1: [1.0, 1.0, 4.0, 1.0]}
    )
    assert list(coefficients) == [1, 0, -2]
    factors = [1.0, 0.5, 0.25, 0.125]
    found = st.convolve_axisymmetric(coefficients, factors)
    expected = st.convolve_axisymmetric(coefficients, np.array(factors))
    assert list(found) == [1, 0, -2]
    for spin, values in found.items():
        np.testing.assert_array_equal(values, expected[spin])
    np.testing.assert_allclose(
        st.factors_of_coefficients([1.0, 2.0]), np.sqrt(4 * np.pi / np.array([1, 3])) * [1, 2]
    )
    assert list(st.vector_to_spin([1.0], [2.0])) == [1, -1]
