"""The window function of HEALPix pixels: what averaging over pixels does to each degree."""

from __future__ import annotations

import functools

import numpy as np

from sphere_transforms.grids import HealpixGrid, unit_vectors, whole_number
from sphere_transforms.grids.healpix_faces import on_the_sphere
from sphere_transforms.harmonics import check_spin

# Gauss-Legendre nodes along each side of a pixel.
_NODES = 5
# All pixels are taken up to the last nside. For larger ones these are extrapolated.
_EXACT = (16, 32, 64)
# Nodes of the interpolation in the angle between two points of a pixel, which is below the limit.
_ANGLES = 4096
_LIMIT = 2.5  # divided by nside


def pixel_window(grid: HealpixGrid, band_limit: int | None = None, spin: int = 0) -> np.ndarray:
    """Factors by which averaging over the pixels of HEALPix reduces the degrees of a field.

    A map whose samples are averages over pixels, as those of most experiments are, has the power
    spectrum w(ell)^2 C(ell), on average over orders and pixels. Multiply the coefficients of a
    field by w with `convolve_axisymmetric`, or divide those of a map by it. For spin 0, and in
    the same sense for others, w(ell)^2 is the average over pixels p of

      4 pi / (2 ell + 1) sum_m |average over p of sYlm|^2,

    the definition of HEALPix (its manual, "Pixel window functions"), whose files healpy.pixwin
    reads. The components of a spin field are averaged as they are, without parallel transport.

    By the addition theorem, the sum is the average of d^ell_ss(beta) cos(s chi) over pairs of
    points of p, where beta is their distance and chi the angle between their frames.

    Args:
      grid: its nside determines the pixels. Above nside 64, w is extrapolated from 16, 32 and 64 at
        the same ell / nside. At nside 128 the error is below 2e-6 for spins 0 to 2.
      band_limit: L of the result, at most 4 nside + 1. None means that of the grid.
      spin: s.

    Returns:
      w, float64 NumPy, shape (L,), 1 at ell = 0 for spin 0, and 0 at ell < |spin|.

    Raises:
      ValueError: the grid is not HEALPix, or the band limit or the spin is out of range.
    """
    if not isinstance(grid, HealpixGrid):
        raise ValueError(f"pixel_window: {grid!r} has no pixels of HEALPix; give a HealpixGrid.")
    band_limit = whole_number(
        grid.band_limit if band_limit is None else band_limit,
        "pixel_window: band_limit",
        least=1,
        most=4 * grid.nside + 1,
        advice=f" where nside is {grid.nside}, the range of healpy.pixwin.",
    )
    check_spin(spin, band_limit)
    weights = _weights_of_distances(grid.nside, abs(spin))
    angles = np.arange(len(weights)) * (_LIMIT / _ANGLES / grid.nside)
    return np.sqrt(np.maximum(_wigner_averages(angles, weights, abs(spin), band_limit), 0))


@functools.lru_cache(maxsize=16)
def _weights_of_distances(nside: int, spin: int) -> np.ndarray:
    """The weights of distances k / nside * _LIMIT / _ANGLES; they contain cos(s chi)."""
    if nside > _EXACT[-1]:
        return _extrapolated_weights(nside, spin)
    nodes, node_weights = np.polynomial.legendre.leggauss(_NODES)
    x, y = (each.ravel() for each in np.meshgrid((nodes + 1) / 2, (nodes + 1) / 2, indexing="ij"))
    point_weights = np.outer(node_weights, node_weights).ravel() / 4
    first, second = np.triu_indices(len(point_weights))
    pair_weights = point_weights[first] * point_weights[second] * np.where(first == second, 1, 2)
    histogram = np.zeros(_ANGLES + 2)
    # Base pixel 0 stands for the eight at the poles, 4 for the four at the equator. Of two pixels
    # that are mirror images of each other, one is taken.
    for face, share in ((0, 2 / 3), (4, 1 / 3)):
        for row in range(nside):
            column = np.arange(row + 1)[:, None]
            theta, phi = on_the_sphere(np.array(face), (row + x) / nside, (column + y) / nside)
            beta, turn = _distances_and_turns(theta, phi, first, second)
            weights = np.where(column == row, 1, 2) * pair_weights * np.cos(spin * turn)
            place = beta * (nside * _ANGLES / _LIMIT)
            below = np.floor(place).astype(int)
            for index, part in ((below, below + 1 - place), (below + 1, place - below)):
                histogram += np.bincount(
                    index.ravel(), (share / nside**2 * weights * part).ravel(), _ANGLES + 2
                )
    return histogram


def _extrapolated_weights(nside: int, spin: int) -> np.ndarray:
    """The weights of a large grid from those of `_EXACT`."""
    sizes = np.array([nside, *_EXACT])
    values = np.stack([_weights_of_distances(exact, spin) for exact in _EXACT])
    # Pixels at the edges of base pixels differ from others, and are a share of 1 / nside.
    terms = np.stack([np.ones(len(sizes)), 1 / sizes, 1 / sizes**2])
    if spin:
        # Turns matter near the poles: of the 4 k pixels of ring k by 1 / k^2, a sum of log(nside).
        scalar = np.stack([_weights_of_distances(exact, 0) for exact in _EXACT])
        terms = np.stack([np.log(sizes) / sizes**2, 1 / sizes**2, 1 / sizes**3])
        return _extrapolated_weights(nside, 0) + _shares(terms) @ (values - scalar)
    return _shares(terms) @ values


def _shares(terms: np.ndarray) -> np.ndarray:
    """The share of each exact grid, if values are a sum of these terms; (term, 1 + exact grid)."""
    return np.linalg.solve(terms[:, 1:], terms[:, 0])


def _distances_and_turns(
    theta: np.ndarray, phi: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For pairs of points of each pixel: their distance, and the angle between their frames.

    Args:
      theta: (pixel, point).
      phi: (pixel, point).
      first: (pair,) index of a point.
      second: (pair,) index of the other point.

    Returns:
      Two arrays (pixel, pair). The angle is that between the frame of the first point, transported
      along the geodesic, and the frame of the second.
    """
    position, south, east = unit_vectors(theta, phi)
    step = position[:, second] - position[:, first]
    chord = np.sqrt(np.sum(step**2, axis=-1))
    # The step's components along a frame are those of the geodesic, up to a common factor.
    directions = [
        np.arctan2(np.sum(step * east[:, end], -1), np.sum(step * south[:, end], -1))
        for end in (first, second)
    ]
    return 2 * np.arcsin(chord / 2), directions[0] - directions[1]


def _wigner_averages(
    angles: np.ndarray, weights: np.ndarray, spin: int, band_limit: int
) -> np.ndarray:
    """Averages of d^ell_ss over angles with these weights, for ell < L; 0 for ell < s.

    The recursion of d^ell_ss in ell is stable upwards:

      ell ((ell + 1)^2 - s^2) d^(ell + 1) = (2 ell + 1) (ell (ell + 1) cos(beta) - s^2) d^ell
                                            - (ell + 1) (ell^2 - s^2) d^(ell - 1).
    """
    averages = np.zeros(band_limit)
    cosine, before = np.cos(angles), np.zeros_like(angles)
    current = np.cos(angles / 2) ** (2 * spin)
    for ell in range(spin, band_limit):
        averages[ell] = weights @ current
        if ell == 0:
            following = cosine
        else:
            middle = (2 * ell + 1) * (ell * (ell + 1) * cosine - spin**2) * current
            following = middle - (ell + 1) * (ell**2 - spin**2) * before
            following = following / (ell * ((ell + 1) ** 2 - spin**2))
        before, current = current, following
    return averages
