"""The real basis is a change of basis: its transforms are the public ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import normal, random_coefficients

import sphere_transforms as st
from sphere_transforms import grids
from sphere_transforms.transform import RealBasisTransform


def parts_of(field):
    """Public complex (batch, lat, long, channel), longitude first."""
    field = jnp.transpose(field, (2, 1, 0, 3))
    return field.real, field.imag


def in_real_basis(coefficients):
    """Public (batch, ell, m, channel) to E and B, by their definition."""
    band_limit = coefficients.shape[1]
    turned = np.transpose(np.asarray(coefficients, np.complex128), (1, 2, 0, 3))
    plus, minus = turned[:, band_limit - 1 :], turned[:, band_limit - 1 :: -1]
    orders = np.arange(band_limit)
    minus = (-1.0) ** orders[None, :, None, None] * np.conj(minus)
    scale = np.where(orders == 0, 1, np.sqrt(2))[None, :, None, None]
    both = scale * (plus + minus) / 2, scale * (plus - minus) / 2j
    return [np.stack([part.real, part.imag], 2) for part in both]


@pytest.mark.parametrize(
    "grid",
    [
        grids.EquiangularGrid(12),
        grids.McEwenWiauxGrid(6),
        grids.GaussLegendreGrid(7),
        grids.EquiangularGrid(130),
    ],
    ids=repr,
)
@pytest.mark.parametrize("spin", [-2, 0, 1])
def test_both_directions(grid, spin):
    public = st.SpinTransform(grid, (spin,))
    transform = RealBasisTransform(grid, (spin,))
    coefficients = random_coefficients(0, {spin: 3}, grid.band_limit, batch=2, dtype=jnp.complex64)
    expected = in_real_basis(coefficients[spin])
    field = parts_of(public.inverse(coefficients)[spin])
    for found, values in zip(transform.analyze(spin, field), expected, strict=True):
        np.testing.assert_allclose(found, values, rtol=0, atol=3e-5)
    rows = tuple(jnp.asarray(part, jnp.float32) for part in expected)
    for found, values in zip(transform.synthesize(spin, rows), field, strict=True):
        np.testing.assert_allclose(found, values, rtol=0, atol=1e-4)


@pytest.mark.parametrize("spin", [-2, 0, 1])
def test_on_healpix(spin):
    """Its coefficients are those of the public transform, whose quadrature is approximate."""
    grid = grids.HealpixGrid(4, 7)
    public, transform = st.SpinTransform(grid, (spin,)), RealBasisTransform(grid, (spin,))
    coefficients = random_coefficients(0, {spin: 3}, 7, batch=2)
    field = public.inverse(coefficients)[spin]
    parts = parts_of(field[:, :, None])
    expected = in_real_basis(public.forward({spin: field})[spin])
    for found, values in zip(transform.analyze(spin, parts), expected, strict=True):
        np.testing.assert_allclose(found, values, rtol=0, atol=3e-5)
    rows = tuple(jnp.asarray(part, jnp.float32) for part in in_real_basis(coefficients[spin]))
    for found, values in zip(transform.synthesize(spin, rows), parts, strict=True):
        np.testing.assert_allclose(found, values, rtol=0, atol=1e-4)
    if spin == 0:  # a real field has E alone
        (electric,) = transform.analyze(0, parts[:1])
        np.testing.assert_allclose(electric, expected[0], rtol=0, atol=3e-5)
        (real,) = transform.synthesize(0, rows[:1])
        np.testing.assert_allclose(real, parts[0], rtol=0, atol=1e-4)
    with pytest.raises(ValueError, match="float16"):
        transform.analyze(spin, tuple(part.astype(jnp.float16) for part in parts))


@pytest.mark.parametrize("spin", [0, 1])
def test_a_band_limit_below_the_grids_drops_degrees(spin):
    grid, band_limit = grids.EquiangularGrid(16), 5
    whole, cut = RealBasisTransform(grid, (spin,)), RealBasisTransform(grid, (spin,), band_limit)
    field = tuple(normal(0, (2, 16, 16, 2, 3)))
    field = field[:1] if spin == 0 else field
    found = cut.analyze(spin, field)
    for part, more in zip(found, whole.analyze(spin, field), strict=True):
        np.testing.assert_allclose(part, more[:band_limit, :band_limit], atol=1e-5)
    padding = [(0, 3), (0, 3), (0, 0), (0, 0), (0, 0)]
    padded = tuple(jnp.pad(part, padding) for part in found)
    both = zip(cut.synthesize(spin, found), whole.synthesize(spin, padded), strict=True)
    for values, expected in both:
        np.testing.assert_allclose(values, expected, atol=1e-5)


def test_squares_add_up_to_the_power():
    grid = grids.EquiangularGrid(12)
    coefficients = random_coefficients(0, {1: 3}, 6, batch=2)
    field = st.SpinTransform(grid, (1,)).inverse(coefficients)[1]
    parts = RealBasisTransform(grid, (1,)).analyze(1, parts_of(field))
    power = np.sum(np.abs(coefficients[1]) ** 2)
    np.testing.assert_allclose(sum(np.sum(part**2) for part in parts), power, rtol=1e-5)


def test_a_real_field_has_no_magnetic_part():
    grid = grids.EquiangularGrid(12)
    transform = RealBasisTransform(grid, (0,))
    field = normal(0, (12, 12, 2, 3))
    (alone,) = transform.analyze(0, (field,))
    electric, magnetic = transform.analyze(0, (field, jnp.zeros_like(field)))
    np.testing.assert_array_equal(alone, electric)
    np.testing.assert_array_equal(magnetic, 0)


@pytest.mark.parametrize("spin", [0, 1])
def test_the_derivative_is_the_transpose(spin):
    with jax.enable_x64(True):
        transform = RealBasisTransform(grids.EquiangularGrid(12), (spin,), dtype=jnp.float64)
        field = tuple(normal(seed, (12, 12, 2, 3)) for seed in (0, 1))
        rows = tuple(normal(seed, (6, 6, 2, 2, 3)) for seed in (2, 3))
        for function, argument, cotangent in (
            (lambda x: transform.analyze(spin, x), field, rows),
            (lambda x: transform.synthesize(spin, x), rows, field),
        ):
            result, tangent = jax.jvp(function, (argument,), (argument,))
            (back,) = jax.vjp(function, argument)[1](cotangent)
            for one, other in zip(result, tangent, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-13)
            forth = sum(jnp.vdot(*pair) for pair in zip(result, cotangent, strict=True))
            again = sum(jnp.vdot(*pair) for pair in zip(back, argument, strict=True))
            np.testing.assert_allclose(forth, again, rtol=1e-12)


def test_tables_are_cast_to_what_is_transformed():
    with jax.enable_x64(True):
        transform = RealBasisTransform(grids.EquiangularGrid(12), (0,))
        for dtype in (jnp.float32, jnp.float64):
            assert transform.analyze(0, (jnp.ones((12, 12, 1, 1), dtype),))[0].dtype == dtype
    with pytest.raises(ValueError, match="float16"):
        RealBasisTransform(grids.EquiangularGrid(12), (0,)).analyze(
            0, (jnp.ones((12, 12, 1, 1), jnp.float16),)
        )
    with pytest.raises(ValueError, match="x64"):
        RealBasisTransform(grids.EquiangularGrid(12), (0,), dtype=jnp.float64)


@pytest.mark.parametrize(
    ("grid", "spins", "message"),
    [
        (grids.EquiangularGrid(8192), (0, 1), "GB of tables"),
        (grids.EquiangularGrid(12), (7,), "spin is 7"),
    ],
)
def test_bad_arguments(grid, spins, message):
    with pytest.raises(ValueError, match=message):
        RealBasisTransform(grid, spins)
