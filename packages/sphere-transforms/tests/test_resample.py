import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import random_coefficients

import sphere_transforms as st
from sphere_transforms.fields import change_band_limit
from sphere_transforms.grids import FejerGrid, GaussLegendreGrid, HealpixGrid
from sphere_transforms.transform import resample

COARSE, FINE = st.EquiangularGrid(16), FejerGrid(24)


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def random(band_limit, spins=(0, 1)):
    channels = dict.fromkeys(spins, 2)
    return random_coefficients(0, channels, band_limit, batch=2, real_scalars=True)


def synthesise(coefficients, grid):
    """By the definition, at each of the grid's points; spin 0 as a real array."""
    result = {}
    for spin, values in coefficients.items():
        harmonics = st.spin_spherical_harmonics(values.shape[1], spin, *grid.points)
        field = jnp.einsum("blmc,...lm->b...c", values, harmonics)
        result[spin] = field.real if spin == 0 else field
    return result


@pytest.mark.parametrize("target", [FINE, GaussLegendreGrid(8), HealpixGrid(6), COARSE])
def test_a_field_that_both_carry_is_the_same_field(target):
    coefficients = random(8)
    found = resample(synthesise(coefficients, COARSE), COARSE, target)
    expected = synthesise(coefficients, target)
    for spin in (0, 1):
        assert found[spin].dtype == expected[spin].dtype
        np.testing.assert_allclose(found[spin], expected[spin], atol=1e-12)


def test_degrees_that_the_target_does_not_carry_are_dropped():
    coefficients = random(12)
    field = synthesise(coefficients, FINE)
    for limit, kept in ((None, 8), (5, 5)):
        found = resample(field, FINE, COARSE, limit)
        expected = synthesise(change_band_limit(coefficients, kept), COARSE)
        for spin in (0, 1):
            np.testing.assert_allclose(found[spin], expected[spin], atol=1e-12)


def test_transforms_serve_as_ends_and_cut_at_their_band_limit():
    coefficients = random(12)
    field = synthesise(coefficients, FINE)
    source, target = st.SpinTransform(FINE, (0, 1)), st.SpinTransform(COARSE, (-1, 0, 1), 6)
    found = jax.jit(resample)(field, source, target)
    expected = resample(field, FINE, COARSE, 6)
    for spin in (0, 1):
        np.testing.assert_allclose(found[spin], expected[spin], atol=1e-12)
    back = resample({1: found[1]}, target, source)
    again = resample({1: back[1]}, source, target)
    np.testing.assert_allclose(again[1], found[1], atol=1e-12)


def test_complex_scalars_stay_complex_and_float32_stays_float32():
    field = synthesise(random(8, (0,)), COARSE)
    found = resample({0: 1j * field[0]}, COARSE, FINE)[0]
    np.testing.assert_allclose(found, 1j * resample(field, COARSE, FINE)[0], atol=1e-12)
    single = {0: field[0].astype(jnp.float32)}
    assert resample(single, COARSE, FINE)[0].dtype == jnp.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: resample(f, COARSE, FINE, 9), "source carries degrees below 8"),
        (lambda f: resample(f, FINE, COARSE, 9), "target carries degrees below 8"),
        (lambda f: resample(f, FINE, COARSE), "16, 16|24, 24"),
        (lambda f: resample(f, COARSE, FINE, 1), "only spins from 0 to 0"),
        (lambda f: resample(f, COARSE, st.SpinTransform(FINE, (0,))), "made for spins"),
        (lambda f: resample(f[0], COARSE, FINE), "mapping"),
        (lambda f: resample(f, "coarse", FINE), "grid"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make(synthesise(random(8), COARSE))
