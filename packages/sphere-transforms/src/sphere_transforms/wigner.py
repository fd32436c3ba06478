r"""Wigner's small d functions, in float64 NumPy, by a recursion stable for every order.

d^ell_{mn}(beta) = <ell m| exp(-i beta J_y) |ell n>, the convention of Varshalovich, Moskalev and
Khersonskii (1988), chapter 4. For fixed m and n it obeys a three-term recursion in ell (Kostelec
and Rockmore 2008, equation 8),

  d^{ell+1} = (ell+1)(2 ell+1) / sqrt(((ell+1)^2-m^2)((ell+1)^2-n^2))
              * [(cos(beta) - m n / (ell (ell+1))) d^ell
                 - sqrt((ell^2-m^2)(ell^2-n^2)) / (ell (2 ell+1)) d^{ell-1}],

which starts at ell = max(|m|, |n|), where d has a closed form, and is stable upwards. Where m is
large and beta near a pole the starting value is below the smallest float64; such values are carried
with an exponent of their own until they have grown into range.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np

# Values below _TINY are carried times 1 / _TINY^k, with k kept beside them.
_TINY = 2.0**-400


def wigner_d_by_degree(band_limit: int, n: int, beta: np.ndarray) -> Iterator[np.ndarray]:
    """Yields d^ell_{mn}(beta) for ell = 0, 1, ..., band_limit - 1, holding two degrees at a time.

    Args:
      band_limit: L.
      n: the second order, |n| < L.
      beta: angles in radians, shape (points,).

    Yields:
      float64, shape (2 L - 1, points): m from -(L-1) to L-1; zero where |m| > ell or |n| > ell.
    """
    beta = np.asarray(beta, np.float64)
    m = np.arange(1 - band_limit, band_limit, dtype=np.float64)
    middle = band_limit - 1
    cosine, half_sine = np.cos(beta), np.sin(beta) / 2
    current = np.zeros((2 * band_limit - 1, beta.size))
    previous = np.zeros_like(current)
    exponent = np.zeros(current.shape, np.int32)

    for ell in range(band_limit):
        if ell == abs(n):
            for order in range(-ell, ell + 1):
                current[middle + order] = _closed_form(ell, order, n, beta)
            seeds = {1: _Seed(current[middle + ell]), -1: _Seed(current[middle - ell])}
        elif ell > abs(n):
            inner = slice(middle - ell + 1, middle + ell)
            following = _recursion_step(
                ell - 1, m[inner, None], n, cosine, current[inner], previous[inner]
            )
            previous[inner], current[inner] = current[inner], following
            _bring_into_range(current[inner], previous[inner], exponent[inner])
            ratio = math.sqrt(2 * ell * (2 * ell - 1) / ((ell + n) * (ell - n)))
            for sign, seed in seeds.items():
                # d^ell_{+-ell,n} from d^{ell-1}_{+-(ell-1),n}: a ratio of the closed forms.
                seed.multiply(-sign * ratio * half_sine)
                current[middle + sign * ell] = seed.mantissa
                exponent[middle + sign * ell] = seed.exponent
        yield np.where(exponent == 0, current, 0.0)


def wigner_d(band_limit: int, beta: float) -> np.ndarray:
    """All d^ell_{mn}(beta) of degrees below the band limit.

    Args:
      band_limit: L.
      beta: one angle in radians.

    Returns:
      float64, shape (L, 2 L - 1, 2 L - 1), axes (ell, m, n), zero where an order exceeds ell.
    """
    size = 2 * band_limit - 1
    table = np.zeros((band_limit, size, size))
    for n in range(1 - band_limit, band_limit):
        for ell, column in enumerate(wigner_d_by_degree(band_limit, n, np.array([beta]))):
            table[ell, :, n + band_limit - 1] = column[:, 0]
    return table


@functools.lru_cache(maxsize=8)
def wigner_d_half_pi(band_limit: int) -> np.ndarray:
    """Delta^ell_{mn} = d^ell_{mn}(pi / 2), shape (L, 2 L - 1, 2 L - 1), float64, cached."""
    table = wigner_d(band_limit, math.pi / 2)
    table.flags.writeable = False
    return table


def _recursion_step(
    ell: int, m: np.ndarray, n: int, cosine: np.ndarray, current: np.ndarray, previous: np.ndarray
) -> np.ndarray:
    up = ell + 1
    scale = up * (2 * ell + 1) / np.sqrt((up**2 - m**2) * (up**2 - n**2))
    if ell == 0:
        return scale * cosine * current
    back = np.sqrt((ell**2 - m**2) * np.float64(ell**2 - n**2)) / (ell * (2 * ell + 1))
    return scale * ((cosine - m * n / (ell * up)) * current - back * previous)


def _closed_form(ell: int, m: int, n: int, beta: np.ndarray) -> np.ndarray:
    """d^ell_{mn} where |n| = ell (Varshalovich et al., section 4.16): one product of powers."""
    sign_of_m = m if n >= 0 else -m
    binomial = math.comb(2 * ell, ell - sign_of_m)
    sign = (-1.0) ** (ell + m) if n < 0 else 1.0
    cosine, sine = np.cos(beta / 2), np.sin(beta / 2)
    return sign * math.sqrt(binomial) * cosine ** (ell + sign_of_m) * sine ** (ell - sign_of_m)


class _Seed:
    """The value at |m| = ell, as mantissa * _TINY^-exponent with exponent <= 0."""

    def __init__(self, values: np.ndarray):
        self.mantissa = values.copy()
        self.exponent = np.zeros(values.shape, np.int32)

    def multiply(self, factor: np.ndarray) -> None:
        self.mantissa *= factor
        small = (np.abs(self.mantissa) < _TINY) & (self.mantissa != 0)
        self.mantissa[small] /= _TINY
        self.exponent[small] -= 1


def _bring_into_range(current: np.ndarray, previous: np.ndarray, exponent: np.ndarray) -> None:
    """Where a scaled value has grown past one, undo one scaling, in place."""
    if not exponent.any():
        return
    grown = (exponent < 0) & (np.abs(current) > 1)
    current[grown] *= _TINY
    previous[grown] *= _TINY
    exponent[grown] += 1
