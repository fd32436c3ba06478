"""The fused block is the composition of its layers, and compiles to what it is meant to."""

import collections
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import sphere_transforms as st
import spin_layers as sl
from spin_layers.nonlinearity import scaled_by_modulus

GRID = st.EquiangularGrid(16)

of_any_kind = pytest.mark.parametrize(
    ("channels_in", "channels_out", "options"),
    [
        ({0: 2}, {0: 3, 1: 3}, {"filter_values": 3}),
        ({0: 2, 1: 2}, {0: 2, 1: 2}, {"filter_values": 3, "pool": True}),
        ({0: 2, 1: 2}, {0: 2}, {}),
        ({-1: 1, 2: 2}, {-2: 2, 0: 1, 1: 3}, {"pool": True}),
        ({0: 2, 1: 2}, {0: 2, 1: 2}, {"pool": True, "pooling": "spectral"}),
        ({0: 1, 1: 2}, {-1: 2, 0: 3, 1: 1}, {"nonlinearity": "gated"}),
    ],
)


def normal(seed, *shape, dtype):
    return jax.random.normal(jax.random.key(seed), shape, dtype)


METHODS = (sl.SpinBlock.__call__, sl.SpinBlock.composed)
evaluated = nnx.jit(
    lambda block, field, method: method(block, field, train=False), static_argnums=2
)


def outcomes(dtype, channels_in, channels_out, options):
    """By fused and composed: result, gradients by parameters and field; the block and its input."""
    complex_dtype = jnp.result_type(dtype, jnp.complex64)
    field = {
        spin: normal(spin + 10, 3, 16, 16, count, dtype=complex_dtype if spin else dtype)
        for spin, count in channels_in.items()
    }

    def loss(block, field, apply):
        result = apply(block, field)
        return sum(jnp.sum(jnp.abs(v) ** 3) for v in result.values()), result

    grad = nnx.jit(
        nnx.value_and_grad(loss, argnums=(0, 1), has_aux=True, allow_int=True), static_argnums=2
    )
    for method in METHODS:
        block = sl.SpinBlock(
            GRID, channels_in, channels_out, dtype=dtype, rngs=nnx.Rngs(0), **options
        )

        def trained(block, field, method=method):
            return method(block, field, train=True)

        (_, result), gradients = grad(block, field, trained)
        yield (result, gradients), (block, field)


def assert_close(one, other, bound):
    one, other = jax.tree.leaves(one), jax.tree.leaves(other)
    assert len(one) == len(other) > 0
    for found, expected in zip(one, other, strict=True):
        np.testing.assert_allclose(found, expected, atol=bound * float(jnp.abs(expected).max() + 1))


@of_any_kind
def test_it_is_the_composition_of_its_layers(channels_in, channels_out, options):
    with jax.enable_x64(True):
        both = outcomes(jnp.float64, channels_in, channels_out, options)
        fused, composed = (
            (trained, nnx.state(block, nnx.BatchStat), evaluated(block, field, method))
            for (trained, (block, field)), method in zip(both, METHODS, strict=True)
        )
        assert_close(fused, composed, 1e-10)


@of_any_kind
def test_gradients_in_float32(channels_in, channels_out, options):
    """Array by array, by the largest difference over the largest entry."""
    both = outcomes(jnp.float32, channels_in, channels_out, options)
    fused, composed = (jax.tree.leaves(gradients) for (_, gradients), _ in both)
    for one, other in zip(fused, composed, strict=True):
        if other.dtype != jax.dtypes.float0:
            assert float(jnp.abs(one - other).max()) <= 1e-4 * float(jnp.abs(other).max())


def test_channels_that_cancel_have_no_negative_power():
    block = sl.SpinBlock(GRID, {0: 3}, {0: 4, 1: 4}, rngs=nnx.Rngs(0))
    kernel = block.convolution.kernel
    kernel[...] = kernel[...] - jnp.mean(kernel[...], axis=0, keepdims=True)
    alike = normal(0, 3, 16, 16, 1, dtype=jnp.float32)
    field = 255 * (alike + 1e-4 * normal(1, 3, 16, 16, 3, dtype=jnp.float32))
    for values in block({0: field}, train=True).values():
        assert bool(jnp.isfinite(values).all())
    for power in block.normalization.second_moment.values():
        assert bool((power[...] >= 0).all())


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("field_dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("train", [True, False])
def test_dtypes_follow_the_field(dtype, field_dtype, train):
    with jax.enable_x64(True):
        block = sl.SpinBlock(GRID, {0: 1}, {0: 1, 1: 1}, dtype=dtype, rngs=nnx.Rngs(0))
        field = normal(0, 2, 16, 16, 1, dtype=field_dtype)
        fused, composed = nnx.jit(
            lambda block, field: [method(block, field, train=train) for method in METHODS]
        )(block, {0: field})
        for spin, values in fused.items():
            assert values.real.dtype == jnp.result_type(dtype, field_dtype)
            bound = 1e-9 if dtype == field_dtype == jnp.float64 else 1e-4
            np.testing.assert_allclose(values, composed[spin], atol=bound)
        gradient = jax.grad(lambda field: jnp.sum(block({0: field**2}, train=False)[0]))(field)
        assert gradient.dtype == field_dtype


def test_derivatives_of_the_nonlinearity_at_zero_and_across_its_threshold():
    values = jnp.asarray([0, 1e-20, 1e-8, 0.2, 0.3, 0.4]).reshape(-1, 1, 1, 1)
    layer = sl.MagnitudeNonlinearity({1: 1})
    for bias in (-0.3, 0.0, 0.3):
        layer.bias["spin_1"][...] = jnp.asarray([bias])

        def fused(x, bias=bias):
            return scaled_by_modulus(x, 0.5 * x, jnp.asarray([bias]), 1e-6)[0]

        def defined(x):
            return layer({1: jax.lax.complex(x, 0.5 * x)})[1].real

        np.testing.assert_allclose(fused(values), defined(values), rtol=1e-5, atol=1e-7)
        slopes = [jax.grad(lambda x, f=f: jnp.sum(f(x)))(values) for f in (fused, defined)]
        bound = 1e-6 * (1 + float(jnp.abs(slopes[1]).max()))
        np.testing.assert_allclose(*slopes, rtol=1e-4, atol=bound)
        curvature = jax.grad(
            lambda x, fused=fused: jnp.sum(jax.grad(lambda y: jnp.sum(fused(y)))(x))
        )(values)
        assert bool(jnp.isfinite(curvature).all())


def test_a_real_array_of_another_spin_is_taken_as_complex():
    block = sl.SpinBlock(GRID, {1: 1}, {0: 1, 1: 1}, rngs=nnx.Rngs(0))
    values = normal(0, 1, 16, 16, 1, dtype=jnp.float32)
    real, complex_ = (block({1: v}, train=False) for v in (values, values + 0j))
    for spin in real:
        np.testing.assert_array_equal(real[spin], complex_[spin])


@pytest.mark.usefixtures("fully_optimized")
def test_a_sharded_batch_is_not_gathered_in_a_block():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    block = sl.SpinBlock(GRID, {0: 2, 1: 2}, {0: 3, 1: 3}, pool=True, rngs=nnx.Rngs(0))
    graph, parameters, rest = nnx.split(block, nnx.Param, ...)

    @jax.jit
    def gradient(parameters, rest, field):
        def loss(parameters):
            result = nnx.merge(graph, parameters, rest, copy=True)(field, train=True)
            return sum(jnp.mean(jnp.abs(v) ** 2) for v in result.values())

        return jax.grad(loss)(parameters)

    field = {
        0: normal(0, 16, 16, 16, 2, dtype=jnp.float32),
        1: normal(1, 16, 16, 16, 2, dtype=jnp.complex64),
    }
    sharded = jax.device_put(field, NamedSharding(mesh, PartitionSpec("data")))
    text = gradient.lower(parameters, rest, sharded).compile().as_text()
    assert "all-reduce" in text
    assert "all-gather" not in text
    alone, together = (jax.tree.leaves(gradient(parameters, rest, f)) for f in (field, sharded))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * float(jnp.abs(one).max()))


@pytest.mark.usefixtures("fully_optimized")
def test_what_the_compiled_gradient_turns_round():
    """Fields never; coefficients on the way to the filter and back, in value and derivative.

    A turning round is a copy and a transposition in the list, and XLA fuses many of them.
    """
    batch, channels = 4, 4
    block = sl.SpinBlock(
        GRID, {0: channels, 1: channels}, {0: channels, 1: channels}, rngs=nnx.Rngs(0)
    )
    graph, parameters, rest = nnx.split(block, nnx.Param, ...)

    def loss(parameters, rest, packed):
        block = nnx.merge(graph, parameters, rest, copy=True)
        result = block.on_packed(packed, train=True)
        return sum(jnp.sum(part**2) for parts in result.values() for part in parts)

    part = jnp.ones((*GRID.shape, batch, channels))
    packed = {0: (part,), 1: (part, part)}
    gradient = jax.jit(jax.grad(loss, (0, 2)))
    text = gradient.lower(parameters, rest, packed).compile().as_text()
    found = collections.Counter()
    for shape in re.findall(r" = \w+\[([\d,]+)\]\S* (?:copy|transpose)\(", text):
        found[int(np.prod([int(length) for length in shape.split(",")]))] += 1
    coefficients = GRID.band_limit**2 * 2 * batch * channels
    # Twice order sums on the way to a product, of the size of a part of the field.
    large = {size: count for size, count in found.items() if size >= coefficients}
    assert set(large) <= {coefficients, 3 * coefficients, part.size}, large
    assert large[part.size] <= 2, large
    # Of one part of the coefficients, and of the three parts together that the filter takes.
    assert large[coefficients] <= 34, large
    assert large[3 * coefficients] <= 16, large
