"""Grids that a user defines: the protocol is enough for transforms, and is checked."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import normal, random_coefficients

import sphere_transforms as st


@dataclasses.dataclass(frozen=True)
class ShiftedGaussLegendreGrid(st.RingGrid):
    """Gauss-Legendre rings whose first longitude is not zero."""

    band_limit: int
    longitude_offset: float = 0.0

    @property
    def inner(self) -> st.GaussLegendreGrid:
        return st.GaussLegendreGrid(self.band_limit)

    @property
    def shape(self) -> tuple[int, int]:
        return self.inner.shape

    @property
    def colatitudes(self) -> np.ndarray:
        return self.inner.colatitudes

    @property
    def quadrature_weights(self) -> np.ndarray:
        return self.inner.quadrature_weights


@dataclasses.dataclass(frozen=True)
class ReducedGaussianGrid:
    """Gauss-Legendre rings with fewer samples towards the poles, as weather models use."""

    band_limit: int

    @property
    def shape(self) -> tuple[int]:
        return (int(self.ring_lengths.sum()),)

    @property
    def ring_colatitudes(self) -> np.ndarray:
        return st.GaussLegendreGrid(self.band_limit).colatitudes

    @functools.cached_property
    def ring_lengths(self) -> np.ndarray:
        # Twice as many as the highest order that reaches the ring needs, and no power of two.
        reach = np.minimum(1.0, np.sin(self.ring_colatitudes) + 6 / self.band_limit)
        return 2 * np.ceil(self.band_limit * reach).astype(np.int64) + 1

    @property
    def ring_offsets(self) -> np.ndarray:
        return np.linspace(0, 0.1, self.band_limit)

    @property
    def colatitudes(self) -> np.ndarray:
        return np.repeat(self.ring_colatitudes, self.ring_lengths)

    @property
    def longitudes(self) -> np.ndarray:
        rings = zip(self.ring_offsets, self.ring_lengths, strict=True)
        return np.concatenate([o + 2 * np.pi * np.arange(n) / n for o, n in rings])

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        return self.colatitudes, self.longitudes

    @property
    def analysis(self) -> st.ColatitudeQuadrature:
        full = st.GaussLegendreGrid(self.band_limit)
        weights = full.quadrature_weights * full.shape[1] / self.ring_lengths
        return st.ColatitudeQuadrature(self.ring_colatitudes, weights)


GRIDS = [ShiftedGaussLegendreGrid(8, 0.03), ReducedGaussianGrid(16)]


@pytest.mark.parametrize("method", ["tables", "recursion"])
@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: type(grid).__name__)
@pytest.mark.parametrize("spin", [0, 1, -2])
def test_the_inverse_is_the_sum_of_harmonics_at_the_grid_s_points(grid, spin, method):
    band_limit = 8
    transform = st.SpinTransform(grid, (spin,), band_limit, method=method)
    coefficients = random_coefficients(0, {spin: 1}, band_limit)
    field = transform.inverse(coefficients)[spin]
    harmonics = st.spin_spherical_harmonics(band_limit, spin, *grid.points)
    expected = np.einsum("...lm,lm->...", harmonics, np.asarray(coefficients[spin])[0, :, :, 0])
    np.testing.assert_allclose(field[0, ..., 0], expected, atol=5e-6)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: type(grid).__name__)
def test_a_round_trip_restores_the_coefficients(grid, real):
    transform = st.SpinTransform(grid, (0, 1), 8)
    coefficients = random_coefficients(1, {0: 2, 1: 2}, 8, real_scalars=real, batch=3)
    found = transform.forward(transform.inverse(coefficients, real_scalars=real))
    for spin, values in coefficients.items():
        np.testing.assert_allclose(found[spin], values, atol=5e-6)


def test_an_offset_turns_the_coefficients_of_samples_by_its_phase():
    plain, shifted = st.GaussLegendreGrid(8), ShiftedGaussLegendreGrid(8, 0.03)
    field = {1: normal(2, (1, 8, 16, 1), jnp.complex64)}
    expected = st.SpinTransform(plain, (1,)).forward(field)[1]
    phases = np.exp(-1j * 0.03 * np.arange(-7, 8))[None, None, :, None]
    found = st.SpinTransform(shifted, (1,)).forward(field)[1]
    np.testing.assert_allclose(found, expected * phases, atol=2e-6)


def test_the_transpose_of_a_shifted_transform_is_exact():
    transform = st.SpinTransform(GRIDS[0], (1,))
    first = random_coefficients(3, {1: 1}, 8)
    field = {1: normal(4, (1, 8, 16, 1), jnp.complex64)}

    def product(coefficients):
        return jnp.sum(transform.inverse({1: coefficients})[1] * field[1])

    gradient = jax.grad(product, holomorphic=True)(first[1])
    np.testing.assert_allclose(jnp.sum(gradient * first[1]), product(first[1]), rtol=1e-5)


def changed(**changes):
    members = [
        "shape",
        "band_limit",
        "colatitudes",
        "longitudes",
        "ring_colatitudes",
        "ring_lengths",
        "ring_offsets",
        "analysis",
    ]
    grid = st.GaussLegendreGrid(8)
    attributes = {name: getattr(grid, name) for name in members} | changes
    present = {name: value for name, value in attributes.items() if value is not None}
    return type("UserGrid", (), present)()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ring_lengths": None}, "lacks ring_lengths.*complete yours"),
        ({"longitudes": np.arange(16) * 0.3}, "its longitudes are not ring_offsets"),
        ({"longitudes": 0.03 + 2 * np.pi * np.arange(16) / 16}, "not ring_offsets"),
        ({"ring_offsets": np.linspace(0, 0.1, 8)}, "the shape \\(pixel,\\)"),
        ({"ring_offsets": np.zeros(7)}, "ring_offsets has shape \\(7,\\)"),
        ({"ring_lengths": np.full(8, 15)}, "have 120 samples in all.*holds 128"),
        ({"ring_lengths": np.array([15, 17] * 4)}, "ring_lengths differ"),
        ({"band_limit": 9}, "claims band limit 9, but 16 longitudes carry degrees below 8 only"),
        ({"analysis": st.GaussLegendreGrid(9).analysis}, "analysis has 9 nodes for 8 rings"),
        ({"ring_lengths": np.full(8, 16.0)}, "ring_lengths is .*NumPy array of integers"),
        ({"ring_colatitudes": [0.1] * 8}, "ring_colatitudes is .*NumPy array of floats"),
        ({"ring_colatitudes": np.linspace(3, 0.1, 8)}, "ring_colatitudes do not increase"),
        ({"__hash__": lambda self: hash([])}, "which has no hash .*frozen dataclass"),
    ],
)
def test_a_grid_that_breaks_its_promises_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        st.SpinTransform(changed(**changes))


@pytest.mark.parametrize("name", ["colatitudes", "longitudes"])
def test_pixels_that_are_not_those_of_the_rings_are_refused(name):
    grid = GRIDS[1]
    reversed_pixels = property(lambda self: getattr(grid, name)[::-1])
    other = type("Reversed", (ReducedGaussianGrid,), {name: reversed_pixels})(16)
    with pytest.raises(ValueError, match=f"its {name} are not those of its rings"):
        st.SpinTransform(other)


def test_what_is_no_grid_is_refused():
    with pytest.raises(ValueError, match="give a grid object such as EquiangularGrid"):
        st.SpinTransform(64)
    with pytest.raises(ValueError, match="grid is the class EquiangularGrid: give an object"):
        st.SpinTransform(st.EquiangularGrid)


def test_a_grid_without_a_coarser_one_says_so():
    with pytest.raises(ValueError, match=r"Define ShiftedGaussLegendreGrid\.coarser"):
        GRIDS[0].coarser()


def test_a_subclass_of_healpix_is_checked_as_any_other_grid():
    class Reversed(st.HealpixGrid):
        @property
        def longitudes(self):
            return super().longitudes[::-1]

    st.SpinTransform(st.HealpixGrid(4))
    with pytest.raises(ValueError, match="its longitudes are not those of its rings"):
        st.SpinTransform(Reversed(4))
