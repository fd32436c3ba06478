"""Latitude-longitude grids of any size: how many degrees they carry, by which quadrature."""

import ducc0
import hypothesis
import hypothesis.strategies as strategies
import jax
import numpy as np
import pytest
from drawn_fields import difference, random_coefficients

import sphere_transforms as st
from sphere_transforms.fields import from_ducc0

# Sizes of files: ERA5 and its coarser versions, reanalyses and climatologies at cell centres.
SIZES = [
    st.LatLonGrid(73, 144),
    st.LatLonGrid(181, 360),
    st.LatLonGrid(180, 360, poles=False, longitude_offset=np.pi / 360),
    pytest.param(st.LatLonGrid(721, 1440), marks=pytest.mark.slow),
    pytest.param(st.LatLonGrid(720, 1440, poles=False), marks=pytest.mark.slow),
]
BAND_LIMITS = {(73, 144): 72, (181, 360): 180, (180, 360): 180, (721, 1440): 720, (720, 1440): 720}

inverse = jax.jit(lambda transform, coefficients: transform.inverse(coefficients))
forward = jax.jit(lambda transform, field: transform.forward(field))


@pytest.mark.parametrize("grid", SIZES, ids=repr)
def test_coefficients_come_back_as_ducc0_s_do(grid):
    assert grid.band_limit == BAND_LIMITS[grid.shape]
    spins = (0, 1, 2, 3)
    with jax.enable_x64(True):
        transform = st.SpinTransform(grid, spins)
        coefficients = random_coefficients(0, dict.fromkeys(spins, 1), grid.band_limit)
        field = jax.device_get(inverse(transform, coefficients))
        back = jax.device_get(forward(transform, field))
        assert difference(back, coefficients) < 1e-12
        for spin in spins:
            check_against_ducc0(grid, spin, field[spin][0, :, :, 0], back[spin])


def check_against_ducc0(grid, spin, field, coefficients):
    options = {
        "spin": spin,
        "lmax": grid.band_limit - 1,
        "geometry": "CC" if grid.poles else "F1",
        "phi0": grid.longitude_offset,
    }
    maps = np.stack([field.real, field.imag])
    # Theirs of spin 0 are real.
    groups = [maps[:1], maps[1:]] if spin == 0 else [maps]
    found = [ducc0.sht.experimental.analysis_2d(map=group, **options) for group in groups]
    lat, long = grid.shape
    theirs = np.concatenate(
        [
            ducc0.sht.experimental.synthesis_2d(alm=alm, ntheta=lat, nphi=long, **options)
            for alm in found
        ]
    )
    # In L2: at L = 720, theirs have errors of 1.2e-12 on the rings next to the poles.
    assert np.linalg.norm(theirs - maps) < 1e-12 * np.linalg.norm(maps)
    if spin == 0:
        alm = from_ducc0({0: found[0]})[0] + 1j * from_ducc0({0: found[1]})[0]
    else:
        alm = from_ducc0({spin: found[0]})[spin]
    assert difference(alm, coefficients) < 1e-12


@hypothesis.given(
    latitudes=strategies.integers(1, 12),
    longitudes=strategies.integers(1, 24),
    poles=strategies.booleans(),
    share=strategies.floats(0, 1),
    spin=strategies.integers(-3, 3),
)
@hypothesis.settings(max_examples=30, deadline=None)
def test_any_size_carries_what_it_claims(latitudes, longitudes, poles, share, spin):
    hypothesis.assume(latitudes > poles)
    grid = st.LatLonGrid(latitudes, longitudes, poles)
    assert grid.band_limit == min(latitudes - poles, (longitudes + 1) // 2)
    band_limit = 1 + round(share * (grid.band_limit - 1))
    hypothesis.assume(abs(spin) < band_limit)
    with jax.enable_x64(True):
        transform = st.SpinTransform(grid, (spin,), band_limit)
        coefficients = random_coefficients(0, {spin: 1}, band_limit)
        back = transform.forward(transform.inverse(coefficients))
        assert difference(back, coefficients) < 1e-13


@pytest.mark.parametrize(("poles", "count"), [(True, 73), (True, 72), (False, 73), (False, 72)])
def test_up_to_half_of_the_rings_quadrature_is_enough(poles, count):
    grid = st.LatLonGrid(count, 200, poles)
    half = (count + 1) // 2
    assert grid.analysis_below(half).resampling is None
    assert grid.analysis_below(half + 1).resampling is not None
    assert st.LatLonGrid(count, 200, poles, band_limit=half).analysis.resampling is None
    # A transform at a lower band limit has no matrices between the rings.
    lower = st.SpinTransform(grid, (1,), half)
    assert lower._legendre_tables[1][0].resampling is None
    assert st.SpinTransform(grid, (1,))._legendre_tables[1][0].resampling is not None


def test_both_directions_share_the_tables():
    analysis, synthesis = st.SpinTransform(st.LatLonGrid(19, 36), (2,))._legendre_tables[2]
    assert synthesis.functions is None
    assert analysis.functions is not None


def test_it_is_the_square_grids_at_their_band_limit():
    for square, grid in (
        (st.EquiangularGrid(16), st.LatLonGrid(16, 16, band_limit=8)),
        (st.FejerGrid(16), st.LatLonGrid(16, 16, poles=False, band_limit=8)),
    ):
        np.testing.assert_array_equal(grid.colatitudes, square.colatitudes)
        np.testing.assert_array_equal(grid.quadrature_weights, square.quadrature_weights)


def test_coarser_grids():
    assert st.LatLonGrid(73, 144).coarser() == st.LatLonGrid(37, 72)
    assert st.LatLonGrid(721, 1440).coarser() == st.LatLonGrid(361, 720)
    centres = st.LatLonGrid(180, 360, poles=False, longitude_offset=0.5)
    assert centres.coarser() == st.LatLonGrid(90, 180, poles=False, longitude_offset=0.5)
    assert st.LatLonGrid(64, 128, band_limit=20).coarser().band_limit == 10
    with pytest.raises(ValueError, match="has no coarser grid"):
        st.LatLonGrid(2, 4).coarser()


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((1, 4), {}, "latitude_count is 1; it must be a whole number of at least 2"),
        ((0, 4, False), {}, "latitude_count is 0; .* at least 1"),
        ((73.0, 144), {}, "latitude_count is 73.0"),
        ((73, 0), {}, "longitude_count is 0"),
        ((73, 144, "yes"), {}, "poles is 'yes'; it must be True"),
        ((73, 144), {"band_limit": 73}, "band_limit is 73; .* from 1 to 72, which 73 x 144"),
        ((73, 100), {"band_limit": 51}, "from 1 to 50, which 73 x 100 samples carry"),
        ((73, 144), {"longitude_offset": -0.1}, r"in \[0, 2 pi\) radians.*add 2 pi"),
        ((73, 144), {"longitude_offset": 180}, "numpy.radians"),
        ((73, 144), {"longitude_offset": float("nan")}, "longitude_offset is nan"),
        ((73, 144), {"longitude_offset": "0"}, "longitude_offset is '0'"),
    ],
)
def test_what_is_no_grid_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=f"LatLonGrid: .*{message}"):
        st.LatLonGrid(*arguments, **options)
