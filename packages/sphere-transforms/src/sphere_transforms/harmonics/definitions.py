"""A slow reference implementation, directly from the definitions, for tests.

It shares no code with the transforms that it is compared with. Wigner's d is computed as the
exponential of the matrix of J_y. The harmonics are its columns, and the transforms are the sums
that define them.
"""

from __future__ import annotations

import numpy as np

from sphere_transforms.grids import Grid


def wigner_d_matrix(ell: int, beta: float) -> np.ndarray:
    """d^ell(beta) = exp(-i beta J_y), computed from the eigenvectors of J_y.

    Args:
      ell: degree.
      beta: angle in radians.

    Returns:
      float64, shape (2 ell + 1, 2 ell + 1), axes (m, n) from -ell to ell.
    """
    m = np.arange(-ell, ell)
    j_plus = np.diag(np.sqrt(ell * (ell + 1.0) - m * (m + 1)), -1)
    eigenvalues, vectors = np.linalg.eigh((j_plus - j_plus.T) / 2j)
    return ((vectors * np.exp(-1j * beta * eigenvalues)) @ vectors.conj().T).real


def harmonic(spin: int, ell: int, m: int, theta: float, phi: float) -> complex:
    """sYlm(theta, phi) = (-1)^s sqrt((2 ell + 1)/(4 pi)) d^ell_{m,-s}(theta) exp(i m phi)."""
    d = wigner_d_matrix(ell, theta)[ell + m, ell - spin]
    return (-1) ** spin * np.sqrt((2 * ell + 1) / (4 * np.pi)) * d * np.exp(1j * m * phi)


def forward(field: np.ndarray, grid: Grid, spin: int) -> np.ndarray:
    """a_{ell m} = sum over samples of weight * field * conj(sYlm).

    Args:
      field: shape (lat, long).
      grid: the grid of the field.
      spin: the spin weight of the field.

    Returns:
      complex128, shape (ell, m).
    """
    weighted = np.asarray(field) * grid.quadrature_weights[:, None]
    return np.einsum("jk,jklm->lm", weighted, _harmonics_on(grid, spin).conj())


def inverse(coefficients: np.ndarray, grid: Grid, spin: int) -> np.ndarray:
    """The sum over ell and m of a_{ell m} sYlm, shape (lat, long), for a of shape (ell, m)."""
    return np.einsum("lm,jklm->jk", coefficients, _harmonics_on(grid, spin))


def rotate(coefficients: np.ndarray, angles: tuple[float, float, float]) -> np.ndarray:
    """f'_{ell m} = sum over n of exp(-i m alpha) d^ell_{mn}(beta) exp(-i n gamma) f_{ell n}."""
    alpha, beta, gamma = angles
    band_limit = coefficients.shape[0]
    rotated = np.zeros_like(coefficients, dtype=np.complex128)
    for ell in range(band_limit):
        m = np.arange(-ell, ell + 1)
        inside = slice(band_limit - 1 - ell, band_limit + ell)
        about_y_and_z = wigner_d_matrix(ell, beta) @ (
            np.exp(-1j * m * gamma) * coefficients[ell, inside]
        )
        rotated[ell, inside] = np.exp(-1j * m * alpha) * about_y_and_z
    return rotated


def _harmonics_on(grid: Grid, spin: int) -> np.ndarray:
    band_limit = grid.band_limit
    values = np.zeros((*grid.shape, band_limit, 2 * band_limit - 1), np.complex128)
    for j, theta in enumerate(grid.colatitudes):
        for ell in range(abs(spin), band_limit):
            column = wigner_d_matrix(ell, theta)[:, ell - spin]
            m = np.arange(-ell, ell + 1)
            norm = (-1) ** spin * np.sqrt((2 * ell + 1) / (4 * np.pi))
            values[j, :, ell, band_limit - 1 + m] = (
                norm * column * np.exp(1j * np.outer(grid.longitudes, m))
            ).T
    return values
