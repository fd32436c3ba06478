import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import sphere_transforms as st
import spin_layers as sl

GRID = st.EquiangularGrid(16)


def normal(seed, *shape, dtype=jnp.complex64):
    return jax.random.normal(jax.random.key(seed), shape, dtype)


def field_of(channels, grid=GRID, batch=3):
    return {spin: normal(spin + 10, batch, *grid.shape, c) for spin, c in channels.items()}


def test_normalization_in_training_and_its_running_statistics():
    layer = sl.SpinBatchNormalization(GRID, {0: 2, 1: 2}, momentum=0.9)
    field = {spin: 3 * values + 1 for spin, values in field_of({0: 2, 1: 2}).items()}
    weights = GRID.quadrature_weights[None, :, None, None] / (4 * np.pi) / 3
    moments = {s: np.sum(weights * np.abs(v) ** 2, axis=(0, 1, 2)) for s, v in field.items()}
    mean = np.sum(weights * np.asarray(field[0]), axis=(0, 1, 2))
    found = layer(field, train=True)
    np.testing.assert_allclose(
        found[0], (np.asarray(field[0]) - mean) / np.sqrt(moments[0] + 1e-5), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        found[1], np.asarray(field[1]) / np.sqrt(moments[1] + 1e-5), rtol=1e-4
    )
    np.testing.assert_allclose(layer.mean[...], 0.1 * mean, rtol=1e-5)
    for spin in (0, 1):
        running = layer.second_moment[f"spin_{spin}"][...]
        np.testing.assert_allclose(running, 0.9 + 0.1 * moments[spin], rtol=1e-5)
    np.testing.assert_allclose(
        layer(field, train=False)[1],
        np.asarray(field[1]) / np.sqrt(layer.second_moment["spin_1"][...] + 1e-5),
        rtol=1e-5,
    )


def test_magnitude_nonlinearity():
    layer = sl.MagnitudeNonlinearity({0: 1, 2: 1})
    layer.bias["spin_2"][...] = jnp.asarray([-0.5])
    field = {
        0: jnp.asarray([[[[2 + 5j]]], [[[-2 + 5j]]]], jnp.complex64),
        2: jnp.asarray([[[[3 + 4j]]], [[[0.3j]]]], jnp.complex64),
    }
    found = layer(field)
    np.testing.assert_allclose(found[0].ravel(), [2, -0.02], rtol=1e-6)
    np.testing.assert_allclose(found[2].ravel(), [4.5 * (3 + 4j) / 5, 0], rtol=1e-5)


def test_gradients_are_finite_where_a_field_vanishes():
    layer = sl.MagnitudeNonlinearity({1: 1})
    grad = jax.grad(lambda x: jnp.sum(layer({1: x + 0j})[1].real))(jnp.zeros((1, 2, 2, 1)))
    assert bool(jnp.isfinite(grad).all())
    pooled = jax.grad(lambda x: jnp.sum(sl.global_pool({1: x + 0j}, GRID)))(
        jnp.zeros((1, 16, 16, 1))
    )
    assert bool(jnp.isfinite(pooled).all())


def test_pointwise_layers_commute_with_the_turn_of_the_phase():
    # In a frame turned by gamma a field of spin s is multiplied by exp(-i s gamma), everywhere.
    field = field_of({0: 2, 1: 2, 2: 2})
    layers = [
        sl.MagnitudeNonlinearity({0: 2, 1: 2, 2: 2}),
        lambda f: sl.SpinBatchNormalization(GRID, {0: 2, 1: 2, 2: 2})(f, train=True),
        sl.PhaseCollapse({0: 2, 1: 2, 2: 2}, rngs=nnx.Rngs(0)),
    ]
    turn = {spin: np.exp(-1j * spin * 0.7).astype(np.complex64) for spin in field}
    for layer in layers:
        before = layer(field)
        after = layer({spin: values * turn[spin] for spin, values in field.items()})
        for spin in field:
            np.testing.assert_allclose(after[spin], before[spin] * turn[spin], atol=2e-5)


def test_weighted_pooling_keeps_the_integral_and_its_weights():
    field = {0: normal(0, 2, 16, 16, 3, dtype=jnp.float32), 1: normal(1, 2, 16, 16, 3)}
    pooled, coarse = sl.weighted_pool(field, GRID)
    assert coarse == st.EquiangularGrid(8)
    for spin, values in field.items():
        fine, rough = (g.cell_areas[None, :, None, None] for g in (GRID, coarse))
        np.testing.assert_allclose(
            np.sum(rough * pooled[spin], axis=(1, 2)), np.sum(fine * values, axis=(1, 2)), atol=1e-4
        )
    # By hand, one cell.
    areas, cell = GRID.cell_areas[2:4, None], np.asarray(field[0])[0, 2:4, 6:8, 0]
    expected = np.sum(areas * cell) / coarse.cell_areas[1]
    np.testing.assert_allclose(pooled[0][0, 1, 3, 0], expected, rtol=1e-5)


def test_means_over_the_sphere():
    # The mean of sin(theta)^2 over the sphere is 2/3; of a modulus, it ignores the phase.
    values = jnp.sin(jnp.asarray(GRID.colatitudes))[None, :, None, None] ** 2 * jnp.ones(
        (1, 16, 16, 1)
    )
    np.testing.assert_allclose(sl.sphere_mean(values, GRID), [[2 / 3]], rtol=1e-6)
    pooled = sl.global_pool({1: values * 1j, 0: -values}, GRID)
    np.testing.assert_allclose(pooled, [[-2 / 3, 2 / 3]], rtol=1e-6)


def test_phase_collapse_is_the_formula():
    channels = {-1: 2, 0: 3}
    layer = sl.PhaseCollapse(channels, rngs=nnx.Rngs(0))
    field = field_of(channels)
    moduli = jnp.concatenate([jnp.abs(field[-1]), jnp.abs(field[0])], -1)
    expected = (field[0] @ layer.scalar_kernel[...] + moduli @ layer.modulus_kernel[...]) / 2
    found = layer(field)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)
    np.testing.assert_array_equal(found[-1], field[-1])


@pytest.mark.parametrize(
    ("channels_in", "channels_out", "filter_values", "pool"),
    [
        ({0: 2}, {0: 3, 1: 3}, 3, False),
        ({0: 2, 1: 2}, {0: 2, 1: 2}, 3, True),
        ({0: 2, 1: 2}, {0: 2}, None, False),
        ({-1: 1, 2: 2}, {-2: 2, 0: 1, 1: 3}, None, True),
    ],
)
def test_the_fused_block_is_the_composition_of_its_layers(
    channels_in, channels_out, filter_values, pool
):
    with jax.enable_x64(True):

        def make():
            return sl.SpinBlock(
                GRID,
                channels_in,
                channels_out,
                pool=pool,
                filter_values=filter_values,
                dtype=jnp.float64,
                rngs=nnx.Rngs(0),
            )

        field = {
            spin: normal(
                spin + 10, 3, 16, 16, c, dtype=jnp.float64 if spin == 0 else jnp.complex128
            )
            for spin, c in channels_in.items()
        }

        def loss(block, field, apply):
            result = apply(block, field)
            return sum(jnp.sum(jnp.abs(v) ** 3) for v in result.values()), result

        grad = nnx.jit(
            nnx.value_and_grad(loss, argnums=(0, 1), has_aux=True, allow_int=True), static_argnums=2
        )
        outcomes = []
        for apply in (
            lambda block, field: block(field, train=True),
            lambda block, field: block.composed(field, train=True),
        ):
            block = make()
            (_, result), gradients = grad(block, field, apply)
            outcomes.append((result, gradients, nnx.state(block, nnx.BatchStat)))
        leaves = [jax.tree.leaves(outcome) for outcome in outcomes]
        assert len(leaves[0]) == len(leaves[1])
        for one, other in zip(*leaves, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-10 * float(jnp.abs(other).max() + 1))
        evaluated = [
            b(field, train=False) for b in (block, lambda f, train: block.composed(f, train=train))
        ]
        for spin in channels_out:
            np.testing.assert_allclose(evaluated[0][spin], evaluated[1][spin], atol=1e-11)


def test_a_real_array_of_another_spin_is_taken_as_complex():
    block = sl.SpinBlock(GRID, {1: 1}, {0: 1, 1: 1}, rngs=nnx.Rngs(0))
    values = normal(0, 1, 16, 16, 1, dtype=jnp.float32)
    real, complex_ = (block({1: v}, train=False) for v in (values, values + 0j))
    for spin in real:
        np.testing.assert_array_equal(real[spin], complex_[spin])


def test_a_sharded_batch_is_not_gathered_in_a_block():
    from jax.sharding import AxisType, NamedSharding, PartitionSpec

    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    block = sl.SpinBlock(GRID, {0: 2, 1: 2}, {0: 3, 1: 3}, pool=True, rngs=nnx.Rngs(0))
    graph, parameters, rest = nnx.split(block, nnx.Param, ...)

    @jax.jit
    def gradient(parameters, rest, field):
        def loss(parameters):
            result = nnx.merge(graph, parameters, rest, copy=True)(field, train=True)
            return sum(jnp.mean(jnp.abs(v) ** 2) for v in result.values())

        return jax.grad(loss)(parameters)

    field = {0: normal(0, 16, 16, 16, 2, dtype=jnp.float32), 1: normal(1, 16, 16, 16, 2)}
    sharded = jax.device_put(field, NamedSharding(mesh, PartitionSpec("data")))
    text = gradient.lower(parameters, rest, sharded).compile().as_text()
    assert "all-reduce" in text
    assert "all-gather" not in text
    alone, together = (jax.tree.leaves(gradient(parameters, rest, f)) for f in (field, sharded))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * float(jnp.abs(one).max()))


def test_invariance_of_an_invariant_and_of_something_else():
    coefficients = st.random_coefficients(jax.random.key(0), {1: 2}, 8, batch=8)
    arguments = (GRID, coefficients)

    def power(field):
        return sl.sphere_mean(jnp.abs(field[1]) ** 2, GRID)

    assert sl.invariance_error(power, *arguments, key=jax.random.key(1)) < 1e-4
    corner = sl.invariance_error(lambda f: f[1][:, 3, 3].real, *arguments, key=jax.random.key(1))
    assert corner > 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sl.PhaseCollapse({1: 2}, rngs=nnx.Rngs(0)), "needs spin 0"),
        (lambda: sl.weighted_pool({}, st.EquiangularGrid(6)), "multiple of 4"),
        (lambda: sl.sphere_mean(jnp.ones((1, 8, 8, 1)), GRID), r"\(batch, 16, 16, channel\)"),
        (
            lambda: sl.SpinBatchNormalization(GRID, {0: 1})(
                {0: jnp.ones((1, 8, 8, 1))}, train=True
            ),
            r"\(batch, 16, 16, 1\)",
        ),
        (lambda: sl.MagnitudeNonlinearity({0: 1})({1: jnp.ones((1, 8, 8, 1))}), "0: "),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
