import collections

import numpy as np
import pytest
import scipy.special
import scipy.stats

import sphere_transforms as st
from sphere_transforms.harmonics import (
    definitions,
    wigner_d_by_degree,
    wigner_d_planes,
)

BETAS = (0.0, 1e-9, 1e-3, 0.3, np.pi / 2, 2.9, np.pi - 1e-6, np.pi)


def last_plane(band_limit, beta):
    return collections.deque(wigner_d_planes(band_limit, beta), maxlen=1)[0]


@pytest.mark.parametrize("beta", BETAS)
def test_planes_agree_with_the_matrix_exponential(beta):
    for ell, plane in enumerate(wigner_d_planes(14, beta)):
        np.testing.assert_allclose(plane, definitions.wigner_d_matrix(ell, beta), atol=3e-14)


def test_planes_of_no_turn_are_diagonal():
    plane = last_plane(300, 0.0)
    assert np.count_nonzero(plane) == 599
    np.testing.assert_allclose(np.diagonal(plane), 1, atol=1e-13)


@pytest.mark.parametrize("beta", BETAS)
def test_planes_of_high_degree(beta):
    plane = last_plane(301, beta)
    np.testing.assert_allclose(plane @ plane.T, np.eye(601), atol=2e-13)
    check_closed_forms(plane, beta)
    harmonics = scipy.special.sph_harm_y(300, np.arange(-300, 301), beta, 0).real
    np.testing.assert_allclose(plane[:, 300], np.sqrt(4 * np.pi / 601) * harmonics, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("beta", [1e-8, 0.7, np.pi - 1e-3])
def test_planes_of_degree_1023(beta):
    plane = last_plane(1024, beta)
    np.testing.assert_allclose(plane @ plane.T, np.eye(2047), atol=1e-12)
    check_closed_forms(plane, beta)
    for n in (0, 3, -700):
        columns = wigner_d_by_degree(1024, n, np.array([beta]))
        expected = collections.deque(columns, maxlen=1)[0][:, 0]
        np.testing.assert_allclose(plane[:, 1023 + n], expected, atol=1e-12)


def check_closed_forms(plane, beta):
    # Where m = ell: Varshalovich et al., section 4.16.
    ell = plane.shape[0] // 2
    cosine, sine = np.cos(beta / 2), np.sin(beta / 2)
    for n, expected in (
        (ell, cosine ** (2 * ell)),
        (ell - 1, -np.sqrt(2 * ell) * cosine ** (2 * ell - 1) * sine),
        (1 - ell, -np.sqrt(2 * ell) * cosine * sine ** (2 * ell - 1)),
        (-ell, sine ** (2 * ell)),
    ):
        np.testing.assert_allclose(plane[-1, ell + n], expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("beta", BETAS)
def test_the_two_recursions_agree(beta):
    planes = list(wigner_d_planes(201, beta))
    for n in (0, 1, -2, 60, -150):
        for ell, column in enumerate(wigner_d_by_degree(201, n, np.array([beta]))):
            inside = slice(200 - ell, 201 + ell)
            expected = planes[ell][:, n + ell] if ell >= abs(n) else 0
            np.testing.assert_allclose(column[inside, 0], expected, atol=2e-13)


@pytest.mark.parametrize("n", [0, -2, 500, -900])
def test_one_order_at_high_degree(n):
    # Column sums of squares are 1, near the poles too and where the first values underflow.
    beta = np.array([0, 1e-12, 1e-8, 1e-5, 1e-3, 0.05, 1.0, np.pi / 2, 2.5, 3.1, np.pi])
    for ell, column in enumerate(wigner_d_by_degree(1024, n, beta)):
        if ell >= abs(n):
            np.testing.assert_allclose((column**2).sum(0), 1, atol=1e-12)


def test_a_tiny_angle_is_not_lost_in_its_cosine():
    # d^ell_{00} = P_ell(cos(beta)) = 1 - ell (ell + 1) beta^2 / 4 + O((ell beta)^4).
    for ell, column in enumerate(wigner_d_by_degree(1024, 0, np.array([1e-8, np.pi - 1e-8]))):
        sign = np.array([1, (-1) ** ell])
        np.testing.assert_allclose(
            1 - sign * column[1023], ell * (ell + 1) * 1e-16 / 4, rtol=1e-6, atol=1e-15
        )


def test_the_table_holds_the_planes():
    table = st.wigner_d(9, 1.2)
    assert table.shape == (9, 17, 17)
    for ell, plane in enumerate(wigner_d_planes(9, 1.2)):
        inside = slice(8 - ell, 9 + ell)
        np.testing.assert_array_equal(table[ell, inside, inside], plane)
        assert np.count_nonzero(table[ell]) == np.count_nonzero(plane)


def test_a_table_that_would_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"32\.0 GiB.*wigner_d_planes"):
        st.wigner_d(1024, 0.3)


@pytest.mark.parametrize("function", [st.wigner_d, wigner_d_planes])
@pytest.mark.parametrize(
    ("band_limit", "beta", "message"),
    [
        (0, 0.1, "band_limit is 0"),
        (2.0, 0.1, "band_limit is 2.0"),
        (4, np.nan, "beta is nan"),
        (4, np.zeros(2), "one finite angle"),
    ],
)
def test_bad_arguments(function, band_limit, beta, message):
    with pytest.raises(ValueError, match=message):
        function(band_limit, beta)


def test_values_at_the_highest_order_return_from_below_the_smallest_number():
    """d^ell_{ell,n} squared is a binomial probability, 2^-1029 at ell = 1000 and then larger."""
    n, band_limit = 1000, 2501
    beta = 2 * np.arccos(np.sqrt(0.7))
    *_, last = wigner_d_by_degree(band_limit, n, np.array([beta]))
    ell = band_limit - 1
    expected = scipy.stats.binom.pmf(ell + n, 2 * ell, 0.7)
    assert expected > 1e-3
    np.testing.assert_allclose(last[2 * ell, 0] ** 2, expected, rtol=1e-10)
