import numpy as np
import pytest
import scipy.special

import sphere_transforms as st
from sphere_transforms.harmonics import definitions, wigner_d_by_degree

POINTS = np.random.default_rng(0).uniform([0, 0], [np.pi, 2 * np.pi], (20, 2)).T


def test_sign_convention():
    theta, phi = POINTS
    harmonics = st.spin_spherical_harmonics(4, 1, theta, phi)
    np.testing.assert_allclose(harmonics[:, 1, 3], np.sqrt(3 / (8 * np.pi)) * np.sin(theta))


def test_spin_0_agrees_with_scipy():
    theta, phi = POINTS
    ours = st.spin_spherical_harmonics(40, 0, theta, phi)
    for ell in (0, 1, 2, 17, 39):
        for m in {-ell, -ell // 2, 0, ell // 3, ell}:
            theirs = scipy.special.sph_harm_y(ell, m, theta, phi)
            np.testing.assert_allclose(ours[:, ell, 39 + m], theirs, atol=1e-12)


@pytest.mark.parametrize("spin", [-3, -1, 0, 1, 2, 5])
def test_agrees_with_the_definition(spin):
    theta, phi = POINTS[:, :3]
    ours = st.spin_spherical_harmonics(9, spin, theta, phi)
    for point in range(3):
        for ell in range(9):
            for m in range(-8, 9):
                exists = abs(m) <= ell >= abs(spin)
                expected = (
                    definitions.harmonic(spin, ell, m, theta[point], phi[point]) if exists else 0
                )
                assert abs(ours[point, ell, 8 + m] - expected) < 1e-13


def test_closed_forms_of_low_degree():
    # Goldberg et al. (1967), and the table of 2Y2m in Ajith et al., arXiv 0709.0093, equation II.7.
    theta, phi = POINTS
    scalar, vector, tensor = (st.spin_spherical_harmonics(3, s, theta, phi) for s in (0, 1, 2))
    np.testing.assert_allclose(
        scalar[:, 1, 3], -np.sqrt(3 / (8 * np.pi)) * np.sin(theta) * np.exp(1j * phi)
    )
    np.testing.assert_allclose(
        vector[:, 1, 3], -np.sqrt(3 / (16 * np.pi)) * (1 - np.cos(theta)) * np.exp(1j * phi)
    )
    np.testing.assert_allclose(
        tensor[:, 2, 4], np.sqrt(5 / (64 * np.pi)) * (1 - np.cos(theta)) ** 2 * np.exp(2j * phi)
    )


def test_wigner_d_agrees_with_the_matrix_exponential():
    for beta in (0.0, 0.3, np.pi / 2, 2.9, np.pi):
        table = st.wigner_d(12, beta)
        for ell in range(12):
            inside = slice(11 - ell, 12 + ell)
            np.testing.assert_allclose(
                table[ell, inside, inside], definitions.wigner_d_matrix(ell, beta), atol=2e-14
            )


@pytest.mark.parametrize("n", [0, -1, 40])
def test_wigner_d_columns_stay_unit_vectors_at_high_degree(n):
    # The column sums of squares are 1 for every degree: a check that needs no second algorithm, and
    # near the poles one that underflow or an unstable recursion would fail.
    beta = np.array([0.0, 1e-3, 0.05, 1.0, np.pi / 2, 3.1])
    for ell, column in enumerate(wigner_d_by_degree(600, n, beta)):
        expected = float(ell >= abs(n))
        np.testing.assert_allclose((column**2).sum(0), expected, atol=1e-10)


@pytest.mark.parametrize(
    ("band_limit", "spin", "message"),
    [(4, 4, "only spins from -3 to 3"), (4, 1.0, "whole number"), (0, 0, "at least 1")],
)
def test_bad_arguments(band_limit, spin, message):
    with pytest.raises(ValueError, match=message):
        st.spin_spherical_harmonics(band_limit, spin, 0.1, 0.2)
