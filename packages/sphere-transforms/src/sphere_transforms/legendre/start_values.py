"""The values from which the recursion in `recursion` starts, computed on the host.

A start value is d^ell_{m,-s} at ell = max(|m|, |s|). It has a closed form. At a high order near a
pole it may be as small as 2^(-15 m), far below the smallest float64, and the function may still
reach 1 at a higher degree. A value is therefore stored together with its *level*:

  value = stored * 2^(-600 level),  2^-501 <= |stored| < 2^100.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import numpy as np

from sphere_transforms.array_cache import cached_arrays
from sphere_transforms.harmonics import wigner_d_where_n_is_ell
from sphere_transforms.legendre.symmetry import Symmetry, folded_ring_count

# A level is a factor of 2^-LEVEL. See `recursion` for the choice of this number.
LEVEL = 600
_LOG2_SMALLEST = -500


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class StartValues:
    """The start values of the recursion, and the angles that it needs.

    float64 values are stored as pairs of uint32 (the last axis), which a program can take as
    arguments without x64. The rings are in the order of `paired_rings`, except for PARITY.

    Attributes:
      cosines: (ring, 2), of the colatitude.
      sines: (ring, 2), the squared sine of half the angle from the nearer pole.
      starts: (m, sign, ring, 2), the stored values, with m >= 0. There is a second sign, for -m,
        only if the symmetry is NONE. Where the nearer pole is the south pole, the function is
        d^ell_{-m,-s}(pi - theta).
      levels: (m, sign, ring), int16.
    """

    cosines: Any
    sines: Any
    starts: Any
    levels: Any


@cached_arrays
def make_functions(
    colatitudes: bytes, spin: int, band_limit: int, symmetry: Symmetry, dtype: str
) -> StartValues:
    """Computes the start values of the recursion.

    Args:
      colatitudes: colatitudes of the rings in radians, as the bytes of a float64 array.
      spin: s.
      band_limit: L.
      symmetry: the symmetry of the functions, see `symmetry`.
      dtype: the dtype of the data. It is not used: the start values are always float64.

    Returns:
      The start values of the orders m >= 0, NumPy arrays.
    """
    del dtype
    theta = np.frombuffer(colatitudes)
    theta = theta[: folded_ring_count(symmetry, theta.size)]
    if symmetry is not Symmetry.PARITY:
        theta = theta[paired_rings(theta.size)]
    south = theta > np.pi / 2
    cosine, sine = np.cos(theta / 2), np.sin(theta / 2)
    cosine, sine = np.where(south, sine, cosine), np.where(south, cosine, sine)
    signs = (1, -1)[: sign_count(symmetry)]
    starts = np.empty((band_limit, len(signs), theta.size))
    levels = np.empty(starts.shape, np.int16)
    for index, sign in enumerate(signs):
        # South of the equator the two signs of m change places.
        for rings, of_m in ((~south, sign), (south, -sign)):
            values = _stored_values(band_limit, -spin, cosine[rings], sine[rings], of_m)
            starts[:, index, rings], levels[:, index, rings] = values
    return StartValues(_as_bits(np.cos(theta)), _as_bits(sine**2), _as_bits(starts), levels)


def paired_rings(ring_count: int) -> np.ndarray:
    """The order of rings 0, n - 1, 1, n - 2, ...: from both poles to the equator."""
    half = ring_count // 2
    order = np.empty(ring_count, np.int64)
    order[0 : 2 * half : 2] = np.arange(half)
    order[1 : 2 * half : 2] = ring_count - 1 - np.arange(half)
    order[2 * half :] = half
    return order


def sign_count(symmetry: Symmetry) -> int:
    """The number of signs of m that need functions of their own."""
    return 2 if symmetry is Symmetry.NONE else 1


def _stored_values(
    band_limit: int, n: int, cosine: np.ndarray, sine: np.ndarray, sign: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values and levels of d^ell_{sign m, n} at ell = max(m, |n|), each of shape (m, ring).

    They follow from the cosine and the sine of beta / 2. Mantissas and exponents are separate,
    because along m a value may leave float64's range and come back.
    """
    values = np.empty((band_limit, cosine.size))
    levels = np.empty((band_limit, cosine.size), np.int16)
    half_sine = cosine * sine
    for m in range(band_limit):
        if m <= abs(n):
            mantissa, exponent = wigner_d_where_n_is_ell(abs(n), sign * m, n, cosine, sine)
            mantissa, more = np.frexp(mantissa)
            exponent = 400 * exponent.astype(np.int64) + more
        else:
            ratio = math.sqrt(2 * m * (2 * m - 1) / ((m + n) * (m - n)))
            mantissa, more = np.frexp(mantissa * (-sign * ratio) * half_sine)
            exponent = exponent + more
        level = np.maximum(0, -((exponent - _LOG2_SMALLEST) // LEVEL))
        values[m] = np.ldexp(mantissa, exponent + LEVEL * level)
        # A function that is zero everywhere (at a pole) never matters.
        levels[m] = np.where(mantissa == 0, 1, level)
    return values, levels


def _as_bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float64)[..., None].view(np.uint32)
