"""Derivatives of both directions, of every order and in both modes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import normal
from jax.test_util import check_grads

import sphere_transforms as st
from sphere_transforms import grids


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize(
    ("grid", "method"),
    [
        (grids.EquiangularGrid(6), "recursion"),
        (grids.McEwenWiauxGrid(3), "tables"),
        (grids.HealpixGrid(1, 3), "tables"),
    ],
    ids=repr,
)
def test_two_orders_in_both_modes_of_real_and_complex_fields(grid, method):
    transform = st.SpinTransform(grid, (0, 1), method=method)

    def product_of_coefficients(scalar, vector):
        a = transform.forward({0: scalar, 1: vector})
        field = transform.inverse({0: a[0] * a[1], 1: a[1] ** 2}, real_scalars=True)
        assert jnp.isrealobj(field[0])
        return field[0], field[1]

    scalar = normal(0, (1, *grid.shape, 1))
    vector = normal(1, (1, *grid.shape, 1), jnp.complex128)
    # At most cubic, what is differentiated is nearly that in central differences.
    check_grads(
        product_of_coefficients,
        (scalar, vector),
        order=2,
        modes=("fwd", "rev"),
        atol=1e-7,
        rtol=1e-7,
        eps=1e-4,
    )


def test_jacobians_of_both_modes_are_the_matrix_of_the_transform():
    grid = grids.EquiangularGrid(4)
    transform = st.SpinTransform(grid, (1,))

    def forward(field):
        return transform.forward({1: field[None, :, :, None]})[1][0, :, :, 0]

    harmonics = st.spin_spherical_harmonics(2, 1, *grid.points)
    weights = grid.quadrature_weights[:, None, None, None]
    expected = np.moveaxis(weights * harmonics.conj(), (0, 1), (2, 3))
    field = jnp.ones(grid.shape, jnp.complex128)
    for jacobian in (jax.jacfwd, jax.jacrev):
        np.testing.assert_allclose(jacobian(forward, holomorphic=True)(field), expected, atol=1e-15)


def test_differentiating_by_the_tables_is_refused():
    transform = st.SpinTransform(grids.EquiangularGrid(12), (0,))
    field = jnp.ones((1, 12, 12, 1))
    with pytest.raises(TypeError, match="tables of a transform are constants"):
        jax.grad(lambda t: jnp.abs(t.forward({0: field})[0]).sum())(transform)
