"""A batch over several devices: every device transforms its own part, and nothing else moves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import normal
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import sphere_transforms as st
from sphere_transforms import grids

BATCH = 8
TRANSFORMS = [
    (grids.EquiangularGrid(12), "tables"),
    (grids.McEwenWiauxGrid(6), "recursion"),
    (grids.HealpixGrid(2), "tables"),
]
every_transform = pytest.mark.parametrize(("grid", "method"), TRANSFORMS, ids=repr)
by_batch = PartitionSpec("data")


def mesh_of(axis_type):
    return jax.make_mesh((8,), ("data",), axis_types=(axis_type,))


def random_field(grid):
    """A real field of spin 0 and a complex one of spin 1."""
    shape = (BATCH, *grid.shape, 2)
    return {0: normal(0, shape), 1: normal(1, shape, jnp.complex64)}


@jax.jit
def there_and_back(transform, field):
    """Products of coefficients as a field; both directions, real and complex."""
    a = transform.forward(field)
    return transform.inverse({0: a[0] * a[1], 1: a[1] ** 2}, real_scalars=True)


@jax.jit
def gradient(transform, field):
    def loss(field):
        return sum(jnp.sum(jnp.abs(v) ** 2) for v in there_and_back(transform, field).values())

    return jax.grad(loss)(field)


def assert_same(found, expected):
    for spin in expected:
        largest = jnp.abs(expected[spin]).max()
        np.testing.assert_allclose(found[spin], expected[spin], rtol=0, atol=2e-6 * largest)


@pytest.mark.usefixtures("fully_optimized")
@every_transform
@pytest.mark.parametrize(
    "function",
    [there_and_back, pytest.param(gradient, marks=pytest.mark.slow)],
    ids=["transforms", "gradient"],
)
def test_a_sharded_batch_stays_where_it_is(grid, method, function):
    transform = st.SpinTransform(grid, (0, 1), method=method)
    field = random_field(grid)
    sharding = NamedSharding(mesh_of(AxisType.Auto), by_batch)
    compiled = function.lower(transform, jax.device_put(field, sharding)).compile()
    text = compiled.as_text()
    for exchange in ("all-gather", "all-to-all", "collective-permute", "all-reduce"):
        # The loss itself is not asked for, so that its sum is not taken.
        assert exchange not in text
    found = compiled(*jax.device_put((transform, field), (None, sharding)))
    for values in found.values():
        assert values.sharding.is_equivalent_to(sharding, values.ndim)
    assert_same(found, function(transform, field))


@every_transform
def test_explicit_sharding_is_kept(grid, method):
    transform = st.SpinTransform(grid, (0, 1), method=method)
    field = random_field(grid)
    sharding = NamedSharding(mesh_of(AxisType.Explicit), by_batch)
    found = there_and_back(transform, jax.device_put(field, sharding))
    for values in found.values():
        assert jax.typeof(values).sharding.spec == PartitionSpec(
            "data", *[None] * (values.ndim - 1)
        )
    assert_same(found, there_and_back(transform, field))


@pytest.mark.parametrize(("grid", "method"), TRANSFORMS[1:], ids=repr)
def test_a_gradient_through_shard_map(grid, method):
    transform = st.SpinTransform(grid, (0, 1), method=method)
    field = random_field(grid)

    @jax.jit
    def gradient_by_parts(transform, field):
        mapped = jax.shard_map(
            lambda part: there_and_back(transform, part),
            mesh=mesh_of(AxisType.Auto),
            in_specs=by_batch,
            out_specs=by_batch,
        )

        def loss(field):
            return sum(jnp.sum(jnp.abs(v) ** 2) for v in mapped(field).values())

        return jax.grad(loss)(field)

    assert_same(gradient_by_parts(transform, field), gradient(transform, field))
