"""Fields that are zero, huge, or no fields: the layers' and measures' answers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import sphere_transforms as st
import spin_layers as sl
from spin_layers.modulus import modulus

GRID = st.EquiangularGrid(8)


def field(size=1.0, dtype=np.float32):
    random = np.random.default_rng(0)
    real, imag = random.uniform(-1, 1, (2, 2, 8, 8, 2)) * size
    return {0: jnp.asarray(real / size, dtype), 1: jnp.asarray((real + 1j * imag), np.complex64)}


@pytest.mark.parametrize("size", [1e15, 1e20, 1e30, 1e37])
@pytest.mark.parametrize("packed", [False, True])
def test_gates_of_huge_fields_have_finite_values_and_gradients(size, packed):
    layer = sl.GatedNonlinearity({0: 2, 1: 2}, rngs=nnx.Rngs(0))
    graph, state = nnx.split(layer)

    def outputs(state, inputs):
        layer = nnx.merge(graph, state)
        return sl.unpack(layer.on_packed(sl.pack(inputs))) if packed else layer(inputs)

    def total(state, inputs):
        # Of means, so that the sums themselves do not overflow.
        return sum(jnp.mean(values.real / 64) for values in outputs(state, inputs).values())

    values = outputs(state, field(size))
    gradients = jax.grad(total, argnums=(0, 1))(state, field(size))
    for leaf in jax.tree.leaves((values, gradients)):
        assert np.isfinite(leaf).all()
    # A scale of spin 1 alone scales its outputs: the gates come from spin 0.
    np.testing.assert_allclose(values[1] / size, outputs(state, field())[1], rtol=1e-4)


@pytest.mark.parametrize("size", [1e15, 1e19, 1e20, 1e30, 1e37])
@pytest.mark.parametrize("packed", [False, True])
def test_the_magnitude_nonlinearity_of_huge_fields(size, packed):
    """Its gain is then 1, whatever the bias, and so is its derivative."""
    layer = sl.MagnitudeNonlinearity({0: 2, 1: 2})
    layer.bias["spin_1"][...] = jnp.asarray([-0.5, 2.0])
    graph, state = nnx.split(layer)

    def outputs(state, inputs):
        layer = nnx.merge(graph, state)
        return sl.unpack(layer.on_packed(sl.pack(inputs))) if packed else layer(inputs)

    def total(state, inputs):
        return jnp.sum(outputs(state, inputs)[1].real)

    inputs = field(size)
    np.testing.assert_allclose(outputs(state, inputs)[1] / size, inputs[1] / size, rtol=1e-6)
    by_state, by_field = jax.grad(total, argnums=(0, 1))(state, inputs)
    np.testing.assert_allclose(by_field[1], 1, atol=1e-5)
    for leaf in jax.tree.leaves(by_state):
        assert np.isfinite(leaf).all()


def test_the_modulus_of_ordinary_values_is_to_the_last_bit_what_it_was():
    z = field()[1]
    expected = jnp.sqrt(z.real**2 + z.imag**2)
    np.testing.assert_array_equal(modulus(z), expected)


@pytest.mark.parametrize("size", [1e-30, 1e-3, 1e20, 1e37])
def test_the_difference_of_fields_does_not_depend_on_their_size(size):
    angles = (0.0, 0.0, 0.0)
    other = jax.tree.map(lambda values: 1.5 * values, field())
    expected = sl.field_difference(other, field(), GRID, angles)
    np.testing.assert_allclose(expected, 0.5, rtol=1e-5)
    one, two = (jax.tree.map(lambda v: v * np.float32(size), f) for f in (other, field()))
    np.testing.assert_allclose(sl.field_difference(one, two, GRID, angles), expected, rtol=1e-4)


def test_the_difference_of_zeros():
    zeros = jax.tree.map(jnp.zeros_like, field())
    angles = (0.1, 0.2, 0.3)
    np.testing.assert_array_equal(sl.field_difference(zeros, zeros, GRID, angles), 0)
    np.testing.assert_array_equal(sl.field_difference(field(), zeros, GRID, angles), np.inf)
    gradient = jax.grad(lambda f: sl.field_difference(f, zeros, GRID, angles).sum())(zeros)
    for leaf in jax.tree.leaves(gradient):
        assert np.isfinite(leaf).all()
    with pytest.raises(ValueError, match=r"spins \[0\] and \[0, 1\]; they must be the same"):
        sl.field_difference({0: zeros[0]}, zeros, GRID, angles)


@pytest.mark.parametrize("value", [None, {0: None}, {0: [[[[1.0]]]]}, 5, np.ones((1, 8, 8, 1))])
def test_what_is_no_field_is_one_line(value):
    block = sl.SpinBlock(GRID, {0: 1}, {0: 2, 1: 2}, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=r"SpinBlock: the field is .*; expected is a mapping from"):
        block(value, train=False)
