import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import sphere_transforms as st
import spin_layers as sl

GRID = st.EquiangularGrid(16)


def convolution(channels_in, channels_out, grid=GRID, **options):
    return sl.SpinConvolution(grid, channels_in, channels_out, rngs=nnx.Rngs(0), **options)


def random_field(channels, grid=GRID, batch=2, seed=0):
    coefficients = st.random_coefficients(
        jax.random.key(seed), channels, grid.band_limit, batch=batch, real_scalars=True
    )
    field = st.SpinTransform(grid, tuple(channels)).inverse(coefficients)
    return {spin: values.real if spin == 0 else values for spin, values in field.items()}


@pytest.mark.parametrize("filter_values", [None, 3])
def test_is_the_product_of_its_definition(filter_values):
    # g_lm^{s'} = sum over s, c of f_lm^{s c} K_l^{s c, s' c'}, written out with loops.
    channels_in, channels_out = {0: 2, 1: 1}, {-1: 1, 0: 3}
    layer = convolution(channels_in, channels_out, filter_values=filter_values)
    field = random_field(channels_in)
    analysis = st.SpinTransform(GRID, (0, 1)).forward(field)
    kernel = np.asarray(layer.kernel[...])
    knots = np.linspace(0, 7, kernel.shape[-1])
    expected = {spin: np.zeros((2, 8, 15, count), complex) for spin, count in channels_out.items()}
    for row, (spin_in, c_in) in enumerate([(0, 0), (0, 1), (1, 0)]):
        for column, (spin_out, c_out) in enumerate([(-1, 0), (0, 0), (0, 1), (0, 2)]):
            values = kernel[row, column]
            for ell in range(8):
                filter_ = np.interp(ell, knots, values.real) + 1j * np.interp(
                    ell, knots, values.imag
                )
                expected[spin_out][:, ell, :, c_out] += (
                    filter_ * np.asarray(analysis[spin_in])[:, ell, :, c_in]
                )
    found = st.SpinTransform(GRID, (-1, 0)).forward(layer(field))
    for spin in channels_out:
        inside = np.arange(8)[None, :, None, None] >= abs(spin)
        np.testing.assert_allclose(found[spin], expected[spin] * inside, atol=3e-6)


@pytest.mark.parametrize(
    ("channels_in", "channels_out", "options"),
    [
        ({0: 2, 1: 2}, {0: 3, 1: 3}, {"filter_values": 6}),
        ({0: 1}, {0: 2, 1: 2, 2: 2}, {}),
        ({-1: 1, 2: 2}, {0: 2, 1: 1}, {"output_grid": st.EquiangularGrid(32)}),
    ],
)
def test_is_equivariant_to_rounding_error(channels_in, channels_out, options):
    grid = st.EquiangularGrid(64)
    layer = convolution(channels_in, channels_out, grid=grid, **options)
    coefficients = st.random_coefficients(
        jax.random.key(3), channels_in, 32, batch=6, real_scalars=True
    )
    error = sl.equivariance_error(
        nnx.jit(layer),
        grid,
        coefficients,
        key=jax.random.key(4),
        output_grid=options.get("output_grid"),
    )
    assert error.shape == (6,)
    assert error.max() < 1e-5


def test_the_measure_sees_what_is_not_equivariant():
    coefficients = st.random_coefficients(jax.random.key(3), {0: 1}, 8, real_scalars=True)
    error = sl.equivariance_error(
        lambda field: {0: field[0] * jnp.cos(GRID.colatitudes)[None, :, None, None]},
        GRID,
        coefficients,
        key=jax.random.key(4),
    )
    assert error.max() > 0.1


def test_initial_variance_is_the_published_one():
    layer = convolution({0: 20, 1: 20}, {0: 30, 1: 30})
    power = jnp.mean(jnp.abs(layer.kernel[...]) ** 2)
    np.testing.assert_allclose(power, 1 / (2 * 40 * 60), rtol=0.03)
    assert abs(jnp.mean(layer.kernel[...])) < 1e-3


def test_interpolation_of_localized_filters():
    np.testing.assert_allclose(sl.localized_filter_matrix(8, 8), np.eye(8), atol=1e-15)
    matrix = sl.localized_filter_matrix(7, 3)
    np.testing.assert_allclose(matrix @ [0, 3, 9], [0, 1, 2, 3, 5, 7, 9])


def test_parameters_and_constants_are_kept_apart():
    layer = convolution({0: 1}, {0: 2, 1: 2}, filter_values=4)
    _, parameters, constants = nnx.split(layer, nnx.Param, ...)
    assert [leaf.size for leaf in jax.tree.leaves(parameters)] == [16]
    held = [layer.analysis, layer.synthesis, layer.interpolation]
    tables = sum(len(jax.tree.leaves(constant.get_value())) for constant in held)
    assert len(jax.tree.leaves(constants)) == tables > 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: convolution({0: 1}, {0: 0}), "positive number of channels"),
        (lambda: convolution({}, {0: 1}), "at least one spin"),
        (lambda: convolution({0: 1}, {0: 1}, filter_values=9), "from 2 to 8"),
        (lambda: convolution({0: 1}, {9: 1}), "spins from -7 to 7"),
        (
            lambda: convolution({0: 1}, {0: 1}, output_grid=st.EquiangularGrid(32)),
            "only drop degrees",
        ),
        (lambda: convolution({0: 1}, {0: 1})({0: jnp.ones((1, 16, 16, 2))}), r"16, 16, 1\)"),
        (lambda: convolution({0: 1}, {0: 1})({0: jnp.ones((1, 16, 16, 1), int)}), "floating"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
