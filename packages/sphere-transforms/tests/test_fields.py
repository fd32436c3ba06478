import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import random_coefficients

import sphere_transforms as st


def test_stack_and_unstack_are_inverses_with_increasing_spins():
    field = {1: jnp.ones((2, 4, 4, 3)), -1: jnp.zeros((2, 4, 4, 3)), 0: 2 * jnp.ones((2, 4, 4, 3))}
    stacked = st.stack(field)
    assert stacked.shape == (2, 4, 4, 3, 3)
    np.testing.assert_array_equal(stacked[0, 0, 0, :, 0], [0, 2, 1])
    back = st.unstack(stacked, (1, 0, -1))
    assert sorted(back) == [-1, 0, 1]
    for spin in field:
        np.testing.assert_array_equal(back[spin], field[spin])


def test_stack_and_unstack_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="same shape"):
        st.stack({0: jnp.ones((1, 4, 4, 1)), 1: jnp.ones((1, 4, 4, 2))})
    with pytest.raises(ValueError, match="one entry for each different spin"):
        st.unstack(jnp.ones((1, 4, 4, 2, 1)), (0, 1, 2))


def test_gradient_is_the_derivative_of_the_synthesised_field():
    with jax.enable_x64(True):
        grid = st.EquiangularGrid(16)
        scalar = random_coefficients(0, {0: 1}, 8, real_scalars=True)[0]
        vectors = st.SpinTransform(grid, (-1, 1)).inverse(st.gradient(scalar))
        along_theta = ((vectors[1] + vectors[-1]) / 2)[0, :, :, 0]
        along_phi = ((vectors[1] - vectors[-1]) / 2j)[0, :, :, 0]

        def value(theta, phi):
            harmonics = st.spin_spherical_harmonics(8, 0, theta, phi)
            return np.einsum("lm,...lm->...", np.asarray(scalar[0, :, :, 0]), harmonics)

        step = 1e-5
        theta, phi = np.meshgrid(grid.colatitudes[1:-1], grid.longitudes, indexing="ij")
        by_theta = (value(theta + step, phi) - value(theta - step, phi)) / (2 * step)
        by_phi = (value(theta, phi + step) - value(theta, phi - step)) / (2 * step)
        np.testing.assert_allclose(along_theta[1:-1], by_theta, atol=1e-7)
        np.testing.assert_allclose(along_phi[1:-1], by_phi / np.sin(theta), atol=1e-7)


def test_lowering_undoes_raising_up_to_the_laplacian():
    coefficients = random_coefficients(0, {0: 1}, 8)
    laplacian = st.lower_spin(st.raise_spin(coefficients))[0]
    ell = jnp.arange(8.0)[None, :, None, None]
    np.testing.assert_allclose(laplacian, -ell * (ell + 1) * coefficients[0], rtol=1e-5, atol=1e-5)


def test_random_real_scalars_synthesise_to_real_fields():
    coefficients = random_coefficients(0, {0: 2}, 8, real_scalars=True)
    field = st.SpinTransform(st.EquiangularGrid(16), (0,)).inverse(coefficients)[0]
    assert jnp.abs(field.imag).max() < 1e-5 < jnp.abs(field.real).max()
