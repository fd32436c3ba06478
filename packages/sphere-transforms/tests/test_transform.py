import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import normal, random_coefficients

import sphere_transforms as st
from sphere_transforms import grids
from sphere_transforms.fields import change_band_limit
from sphere_transforms.harmonics import definitions

GRID = st.EquiangularGrid(12)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def coefficients_of(spins, band_limit, seed=0, batch=2, channels=3, **options):
    return random_coefficients(
        seed, dict.fromkeys(spins, channels), band_limit, batch=batch, **options
    )


def relative(found, expected):
    return float(jnp.linalg.norm(found - expected) / jnp.linalg.norm(expected))


@pytest.mark.parametrize("method", ["tables", "recursion"])
def test_agrees_with_the_definition(x64, method):
    spins = (-2, 0, 3)
    transform = st.SpinTransform(GRID, spins, method=method)
    coefficients = coefficients_of(spins, 6, batch=1, channels=1)
    field = jax.jit(lambda t, a: t.inverse(a))(transform, coefficients)
    found = jax.jit(lambda t, f: t.forward(f))(transform, field)
    for spin in spins:
        expected = definitions.inverse(np.asarray(coefficients[spin][0, :, :, 0]), GRID, spin)
        np.testing.assert_allclose(field[spin][0, :, :, 0], expected, rtol=0, atol=1e-14)
        expected = definitions.forward(expected, GRID, spin)
        np.testing.assert_allclose(found[spin][0, :, :, 0], expected, rtol=0, atol=1e-14)


def test_round_trip_in_float32_and_dtypes():
    transform = st.SpinTransform(st.EquiangularGrid(64), (0, 1))
    coefficients = coefficients_of((0, 1), 32)
    field = transform.inverse(coefficients)
    found = transform.forward(field)
    for spin in (0, 1):
        assert field[spin].dtype == found[spin].dtype == jnp.complex64
        assert relative(found[spin], coefficients[spin]) < 1e-6


def test_float32_input_stays_float32_under_x64(x64):
    transform = st.SpinTransform(GRID, (0, 1))
    assert transform.dtype == np.float64
    assert transform.forward({0: jnp.ones((1, 12, 12, 1), jnp.float32)})[0].dtype == jnp.complex64


def test_real_scalars_take_the_half_path_with_the_same_result():
    transform = st.SpinTransform(GRID, (0,))
    field = normal(0, (2, 12, 12, 3))
    half, full = (transform.forward({0: values})[0] for values in (field, field + 0j))
    np.testing.assert_allclose(half, full, atol=2e-6)
    products, samples = zip(
        *(sizes(transform, values) for values in (field, field + 0j)), strict=True
    )
    assert 2 * products[0] == products[1]
    assert 2 * samples[0] == samples[1]


def sizes(transform, field):
    """Numbers that the matrix products and the FFT of a forward transform take or give."""
    text = jax.jit(lambda t, x: t.forward({0: x})[0]).lower(transform, field).as_text()
    results = re.findall(r"stablehlo.dot_general.*-> tensor<([0-9x]+)xf32>", text)
    ((length, kind),) = re.findall(r"stablehlo.fft.*: \(tensor<([0-9x]+)x(f32|complex<f32>)>", text)
    count = [math.prod(map(int, shape.split("x"))) for shape in (*results, length)]
    return sum(count[:-1]), count[-1] * (2 if kind.startswith("complex") else 1)


@pytest.mark.parametrize("method", ["tables", "recursion"])
def test_vmap_agrees_with_a_loop(method):
    transform = st.SpinTransform(GRID, (0, 1), method=method)
    # The mapped axis is the second of the one and the last of the other.
    field = {
        0: normal(0, (2, 5, 12, 12, 3)),
        1: normal(1, (2, 12, 12, 3, 5), jnp.complex64),
    }

    def there_and_back(transform, field):
        coefficients = transform.forward(field)
        return coefficients, transform.inverse(coefficients, real_scalars=True)

    axes = {0: 1, 1: 4}
    mapped = jax.jit(jax.vmap(there_and_back, (None, axes), (axes, axes)))(transform, field)
    alone = jax.jit(there_and_back)
    for index in range(5):
        one = {spin: jnp.take(field[spin], index, axis) for spin, axis in axes.items()}
        for found, expected in zip(mapped, alone(transform, one), strict=True):
            for spin, axis in axes.items():
                values = jnp.take(found[spin], index, axis)
                np.testing.assert_allclose(values, expected[spin], rtol=0, atol=5e-6)


def test_jit_changes_nothing_and_the_transform_passes_through_it():
    transform = st.SpinTransform(GRID, (0, 1))
    field = {1: normal(0, (2, 12, 12, 3), jnp.complex64)}
    found = jax.jit(lambda t, x: t.forward(x))(transform, field)
    np.testing.assert_allclose(found[1], transform.forward(field)[1], rtol=0, atol=1e-6)
    copy = jax.jit(lambda t: t)(transform)
    assert repr(copy) == repr(transform)
    assert copy.memory == transform.memory
    np.testing.assert_array_equal(copy.forward(field)[1], transform.forward(field)[1])


@pytest.mark.parametrize("grid", [GRID, grids.McEwenWiauxGrid(6), grids.HealpixGrid(3)], ids=repr)
def test_a_lower_band_limit_leaves_out_the_degrees_above(x64, grid):
    coefficients = coefficients_of((1,), 6)
    low = change_band_limit(coefficients, 4)
    full, lower = (st.SpinTransform(grid, (1,), band_limit) for band_limit in (6, 4))
    field = full.inverse(coefficients)
    expected = change_band_limit(full.forward(field), 4)
    assert relative(lower.forward(field)[1], expected[1]) < 5e-15
    expected = full.inverse(change_band_limit(low, 6))
    assert relative(lower.inverse(low)[1], expected[1]) < 5e-15


def test_tables_are_arguments_of_the_compiled_function_not_constants():
    transform = st.SpinTransform(st.EquiangularGrid(64), (0, 1))
    x = jnp.ones((1, 64, 64, 1))
    outside = jax.jit(lambda t, x: t.forward({0: x})).lower(transform, x).as_text()
    inside = jax.jit(lambda x: transform.forward({0: x})).lower(x).as_text()
    assert len(outside) < 30_000 < 200_000 < len(inside)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: st.SpinTransform(GRID, (6,)), ValueError, "only spins from -5 to 5"),
        (lambda: st.SpinTransform(GRID, ()), ValueError, "at least one spin"),
        (lambda: st.SpinTransform(GRID, (0,), 7), ValueError, "from 1 to 6"),
        (lambda: st.SpinTransform("ring", (0,)), ValueError, "grid object"),
        (lambda: st.SpinTransform(GRID, (0,), dtype="float64"), ValueError, "jax_enable_x64"),
        (lambda: st.SpinTransform(GRID, (0,), dtype="int8"), ValueError, "float32 or float64"),
        (lambda: forward({1: jnp.ones((1, 12, 12, 1))}), ValueError, "made for spins \\(0,\\)"),
        (lambda: forward({"spin_0": jnp.ones((1, 12, 12, 1))}), ValueError, "whole numbers"),
        (lambda: forward(jnp.ones((1, 12, 12, 1))), ValueError, "mapping from spin weight"),
        (lambda: forward({0: jnp.ones((12, 12))}), ValueError, "batch, lat, long, channel"),
        (lambda: forward({0: jnp.ones((1, 8, 8, 1))}), ValueError, "\\(1, 8, 8, 1\\)"),
        (lambda: forward({0: jnp.ones((1, 12, 12, 1), int)}), ValueError, "convert it"),
        (lambda: forward({0: np.ones((1, 12, 12, 1))}), ValueError, "jax_enable_x64"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def forward(field):
    return st.SpinTransform(GRID, (0,)).forward(field)
