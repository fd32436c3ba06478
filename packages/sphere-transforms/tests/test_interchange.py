import ducc0
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import random_coefficients

import sphere_transforms as st
from sphere_transforms.fields import (
    conjugate_coefficients,
    from_ducc0,
    from_healpy,
    from_s2fft,
    to_ducc0,
    to_healpy,
    to_s2fft,
)

BAND_LIMIT = 8
GRID = st.EquiangularGrid(2 * BAND_LIMIT)
SPINS = [0, 1, 2, 3, -1, -2, -3]


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def random(spin, batch=2, channels=3):
    return random_coefficients(
        spin + 5, {spin: channels}, BAND_LIMIT, batch=batch, real_scalars=True
    )


def field_at(coefficients, spin, theta, phi):
    """The second example's third channel, at any points."""
    harmonics = st.spin_spherical_harmonics(BAND_LIMIT, spin, theta, phi)
    return np.einsum("lm,...lm->...", np.asarray(coefficients[spin][1, :, :, 2]), harmonics)


def from_maps(maps, spin):
    """Their one or two real maps as the field of our spin: of a negative one, the conjugate."""
    if spin == 0:
        return np.asarray(maps[0])
    field = maps[0] + 1j * maps[1]
    return field if spin > 0 else field.conj()


@pytest.mark.parametrize("spin", SPINS)
def test_ducc0_synthesises_the_same_field(spin):
    coefficients = random(spin)
    maps = ducc0.sht.synthesis_2d(
        alm=np.asarray(to_ducc0(coefficients)[spin][1, 2]),
        ntheta=GRID.shape[0],
        nphi=GRID.shape[1],
        spin=abs(spin),
        lmax=BAND_LIMIT - 1,
        geometry="CC",
    )
    found = st.SpinTransform(GRID, (spin,)).inverse(coefficients)[spin][1, :, :, 2]
    np.testing.assert_allclose(found, from_maps(maps, spin), atol=1e-12)


@pytest.mark.parametrize("spin", SPINS)
def test_what_ducc0_analyses_comes_back(spin):
    field = st.SpinTransform(GRID, (spin,)).inverse(random(spin, 1, 1))[spin][0, :, :, 0]
    # Theirs is the field of spin |s|, as real maps.
    field = np.asarray(field if spin >= 0 else field.conj())
    alm = ducc0.sht.analysis_2d(
        map=np.stack([field.real, field.imag][: 1 if spin == 0 else 2]),
        spin=abs(spin),
        lmax=BAND_LIMIT - 1,
        geometry="CC",
    )
    np.testing.assert_allclose(from_ducc0({spin: alm})[spin], random(spin, 1, 1)[spin], atol=1e-12)


@pytest.mark.parametrize("spin", SPINS)
def test_healpy_synthesises_the_same_map(spin):
    healpy = pytest.importorskip("healpy")
    nside, coefficients = 4, random(spin)
    alm = np.asarray(to_healpy(coefficients)[spin][1, 2])
    if spin == 0:
        maps = [healpy.alm2map(alm, nside, lmax=BAND_LIMIT - 1)]
    else:
        maps = healpy.alm2map_spin(alm, nside, abs(spin), BAND_LIMIT - 1)
    theta, phi = healpy.pix2ang(nside, np.arange(12 * nside**2))
    found = field_at(coefficients, spin, theta, phi)
    np.testing.assert_allclose(found, from_maps(maps, spin), atol=1e-12)


def test_healpy_temperature_and_polarisation_together():
    healpy = pytest.importorskip("healpy")
    coefficients = random(0) | random(2)
    alm = to_healpy(coefficients)
    packed = np.concatenate([alm[0][1, 2][None], alm[2][1, 2]])
    intensity, q, u = healpy.alm2map(packed, 4, lmax=BAND_LIMIT - 1)
    theta, phi = healpy.pix2ang(4, np.arange(192))
    np.testing.assert_allclose(field_at(coefficients, 0, theta, phi), intensity, atol=1e-12)
    np.testing.assert_allclose(field_at(coefficients, 2, theta, phi), q + 1j * u, atol=1e-12)


def test_healpy_orders_coefficients_as_we_say():
    healpy = pytest.importorskip("healpy")
    degrees, orders = healpy.Alm.getlm(BAND_LIMIT - 1)
    alm = to_healpy(random(0))[0]
    assert alm.shape == (2, 3, degrees.size)
    expected = random(0)[0][1, degrees, orders + BAND_LIMIT - 1, 2]
    np.testing.assert_allclose(alm[1, 2], expected, atol=1e-15)
    # An alm of healpy's own, without batch or channel.
    alm = np.asarray(alm[1, 2])
    np.testing.assert_allclose(from_healpy({0: alm})[0][0, :, :, 0], random(0)[0][1, :, :, 2])


@pytest.mark.filterwarnings("ignore")  # s2fft takes logarithms of zero
@pytest.mark.parametrize("spin", SPINS)
def test_s2fft_synthesises_the_same_field(spin):
    s2fft = pytest.importorskip("s2fft")
    coefficients = random(spin)
    flm = np.asarray(to_s2fft(coefficients)[spin][1, 2])
    theirs = s2fft.inverse(flm, BAND_LIMIT, spin, sampling="mw", method="numpy")
    theta = s2fft.sampling.s2_samples.thetas(BAND_LIMIT, "mw")
    phi = s2fft.sampling.s2_samples.phis_equiang(BAND_LIMIT, "mw")
    found = field_at(coefficients, spin, theta[:, None], phi[None, :])
    np.testing.assert_allclose(found, theirs, atol=1e-12)
    back = s2fft.forward(theirs, BAND_LIMIT, spin, sampling="mw", method="numpy")
    expected = coefficients[spin][1:, :, :, 2:]
    np.testing.assert_allclose(from_s2fft({spin: back})[spin], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("there", "back"), [(to_healpy, from_healpy), (to_ducc0, from_ducc0), (to_s2fft, from_s2fft)]
)
def test_round_trips_under_jit(there, back):
    coefficients = {spin: random(spin)[spin] for spin in SPINS}
    found = jax.jit(lambda a: back(there(a)))(coefficients)
    for spin in SPINS:
        np.testing.assert_allclose(found[spin], coefficients[spin], atol=1e-14)
        assert there(coefficients)[spin].shape[:2] == (2, 3)


def test_opposite_spins_of_conjugate_fields_have_the_same_e_and_b():
    plus = random(2)
    pair = plus | conjugate_coefficients(plus)
    alm = to_healpy(pair)
    np.testing.assert_array_equal(alm[2], alm[-2])
    # Of m = 0 healpy reads the real part alone, and so do we.
    shifted = alm[2].at[..., :BAND_LIMIT].add(1j)
    np.testing.assert_array_equal(from_healpy({2: shifted})[2], from_healpy({2: alm[2]})[2])


def test_complex_scalars_are_refused_and_their_parts_are_not():
    coefficients = random_coefficients(0, {0: 1}, BAND_LIMIT)
    with pytest.raises(ValueError, match=r"up to 1\.\d+ of \|a\|.*real and its imaginary part"):
        to_healpy(coefficients)
    mirrored = conjugate_coefficients(coefficients)[0]
    parts = [(coefficients[0] + mirrored) / 2, (coefficients[0] - mirrored) / 2j]
    real, imaginary = (from_healpy(to_healpy({0: part}))[0] for part in parts)
    np.testing.assert_allclose(real + 1j * imaginary, coefficients[0], atol=1e-14)
    # While traced the real part is taken.
    traced = jax.jit(to_healpy)(coefficients)
    np.testing.assert_allclose(traced[0], to_healpy({0: parts[0]})[0], atol=1e-14)


def test_without_x64_it_is_complex64():
    with jax.enable_x64(False):
        single = random_coefficients(0, {0: 1, 1: 1}, 4, real_scalars=True)
        alm = {spin: np.asarray(a, np.complex128) for spin, a in to_healpy(single).items()}
        found = from_healpy(alm)
        for spin in (0, 1):
            assert found[spin].dtype == jnp.complex64
            np.testing.assert_allclose(found[spin], single[spin], atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: to_healpy(jnp.ones((1, 4, 7, 1))), "mapping from spin"),
        (lambda: from_healpy(np.ones(10)), "mapping from spin"),
        (lambda: from_healpy({0: np.ones(11)}), "for example 15"),
        (lambda: from_healpy({0: np.ones(0)}), "for example 1"),
        (lambda: from_healpy({1: np.ones(10)}), "\\(2, L"),
        (lambda: from_healpy({1: np.ones((1, 10))}), "\\(2, L"),
        (lambda: from_healpy({4: np.ones((2, 10))}), "only spins from -3 to 3"),
        (lambda: from_ducc0({0: np.ones(10)}), "from_ducc0: .* \\(1, L"),
        (lambda: from_s2fft({0: np.ones(10)}), "from_s2fft: .*shape \\(10,\\)"),
        (lambda: from_s2fft({0: np.ones((4, 4))}), "2 L - 1"),
        (lambda: to_s2fft({0: jnp.ones((1, 4, 4, 1))}), "2 L - 1"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
