"""Colatitudes and quadrature weights of equiangular rings, with the poles or at cell centres."""

from __future__ import annotations

import numpy as np

from sphere_transforms.grids.constants import symmetric_colatitudes


def rings_with_poles(count: int) -> np.ndarray:
    """theta_j = pi j / (n - 1), shape (n,), n >= 2."""
    north = np.pi * np.arange(count // 2) / (count - 1)
    return symmetric_colatitudes(north, count)


def rings_at_centres(count: int) -> np.ndarray:
    """theta_j = pi (j + 1/2) / n, shape (n,)."""
    north = np.pi * (np.arange(count // 2) + 0.5) / count
    return symmetric_colatitudes(north, count)


def clenshaw_curtis_weights(count: int) -> np.ndarray:
    """Weights in cos(theta) of n rings with poles, shape (n,); their sum is 2.

    They integrate polynomials of degree n - 1 exactly, and for odd n also those of degree n.

    Reference: Waldvogel (2006), BIT 46, 195, section 2.
    """
    intervals = count - 1
    weights = 2 / intervals * (1 - _series(rings_with_poles(count), intervals))
    weights[[0, -1]] /= 2
    return weights


def fejer_weights(count: int) -> np.ndarray:
    """Weights in cos(theta) of n rings at cell centres (Fejer's first rule), shape (n,).

    They are exact for the same degrees as `clenshaw_curtis_weights`.

    Reference: Waldvogel (2006), BIT 46, 195, section 2.
    """
    return 2 / count * (1 - _series(rings_at_centres(count), count))


def _series(theta: np.ndarray, intervals: int) -> np.ndarray:
    order = np.arange(1, intervals // 2 + 1)
    terms = 2 / (4.0 * order**2 - 1)
    if intervals % 2 == 0:
        terms[-1:] /= 2
    return np.cos(2 * np.outer(theta, order)) @ terms
