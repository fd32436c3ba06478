import math
import re

import ducc0
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from jax.test_util import check_grads

import sphere_transforms as st
from sphere_transforms import reference

GRID = st.EquiangularGrid(12)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def coefficients_of(spins, band_limit, seed=0, batch=2, channels=3, **options):
    return st.random_coefficients(
        jax.random.key(seed), dict.fromkeys(spins, channels), band_limit, batch=batch, **options
    )


def relative(found, expected):
    return float(jnp.linalg.norm(found - expected) / jnp.linalg.norm(expected))


@pytest.mark.parametrize("spin", [-2, -1, 0, 1, 3])
def test_agrees_with_the_definition(x64, spin):
    transform = st.SpinTransform(GRID, (spin,))
    coefficients = coefficients_of((spin,), 6, batch=1, channels=1)
    field = transform.inverse(coefficients)[spin][0, :, :, 0]
    expected = reference.inverse(np.asarray(coefficients[spin][0, :, :, 0]), GRID, spin)
    np.testing.assert_allclose(field, expected, atol=1e-13)
    found = transform.forward({spin: field[None, :, :, None]})[spin][0, :, :, 0]
    np.testing.assert_allclose(found, reference.forward(expected, GRID, spin), atol=1e-13)


@pytest.mark.parametrize("spin", [0, 1, 2, 4])
def test_inverse_agrees_with_ducc0(x64, spin):
    # ducc0 takes a field of spin s as real and imaginary parts, and its coefficients as gradient
    # and curl: +-s a_lm = -(E +- i B), with the sign (-1)^s of healpy's convention besides.
    band_limit, resolution = 32, 64
    grid = st.EquiangularGrid(resolution)
    degrees, orders = np.meshgrid(np.arange(band_limit), np.arange(band_limit), indexing="ij")
    inside = (degrees >= orders) & (degrees >= spin)
    rng = np.random.default_rng(spin)
    parts = 1 if spin == 0 else 2
    modes = rng.normal(size=(parts, band_limit, band_limit, 2)) @ np.array([1, 1j])
    modes[:, :, 0] = modes[:, :, 0].real
    modes *= inside
    packed = np.stack([np.concatenate([m[o:, o] for o in range(band_limit)]) for m in modes])
    theirs = ducc0.sht.synthesis_2d(
        alm=packed,
        ntheta=resolution,
        nphi=resolution,
        spin=spin,
        lmax=band_limit - 1,
        geometry="CC",
    )
    ours = np.zeros((band_limit, 2 * band_limit - 1), complex)
    sign = (-1.0) ** np.arange(band_limit)
    if spin == 0:
        ours[:, band_limit - 1 :] = modes[0]
        ours[:, band_limit - 1 :: -1] = sign * modes[0].conj()
        expected = theirs[0]
    else:
        e, b = modes
        ours[:, band_limit - 1 :] = -(e + 1j * b)
        ours[:, band_limit - 1 :: -1] = -sign * (e.conj() + 1j * b.conj())
        expected = theirs[0] + 1j * theirs[1]
    found = st.SpinTransform(grid, (spin,)).inverse({spin: jnp.asarray(ours)[None, :, :, None]})
    assert relative(found[spin][0, :, :, 0], expected) < 1e-13


@pytest.mark.parametrize(("resolution", "tolerance"), [(16, 1e-14), (64, 2e-14), (256, 1e-13)])
def test_round_trip_in_float64(x64, resolution, tolerance):
    grid, spins = st.EquiangularGrid(resolution), (-1, 0, 2)
    transform = st.SpinTransform(grid, spins)
    coefficients = coefficients_of(spins, grid.band_limit, batch=1, channels=1)
    found = transform.forward(transform.inverse(coefficients))
    for spin in spins:
        assert relative(found[spin], coefficients[spin]) < tolerance


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
    field = jax.random.normal(jax.random.key(0), (2, 12, 12, 3))
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


def test_parseval(x64):
    transform = st.SpinTransform(GRID, (1,))
    coefficients = coefficients_of((1,), 6)
    field = transform.inverse(coefficients)[1]
    weights = jnp.asarray(GRID.quadrature_weights)[None, :, None, None]
    power = jnp.sum(weights * jnp.abs(field) ** 2)
    np.testing.assert_allclose(power, jnp.sum(jnp.abs(coefficients[1]) ** 2), rtol=1e-13)


@settings(deadline=None, max_examples=15)
@given(
    spin=some.integers(-4, 4),
    half=some.integers(5, 14),
    seed=some.integers(0, 2**31),
    factor=some.floats(-10, 10),
)
def test_round_trip_and_linearity_for_any_spin_and_resolution(spin, half, seed, factor):
    with jax.enable_x64(True):
        transform = st.SpinTransform(st.EquiangularGrid(2 * half), (spin,))
        one, other = (
            coefficients_of((spin,), half, s, batch=1, channels=1)[spin] for s in (seed, seed + 1)
        )
        fields = [transform.inverse({spin: c})[spin] for c in (one, other, one + factor * other)]
        np.testing.assert_allclose(fields[0] + factor * fields[1], fields[2], atol=1e-11)
        np.testing.assert_allclose(transform.forward({spin: fields[0]})[spin], one, atol=1e-11)


def test_the_derivative_is_the_adjoint(x64):
    # <T x, y> = <x, T* y> in the real inner product, for the whole complex-linear map.
    transform = st.SpinTransform(GRID, (1,))
    x = coefficients_of((1,), 6, seed=1)[1]
    y = jax.random.normal(jax.random.key(2), (2, 12, 12, 3), jnp.complex128)

    def inverse(values):
        return transform.inverse({1: values})[1]

    forward_side = jnp.sum(inverse(x) * y)
    (pulled,) = jax.vjp(inverse, x)[1](y)
    np.testing.assert_allclose(forward_side, jnp.sum(x * pulled), rtol=1e-12)


def test_derivatives_of_both_modes_and_two_orders(x64):
    transform = st.SpinTransform(st.EquiangularGrid(8), (0, 1))

    def loss(scalar, vector):
        coefficients = transform.forward({0: scalar, 1: vector})
        product = {0: coefficients[1] * 1j, 1: coefficients[0] + coefficients[1] ** 2}
        field = transform.inverse(product)
        return jnp.sum(jnp.abs(field[1]) ** 2 + jnp.sin(field[0].real))

    scalar = jax.random.normal(jax.random.key(0), (1, 8, 8, 1))
    vector = jax.random.normal(jax.random.key(1), (1, 8, 8, 1), jnp.complex128)
    check_grads(loss, (scalar, vector), order=2, modes=("fwd", "rev"), atol=1e-4, rtol=1e-4)


def test_vmap_agrees_with_a_loop():
    transform = st.SpinTransform(GRID, (0, 1))
    field = jax.random.normal(jax.random.key(0), (5, 2, 12, 12, 3), jnp.complex64)
    mapped = jax.vmap(lambda x: transform.forward({1: x})[1], in_axes=1, out_axes=2)(
        jnp.moveaxis(field, 0, 1)
    )
    for index in range(5):
        expected = transform.forward({1: field[index]})[1]
        np.testing.assert_allclose(mapped[:, :, index], expected, atol=1e-6)


def test_tables_are_arguments_of_the_compiled_function_not_constants():
    transform = st.SpinTransform(st.EquiangularGrid(64), (0, 1))
    x = jnp.ones((1, 64, 64, 1))
    outside = jax.jit(lambda t, x: t.forward({0: x})).lower(transform, x).as_text()
    inside = jax.jit(lambda x: transform.forward({0: x})).lower(x).as_text()
    assert len(outside) < 30_000 < 200_000 < len(inside)


def test_a_sharded_batch_is_not_gathered():
    from jax.sharding import AxisType, NamedSharding, PartitionSpec

    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    transform = st.SpinTransform(GRID, (0, 1))
    x = jax.random.normal(jax.random.key(0), (16, 12, 12, 3), jnp.complex64)
    sharded = jax.device_put(x, NamedSharding(mesh, PartitionSpec("data")))
    function = jax.jit(lambda t, x: t.inverse(t.forward({1: x}))[1])
    text = function.lower(transform, sharded).compile().as_text()
    assert "all-gather" not in text
    assert "all-to-all" not in text
    np.testing.assert_allclose(function(transform, sharded), function(transform, x), atol=1e-5)


def test_differentiating_by_the_tables_is_refused():
    transform = st.SpinTransform(GRID, (0,))
    field = jnp.ones((1, 12, 12, 1))
    with pytest.raises(TypeError, match="tables of a transform are constants"):
        jax.grad(lambda t: jnp.abs(t.forward({0: field})[0]).sum())(transform)


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
