import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sphere_transforms as st
from sphere_transforms.calculus import power_spectrum


def test_a_power_spectrum_is_the_variance_of_each_degree():
    ell = np.arange(6)
    given = {0: 1 / (1.0 + ell), 1: np.stack([ell, 10.0 * ell], axis=1)}
    drawn = st.random_coefficients(
        jax.random.key(0),
        {0: 2, 1: 2, 2: 1},
        6,
        batch=20_000,
        real_scalars=True,
        power_spectrum=given,
    )
    found = {spin: values.mean(axis=0) for spin, values in power_spectrum(drawn).items()}
    np.testing.assert_allclose(found[0], np.stack([given[0]] * 2, 1), rtol=0.05)
    np.testing.assert_allclose(found[1], given[1], rtol=0.05)
    np.testing.assert_allclose(found[2][2:], np.ones((4, 1)), rtol=0.05)
    assert not found[2][:2].any()


def test_without_a_power_spectrum_the_same_numbers_come_as_with_ones():
    one = st.random_coefficients(jax.random.key(0), {0: 1}, 4)
    other = st.random_coefficients(jax.random.key(0), {0: 1}, 4, power_spectrum={0: jnp.ones(4)})
    np.testing.assert_array_equal(one[0], other[0])


@pytest.mark.parametrize(
    ("spectrum", "message"),
    [
        ({0: -np.ones(4)}, "not negative"),
        ({0: np.full(4, np.nan)}, "not negative"),
        ({0: np.ones(5)}, "\\(ell,\\) = \\(4,\\)"),
        ({0: np.ones((4, 3))}, "ell, channel"),
        ({1: np.ones(4)}, "spins that are drawn"),
    ],
)
def test_bad_power_spectra(spectrum, message):
    with pytest.raises(ValueError, match=message):
        st.random_coefficients(jax.random.key(0), {0: 1}, 4, power_spectrum=spectrum)
