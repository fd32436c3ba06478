"""The recursion at large band limits: against ducc0 and the reference, and there and back."""

import dataclasses

import ducc0
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import difference, random_coefficients

import sphere_transforms as st
from sphere_transforms.harmonics import latitude_functions_by_degree


@dataclasses.dataclass(frozen=True)
class FewRings(st.RingGrid):
    """Some rings: a synthesis is right on them, an analysis is not."""

    band_limit: int
    angles: tuple[float, ...]

    shape = property(lambda self: (len(self.angles), 2 * self.band_limit - 1))
    colatitudes = property(lambda self: np.array(self.angles))
    quadrature_weights = property(lambda self: np.ones(len(self.angles)))


def highest_degree(band_limit, spin):
    """Random coefficients of the highest degree, at every order."""
    m = 2 * band_limit - 1
    rng = np.random.default_rng(band_limit + spin)
    values = np.zeros((1, band_limit, m, 1), complex)
    values[0, -1, :, 0] = rng.standard_normal(m) + 1j * rng.standard_normal(m)
    return values


def by_the_reference(grid, spin, values):
    *_, (_, functions) = latitude_functions_by_degree(grid.band_limit, spin, grid.colatitudes)
    sums = functions * values[0, -1]
    samples = np.zeros(grid.shape, complex)
    m = np.arange(1 - grid.band_limit, grid.band_limit)
    samples[:, m] = sums.T
    return np.fft.ifft(samples, axis=1) * grid.shape[1]


def by_ducc0(grid, spin, values):
    alm = np.asarray(st.to_ducc0({spin: values})[spin][0, 0])
    rings, samples = grid.shape
    maps = ducc0.sht.synthesis(
        alm=alm,
        spin=abs(spin),
        lmax=grid.band_limit - 1,
        theta=grid.colatitudes,
        nphi=np.full(rings, samples, np.uint64),
        phi0=np.zeros(rings),
        ringstart=np.arange(rings, dtype=np.uint64) * np.uint64(samples),
    )
    field = (maps[0] + 1j * maps[1]).reshape(grid.shape)
    return field.conj() if spin < 0 else field


# The start values are smallest for spins near L / e.
@pytest.mark.parametrize(
    ("band_limit", "spin"),
    [
        (1000, 350),
        (2048, 0),
        (2048, 682),
        *(
            pytest.param(band_limit, spin, marks=pytest.mark.slow)
            for band_limit, spins in (
                (1200, (-200,)),
                (2048, (2, 100, -750)),
                (4096, (0, 2, 100, 1365)),
            )
            for spin in spins
        ),
    ],
)
def test_functions_of_the_highest_degree(band_limit, spin):
    middle = st.GaussLegendreGrid(1000).colatitudes[228]
    grid = FewRings(band_limit, (2.4 / band_limit, 0.1, 0.4, middle, 1.5, 2.0, 3.1))
    with jax.enable_x64(True):
        values = highest_degree(band_limit, spin)
        transform = st.SpinTransform(grid, (spin,), method="recursion")
        field = jax.device_get(transform.inverse({spin: values}))[spin][0, :, :, 0]
        expected = by_the_reference(grid, spin, values)
        if spin != 0:
            theirs = by_ducc0(grid, spin, values)
    size = np.abs(expected).max()
    assert np.abs(field - expected).max() < 1e-11 * size
    if spin != 0:
        # At the first ring they differ by 1e-9 from both at large band limits.
        assert np.abs(field - theirs)[1:].max() < 1e-11 * size
    single = st.SpinTransform(grid, (spin,), method="recursion", dtype="float32")
    rounded = single.inverse({spin: values.astype(np.complex64)})[spin][0, :, :, 0]
    assert np.abs(rounded - expected).max() < 1e-6 * size


@pytest.mark.parametrize(
    ("band_limit", "spin"),
    [
        (512, 300),
        *(
            pytest.param(band_limit, spin, marks=pytest.mark.slow)
            for band_limit, spins in ((1000, (350,)), (2048, (0, 2, 100, 682)))
            for spin in spins
        ),
    ],
)
def test_coefficients_come_back(band_limit, spin):
    with jax.enable_x64(True):
        grid = st.GaussLegendreGrid(band_limit)
        transform = st.SpinTransform(grid, (spin,), method="recursion")
        coefficients = random_coefficients(0, {spin: 1}, band_limit)
        back = transform.forward(transform.inverse(coefficients))
        assert difference(back, coefficients) < 1e-11
    coefficients = {spin: jnp.asarray(values, jnp.complex64) for spin, values in back.items()}
    transform = st.SpinTransform(grid, (spin,), method="recursion", dtype="float32")
    back = transform.forward(transform.inverse(coefficients))
    assert difference(back, coefficients) < 1e-6
