"""Every layer on every kind of grid, or one clear line where it cannot serve one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import random_coefficients
from flax import nnx

import sphere_transforms as st
import spin_layers as sl

GRIDS = [
    st.DriscollHealyGrid(8),
    st.EquiangularGrid(16),
    st.FejerGrid(16),
    st.GaussLegendreGrid(8),
    st.HealpixGrid(4),
    st.LatLonGrid(8, 16, poles=False),
    st.LatLonGrid(9, 16),
    st.McEwenWiauxGrid(8),
]
CHANNELS = {0: 2, 1: 2}
each_grid = pytest.mark.parametrize("grid", GRIDS, ids=repr)


def field_on(grid, batch=2):
    coefficients = random_coefficients(0, CHANNELS, grid.band_limit, batch=batch, real_scalars=True)
    return st.SpinTransform(grid, tuple(CHANNELS)).inverse(coefficients, real_scalars=True)


@each_grid
@pytest.mark.parametrize("pooling", ["weighted", "spectral"])
def test_a_block_pools_to_the_coarser_grid(grid, pooling):
    if pooling == "weighted" and grid.shape in {(8, 15), (9, 16)}:
        with pytest.raises(ValueError, match=r"has shape \(\d, 1\d\).*Use pooling='spectral'"):
            sl.SpinBlock(grid, CHANNELS, CHANNELS, pool=True, pooling=pooling, rngs=nnx.Rngs(0))
        return
    block = sl.SpinBlock(grid, CHANNELS, CHANNELS, pool=True, pooling=pooling, rngs=nnx.Rngs(0))
    assert block.output_grid == grid.coarser()
    field = field_on(grid)
    found, expected = nnx.jit(
        lambda block, field: (block(field, train=False), block.composed(field, train=False))
    )(block, field)
    for spin, values in found.items():
        assert values.shape == (2, *grid.coarser().shape, 2)
        np.testing.assert_allclose(values, expected[spin], rtol=0, atol=3e-6)


@each_grid
def test_a_block_trains(grid):
    """The statistics of the batch are the normalisation's, and every parameter has a gradient."""
    block = sl.SpinBlock(grid, CHANNELS, CHANNELS, nonlinearity="gated", rngs=nnx.Rngs(0))
    field = field_on(grid)

    def loss(block, field):
        found = block(field, train=True)
        return sum(jnp.mean(jnp.abs(found[spin] - field[spin]) ** 2) for spin in found)

    value, gradients = nnx.jit(nnx.value_and_grad(loss))(block, field)
    assert np.isfinite(value)
    for leaf in jax.tree.leaves(gradients):
        assert np.all(np.isfinite(leaf))
        assert np.any(leaf != 0)
    # Mean squares over the batch, and over the sphere by the grid's quadrature.
    normalized = sl.SpinBatchNormalization(grid, CHANNELS)
    nnx.jit(lambda layer, field: layer(field, train=True))(normalized, field)
    for spin, values in field.items():
        power = st.mean(np.abs(values) ** 2, grid).mean(0)
        found = (normalized.second_moment[f"spin_{spin}"][...] - 0.99) / 0.01
        np.testing.assert_allclose(found, power, rtol=1e-3)


@each_grid
def test_layers_keep_the_shape_of_the_grid(grid):
    field = field_on(grid)
    layers = [
        sl.SpinConvolution(grid, CHANNELS, CHANNELS, rngs=nnx.Rngs(0)),
        lambda field: sl.SpinBatchNormalization(grid, CHANNELS)(field, train=False),
        lambda field: sl.SpinBatchNormalization(grid, CHANNELS)(field, train=True),
        sl.MagnitudeNonlinearity(CHANNELS),
        sl.GatedNonlinearity(CHANNELS, rngs=nnx.Rngs(0)),
        sl.PhaseCollapse(CHANNELS, rngs=nnx.Rngs(0)),
        lambda field: sl.unpack(sl.pack(field), grid),
    ]
    for layer in layers:
        found = jax.eval_shape(lambda layer=layer: layer(field))
        assert {spin: values.shape for spin, values in found.items()} == {
            spin: values.shape for spin, values in field.items()
        }
    means = sl.global_pool(field, grid)
    assert means.shape == (2, 4)
    found = sl.global_pool_packed(sl.pack(field), grid)
    np.testing.assert_allclose(found, means, rtol=2e-6, atol=1e-6)


def test_pooling_on_healpix_averages_by_fours():
    grid, rng = st.HealpixGrid(4), np.random.default_rng(0)
    field = {0: rng.normal(size=(2, 192, 3)), 1: rng.normal(size=(2, 192, 3, 2)) @ [1, 1j]}
    field = {0: jnp.asarray(field[0]), 1: jnp.asarray(field[1])}
    pooled, coarse = sl.weighted_pool(field, grid)
    assert coarse == st.HealpixGrid(2)
    for spin, values in field.items():
        np.testing.assert_allclose(
            pooled[spin], values[:, grid.coarser_cells].mean(2), rtol=1e-5, atol=1e-6
        )
        # Pixels have equal areas, so the mean over the sphere is kept.
        np.testing.assert_allclose(st.mean(pooled[spin], coarse), st.mean(values, grid), atol=1e-6)
    with pytest.raises(ValueError, match="nside is odd"):
        sl.weighted_pool({0: jnp.zeros((1, 108, 1))}, st.HealpixGrid(3))
    with pytest.raises(ValueError, match=r"must be \(batch, 192, channel\)"):
        sl.weighted_pool({0: jnp.zeros((1, 16, 12, 1))}, grid)


def test_a_block_on_healpix_is_as_equivariant_as_its_quadrature():
    """Relative error of the convolution, which is exactly equivariant where quadrature is exact."""
    errors = {}
    for grid in (st.HealpixGrid(8), st.GaussLegendreGrid(16)):
        layer = sl.SpinConvolution(grid, CHANNELS, CHANNELS, rngs=nnx.Rngs(0))
        coefficients = st.random_coefficients(
            jax.random.key(1), CHANNELS, 16, batch=2, real_scalars=True
        )
        errors[type(grid).__name__] = float(
            jnp.max(sl.equivariance_error(layer, grid, coefficients, key=jax.random.key(2)))
        )
    assert errors["GaussLegendreGrid"] < 1e-5
    assert errors["HealpixGrid"] < 0.03  # 1.1e-2 for each transform: see HealpixGrid
