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
    # In evaluation the start values are removed: after one update, the statistics are the batch's.
    evaluated = layer(field, train=False)
    for spin in (0, 1):
        np.testing.assert_allclose(evaluated[spin], found[spin], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.99, 0.9999])
def test_statistics_without_their_start_are_the_weighted_mean_of_the_batches(momentum):
    start, running = 1.0, 1.0
    batches = np.random.default_rng(0).uniform(1e-3, 3e-3, 7)
    for batch in batches:
        running = momentum * running + (1 - momentum) * batch
    weights = momentum ** np.arange(len(batches))[::-1]
    with jax.enable_x64(True):
        found = sl.without_start(jnp.asarray(running), start, momentum, jnp.asarray(7))
        np.testing.assert_allclose(found, weights @ batches / weights.sum(), rtol=1e-9)
        assert sl.without_start(jnp.asarray(0.3), start, momentum, jnp.asarray(0)) == 0.3
    # After many updates nothing changes, in any bit.
    many = sl.without_start(jnp.float32(running), start, momentum, jnp.asarray(sl.MANY_UPDATES))
    assert many == jnp.float32(running)


def test_evaluation_after_a_few_updates_is_as_training():
    layer = sl.SpinBatchNormalization(GRID, {0: 2, 1: 2})
    for seed in range(3):
        # Small values, as in a network: their second moment is far from the start value 1.
        field = {spin: 0.05 * normal(seed, 3, *GRID.shape, 2) for spin in (0, 1)}
        trained = layer(field, train=True)
    assert layer.updates[...] == 3
    evaluated = layer(field, train=False)
    for spin in (0, 1):
        size = np.sqrt(np.mean(np.abs(trained[spin]) ** 2))
        difference = np.sqrt(np.mean(np.abs(evaluated[spin] - trained[spin]) ** 2))
        assert difference < 0.2 * size


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


def test_gated_nonlinearity():
    layer = sl.GatedNonlinearity({-1: 1, 0: 2, 2: 1}, rngs=nnx.Rngs(0))
    assert layer.modulus_kernel.shape == layer.gate_kernel.shape == (2, 2)
    layer.modulus_kernel[...] = jnp.asarray([[1.0, 0.0], [-1.0, -2.0]])
    layer.gate_kernel[...] = jnp.asarray([[np.log(3), 0.0], [0.0, 0.5]])
    layer.gate_bias[...] = jnp.asarray([0.0, -2.0])
    field = {
        -1: jnp.full((1, 1, 1, 1), 5j),
        0: jnp.asarray([1 + 7j, 4]).reshape(1, 1, 1, 2),
        2: jnp.full((1, 1, 1, 1), 3 + 4j),
    }
    found = layer(field)
    assert list(found) == [-1, 0, 2]
    np.testing.assert_allclose(found[-1].ravel(), [2 * 3 / 4 * 5j], rtol=1e-6)
    np.testing.assert_allclose(found[0].ravel(), [1, -0.06], rtol=1e-6)
    np.testing.assert_allclose(found[2].ravel(), [3 + 4j], rtol=1e-6)


@pytest.mark.parametrize("channels", [{0: 1}, {1: 1, 2: 1}])
def test_gates_are_between_spin_0_and_others(channels):
    with pytest.raises(ValueError, match="needs both"):
        sl.GatedNonlinearity(channels, rngs=nnx.Rngs(0))


def test_a_block_of_kinds_that_there_are_not_is_refused():
    for option in ({"pooling": "max"}, {"nonlinearity": "relu"}):
        with pytest.raises(ValueError, match=f"{next(iter(option))} is '.*'; take '"):
            sl.SpinBlock(GRID, {0: 1}, {0: 1}, rngs=nnx.Rngs(0), **option)


def test_spectral_pooling_is_as_equivariant_as_the_grid_is_fine():
    """Of smooth fields: the error of samples' weighted means is larger by far."""
    coefficients = st.random_coefficients(jax.random.key(1), {0: 1}, 4, batch=2, real_scalars=True)
    padded = {0: jnp.pad(coefficients[0], [(0, 0), (0, 4), (4, 4), (0, 0)])}
    errors = {}
    for pooling in ("weighted", "spectral"):
        block = sl.SpinBlock(
            GRID, {0: 1}, {0: 2, 1: 2}, pool=True, pooling=pooling, rngs=nnx.Rngs(0)
        )
        # The linear part alone: pointwise nonlinearities alias, whatever the pooling.
        block.nonlinearity = lambda field: field
        errors[pooling] = float(
            jnp.max(
                sl.equivariance_error(
                    lambda field, block=block: block.composed(field, train=False),
                    GRID,
                    padded,
                    key=jax.random.key(2),
                    output_grid=block.output_grid,
                )
            )
        )
    assert errors["spectral"] < 1e-5 < 1e-2 < errors["weighted"]


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
        sl.GatedNonlinearity({0: 2, 1: 2, 2: 2}, rngs=nnx.Rngs(0)),
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
