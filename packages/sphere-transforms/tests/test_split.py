"""The transforms on parts held longitude-major: they are the public ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sphere_transforms as st
from sphere_transforms import grids, split


def parts_of(values):
    """Public complex (batch, lat, long, channel), or (batch, ell, m, channel), longitude-major."""
    values = jnp.transpose(values, (2, 1, 0, 3))
    return values.real, values.imag


def assert_parts(found, expected):
    for part, values in zip(found, parts_of(expected), strict=True):
        np.testing.assert_allclose(part, values, rtol=0, atol=3e-6)


@pytest.mark.parametrize("grid", [grids.EquiangularGrid(12), grids.McEwenWiauxGrid(6)], ids=repr)
@pytest.mark.parametrize("spin", [0, 1])
def test_complex_fields(grid, spin):
    transform = st.SpinTransform(grid, (spin,), method="tables")
    field = jax.random.normal(jax.random.key(0), (2, *grid.shape, 3), jnp.complex64)
    coefficients = transform.forward({spin: field})[spin]
    assert_parts(transform.analyze(spin, parts_of(field)), coefficients)
    expected = transform.inverse({spin: coefficients})[spin]
    assert_parts(transform.synthesize(spin, parts_of(coefficients)), expected)


def test_real_fields_by_half_of_their_coefficients():
    grid = grids.EquiangularGrid(12)
    transform = st.SpinTransform(grid, (0,), method="tables")
    field = jax.random.normal(jax.random.key(0), (2, *grid.shape, 3))
    coefficients = transform.forward({0: field})[0]
    half = transform.analyze_real(jnp.transpose(field, (2, 1, 0, 3)))
    assert half[0].shape == (6, 6, 2, 3)
    assert_parts(split.expand_half(half), coefficients)
    expected = jnp.transpose(
        transform.inverse({0: coefficients}, real_scalars=True)[0], (2, 1, 0, 3)
    )
    np.testing.assert_allclose(transform.synthesize_real(half), expected, rtol=0, atol=3e-6)
    # Coefficients of a complex field: those of its real part.
    turned = coefficients * (1 + 2j)
    expected = transform.forward({0: transform.inverse({0: turned})[0].real})[0]
    assert_parts(split.expand_half(split.real_part(parts_of(turned))), expected)


@pytest.mark.parametrize(
    ("grid", "method"),
    [(grids.EquiangularGrid(12), "recursion"), (grids.HealpixGrid(2), "tables")],
)
def test_only_tables_on_rings_of_one_length_have_it(grid, method):
    transform = st.SpinTransform(grid, (0,), method=method)
    parts = (jnp.ones((12, 12, 1, 1)),) * 2
    with pytest.raises(ValueError, match="equal rings and method='tables'"):
        transform.analyze(0, parts)
