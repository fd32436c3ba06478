import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import random_coefficients

import sphere_transforms as st
from sphere_transforms.fields import (
    change_band_limit,
    coefficient_mask,
    conjugate_coefficients,
)


def test_the_mask_is_where_harmonics_are_not_zero():
    theta, phi = np.array([0.3, 1.1]), np.array([0.2, 4.0])
    for spin in (-3, 0, 1):
        harmonics = np.abs(st.spin_spherical_harmonics(6, spin, theta, phi)).max(axis=0)
        np.testing.assert_array_equal(coefficient_mask(6, spin), harmonics > 0)
    with pytest.raises(ValueError, match="only spins from -5 to 5"):
        coefficient_mask(6, 6)


def test_padding_and_truncating_keep_the_field():
    coefficients = random_coefficients(0, {0: 2, -1: 1}, 6)
    padded = change_band_limit(coefficients, 8)
    assert padded[0].shape == (1, 8, 15, 2)
    grid = st.EquiangularGrid(16)
    fields = [
        st.SpinTransform(grid, (0, -1), limit).inverse(values)
        for limit, values in ((6, coefficients), (8, padded))
    ]
    back = jax.jit(change_band_limit, static_argnums=1)(padded, 6)
    for spin in coefficients:
        np.testing.assert_allclose(fields[0][spin], fields[1][spin], atol=2e-6)
        np.testing.assert_array_equal(back[spin], coefficients[spin])
        np.testing.assert_array_equal(change_band_limit(coefficients, 6)[spin], back[spin])


@pytest.mark.parametrize("spin", [0, 1, -2])
def test_conjugate_coefficients_are_those_of_the_conjugate_field(spin):
    coefficients = random_coefficients(0, {spin: 2}, 6)
    transform = st.SpinTransform(st.EquiangularGrid(12), {spin, -spin})
    conjugate = conjugate_coefficients(coefficients)
    np.testing.assert_allclose(
        transform.inverse(conjugate)[-spin],
        jnp.conj(transform.inverse(coefficients)[spin]),
        atol=2e-6,
    )
    np.testing.assert_array_equal(conjugate_coefficients(conjugate)[spin], coefficients[spin])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: change_band_limit(jnp.ones((1, 4, 7, 1)), 3), "mapping from spin"),
        (lambda: change_band_limit({0: jnp.ones((1, 4, 6, 1))}, 3), "2 L - 1"),
        (lambda: change_band_limit({2: jnp.ones((1, 4, 7, 1))}, 2), "only spins from -1 to 1"),
        (lambda: change_band_limit({0: jnp.ones((1, 4, 7, 1))}, 2.5), "whole number"),
        (lambda: conjugate_coefficients({"spin_0": jnp.ones((1, 4, 7, 1))}), "whole number"),
        (lambda: conjugate_coefficients({0: np.ones((1, 4, 7, 1))}), "jax_enable_x64"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
