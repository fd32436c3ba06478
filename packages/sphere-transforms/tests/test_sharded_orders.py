"""One map over several devices: against the transform on one device."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import normal
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import sphere_transforms as st
from sphere_transforms import grids
from sphere_transforms.transform import (
    coefficients_from_orders,
    forward_by_orders,
    inverse_by_orders,
    orders_from_coefficients,
)

# Twice the number of devices is the least band limit. The scalars are real or complex.
CASES = [
    (grids.EquiangularGrid(32), True),
    (grids.GaussLegendreGrid(16), False),
    (grids.McEwenWiauxGrid(16), True),
]
SPINS = (-1, 0)

cases = pytest.mark.parametrize(("grid", "real"), CASES, ids=repr)


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@functools.lru_cache
def mesh_of(count):
    devices = jax.devices()[:count]
    return jax.make_mesh((count,), ("part",), axis_types=(AxisType.Auto,), devices=devices)


@functools.lru_cache
def transform_of(grid, method="recursion"):
    return st.SpinTransform(grid, SPINS, method=method)


def random_field(grid, real):
    dtypes = (jnp.complex128, jnp.float64 if real else jnp.complex128)
    shape = (1, *grid.shape, 2)
    return {s: normal(abs(s), shape, d) for s, d in zip(SPINS, dtypes, strict=True)}


def on_devices(values, *axes):
    return jax.device_put(values, NamedSharding(mesh_of(8), PartitionSpec(*axes)))


def compiled(function, *arguments):
    """The compiled function, which exchanges data once for each of the two spins."""
    program = jax.jit(function).lower(*arguments).compile()
    check_exchanges(program, 2)
    return program


def check_exchanges(program, count):
    text = program.as_text()
    assert text.count(" all-to-all(") == count
    for exchange in ("all-gather", "all-reduce", "collective-permute"):
        assert exchange not in text


def assert_same(found, expected):
    assert set(found) == set(expected)
    for spin in expected:
        assert found[spin].dtype == expected[spin].dtype
        largest = jnp.abs(expected[spin]).max()
        np.testing.assert_allclose(found[spin], expected[spin], rtol=0, atol=1e-14 * largest)


def assert_spread(values, axis, count=8):
    """Every device holds its share of the axis."""
    for value in values.values():
        for shard in value.addressable_shards:
            assert shard.data.shape[axis] == value.shape[axis] // count


@cases
@pytest.mark.usefixtures("fully_optimized")
def test_both_directions(grid, real):
    transform = transform_of(grid)
    mesh = mesh_of(8)

    def forward(transform, field):
        return forward_by_orders(transform, field, mesh, "part")

    def inverse(transform, orders):
        return inverse_by_orders(transform, orders, mesh, "part")

    field = random_field(grid, real)
    spread = on_devices(field, None, "part")
    orders = compiled(forward, transform, spread)(transform, spread)
    assert_spread(orders, 0)
    tables = transform_of(grid, "tables")
    coefficients = jax.jit(lambda t, f: t.forward(f))(tables, field)
    assert_same(coefficients_from_orders(orders), coefficients)
    assert_same(orders, orders_from_coefficients(coefficients, real_scalars=real))
    assert orders[0].shape == (16, 16, 1 if real else 2, 1, 2)

    back = compiled(inverse, transform, orders)(transform, orders)
    assert_spread(back, 1)
    expected = jax.jit(lambda t, a: t.inverse(a, real_scalars=real))(tables, coefficients)
    assert_same(back, expected)


@pytest.mark.parametrize(("grid", "real"), CASES[1:], ids=repr)
@pytest.mark.usefixtures("fully_optimized")
def test_gradients_through_both_directions(grid, real):
    transform = transform_of(grid)
    mesh = mesh_of(8)
    degree = jnp.arange(grid.band_limit, dtype=jnp.float64)

    def loss(field):
        return sum(jnp.sum(jnp.abs(values) ** 4) for values in field.values())

    def loss_by_orders(field, transform):
        orders = forward_by_orders(transform, field, mesh, "part")
        orders = {s: a * degree[None, :, None, None, None] for s, a in orders.items()}
        return loss(inverse_by_orders(transform, orders, mesh, "part"))

    def loss_on_one_device(field, transform):
        coefficients = transform.forward(field)
        coefficients = {s: a * degree[None, :, None, None] for s, a in coefficients.items()}
        return loss(transform.inverse(coefficients, real_scalars=real))

    field = random_field(grid, real)
    spread = on_devices(field, None, "part")
    program = jax.jit(jax.grad(loss_by_orders)).lower(spread, transform).compile()
    check_exchanges(program, 8)  # two directions, and their transposes, of two spins
    found = program(spread, transform)
    assert_spread(found, 1)
    assert_same(found, jax.jit(jax.grad(loss_on_one_device))(field, transform_of(grid, "tables")))


def test_real_values_of_another_spin_are_a_complex_field():
    grid = grids.EquiangularGrid(8)
    transform = transform_of(grid)
    field = {-1: normal(0, (1, 8, 8, 1))}
    orders = forward_by_orders(transform, field, mesh_of(2), "part")
    assert_same(coefficients_from_orders(orders), transform.forward(field))


@pytest.mark.parametrize(
    ("grid", "method", "message"),
    [
        (grids.EquiangularGrid(32), "tables", "needs method='recursion'"),
        (grids.HealpixGrid(8, 16), "recursion", r"a grid of shape \(lat, long\)"),
        (grids.EquiangularGrid(20), "recursion", "8 must divide the 20 rings"),
        (grids.EquiangularGrid(16), "recursion", "16 the band limit 8"),
    ],
)
def test_what_does_not_fit_is_refused(grid, method, message):
    transform = st.SpinTransform(grid, SPINS, method=method)
    field, orders = {0: np.zeros((1, *grid.shape, 1))}, {0: np.zeros((16, 16, 1, 1, 1), complex)}
    with pytest.raises(ValueError, match=message):
        forward_by_orders(transform, field, mesh_of(8), "part")
    with pytest.raises(ValueError, match=message):
        inverse_by_orders(transform, orders, mesh_of(8), "part")
