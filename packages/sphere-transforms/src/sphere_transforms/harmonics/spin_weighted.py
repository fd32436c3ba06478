"""Spin-weighted spherical harmonics at given points."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sphere_transforms.harmonics.wigner_d import wigner_d_by_degree


def spin_spherical_harmonics(
    band_limit: int, spin: int, theta: np.ndarray | float, phi: np.ndarray | float
) -> np.ndarray:
    """Evaluates sYlm(theta, phi) for every degree and order below the band limit.

    sYlm = (-1)^s sqrt((2 ell + 1) / (4 pi)) d^ell_{m,-s}(theta) exp(i m phi), the convention of
    Goldberg et al. (1967), Huffenberger and Wandelt (2010), and McEwen and Wiaux (2011). For
    example, 1Y10 = +sqrt(3 / (8 pi)) sin(theta) and 0Y11 = -sqrt(3 / (8 pi)) sin(theta) exp(i phi).

    Args:
      band_limit: L, positive.
      spin: s, with |s| < L.
      theta: colatitudes in radians.
      phi: longitudes in radians, of a shape that broadcasts with that of theta.

    Returns:
      complex128 NumPy array of shape (..., L, 2 L - 1), axes (..., ell, m), with m = 0 at index
      L - 1. Zero where |m| > ell or ell < |s|.

    Raises:
      ValueError: the band limit is not positive, or |spin| is not below it.
    """
    check_spin(spin, band_limit)
    theta, phi = np.broadcast_arrays(np.asarray(theta, np.float64), np.asarray(phi, np.float64))
    latitudinal = np.moveaxis(latitude_functions(band_limit, spin, theta.ravel()), 2, 0)
    phases = np.exp(1j * phi.reshape(-1, 1) * np.arange(1 - band_limit, band_limit))
    return (latitudinal * phases[:, None, :]).reshape(*theta.shape, band_limit, -1)


def latitude_functions(band_limit: int, spin: int, theta: np.ndarray) -> np.ndarray:
    """sYlm(theta, 0): real, float64, shape (ell, m, points), for theta of shape (points,)."""
    table = np.empty((band_limit, 2 * band_limit - 1, np.size(theta)))
    for ell, values in latitude_functions_by_degree(band_limit, spin, theta):
        table[ell] = values
    return table


def latitude_functions_by_degree(
    band_limit: int, spin: int, theta: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields ell and sYlm(theta, 0), float64 of shape (m, points), for each degree ell < L."""
    for ell, values in enumerate(wigner_d_by_degree(band_limit, -spin, theta)):
        yield ell, (-1) ** spin * np.sqrt((2 * ell + 1) / (4 * np.pi)) * values


def check_spin(spin: int, band_limit: int) -> None:
    """Raises ValueError unless spin and band limit are whole numbers with |spin| < band limit."""
    if isinstance(band_limit, bool) or not isinstance(band_limit, int | np.integer):
        raise ValueError(f"band_limit is {band_limit!r}; it must be a whole number.")
    if band_limit < 1:
        raise ValueError(f"band_limit is {band_limit}; it must be at least 1.")
    if isinstance(spin, bool) or not isinstance(spin, int | np.integer):
        raise ValueError(f"spin is {spin!r}; a spin weight must be a whole number.")
    if abs(spin) >= band_limit:
        raise ValueError(
            f"spin is {spin}, but below band limit {band_limit} there are only spins from "
            f"{1 - band_limit} to {band_limit - 1}; choose one of them or raise the band limit."
        )
