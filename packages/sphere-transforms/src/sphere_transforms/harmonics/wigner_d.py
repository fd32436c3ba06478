r"""Wigner's small d functions, in float64 NumPy, by recursions stable for every order and angle.

d^ell_{mn}(beta) = <ell m| exp(-i beta J_y) |ell n>, the convention of Varshalovich, Moskalev and
Khersonskii (1988), chapter 4. There are two recursions.

*One n, many angles* (`wigner_d_by_degree`). For fixed m and n, d obeys a three-term recursion in
ell (Kostelec and Rockmore 2008, equation 8),

  d^{ell} = A (cos(beta) - m n / (ell (ell-1))) d^{ell-1} - A B d^{ell-2}.

It starts at ell = max(|m|, |n|), where d has a closed form, and is stable for increasing ell.

- Near beta = 0 its terms cancel, and the error grows as ell^2. It is therefore computed in
  differences, as in Reinsch's modification of Clenshaw's recursion (Stoer and Bulirsch 2002,
  section 2.3.2):

    d^{ell} - d^{ell-1} = A B (d^{ell-1} - d^{ell-2}) + (K - 2 A sin^2(beta / 2)) d^{ell-1}.

  K = A (1 - m n / (ell (ell-1))) - A B - 1 is computed as a sum of squares, without cancellation.
- Angles above pi / 2 are reduced by d^ell_{mn}(pi - beta) = (-1)^(ell-n) d^ell_{-m,n}(beta).
- If m is large and beta is near a pole, the start value may be below the smallest float64. Such
  values are stored with a separate exponent until they are in range.

*One angle, all m and n* (`wigner_d_planes`). The plane (matrix over m and n) of degree j is the
plane of degree j - 1/2 times that of degree 1/2, projected on degree j (Risbo 1996; Varshalovich et
al. 1988, section 4.8.2). This map is a contraction, so errors do not grow, and a value that
underflows can be dropped, at every angle.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

# Values below _TINY are stored as value / _TINY^k, together with the exponent -k.
_LOG2_TINY = -400
_TINY = 2.0**_LOG2_TINY
# The largest table that `wigner_d` makes, in bytes.
_LARGEST_TABLE = 8 * 2**30
# Numbers per block, chosen to fit into the processor's cache, which makes it twice as fast.
_BLOCK = 2**14


def wigner_d_by_degree(band_limit: int, n: int, beta: np.ndarray) -> Iterator[np.ndarray]:
    """Yields d^ell_{mn}(beta) for ell = 0, 1, ..., band_limit - 1; holds two degrees at a time.

    Args:
      band_limit: L.
      n: the second order, |n| < L.
      beta: angles in radians, shape (points,).

    Yields:
      float64, shape (2 L - 1, points), with m from -(L-1) to L-1. Zero where |m| > ell or
      |n| > ell.
    """
    beta = np.asarray(beta, np.float64)
    beyond = np.cos(beta) < 0
    cosine, sine = np.cos(beta / 2), np.sin(beta / 2)
    cosine, sine = np.where(beyond, sine, cosine), np.where(beyond, cosine, sine)
    m = np.arange(1 - band_limit, band_limit, dtype=np.float64)
    middle = band_limit - 1
    current = np.zeros((2 * band_limit - 1, beta.size))
    difference = np.zeros_like(current)
    exponent = np.zeros(current.shape, np.int32)

    for ell in range(band_limit):
        if ell == abs(n):
            for row in range(middle - ell, middle + ell + 1):
                current[row], exponent[row] = wigner_d_where_n_is_ell(
                    ell, row - middle, n, cosine, sine
                )
            edges = [(sign, _Edge(current, exponent, middle + sign * ell)) for sign in (1, -1)]
        elif ell > abs(n):
            inner = slice(middle - ell + 1, middle + ell)
            carried, slope, bend = _difference_factors(ell, m[inner, None], n)
            difference[inner] *= carried
            difference[inner] += (bend - slope * sine**2) * current[inner]
            current[inner] += difference[inner]
            _bring_into_range(current[inner], difference[inner], exponent[inner])
            # d^ell_{+-ell,n} is d^{ell-1}_{+-(ell-1),n} times the ratio of the closed forms.
            ratio = math.sqrt(2 * ell * (2 * ell - 1) / ((ell + n) * (ell - n))) * cosine * sine
            for sign, edge in edges:
                edge.multiply(-sign * ratio)
                row = middle + sign * ell
                current[row], exponent[row] = edge.mantissa, edge.exponent
        result = np.where(exponent == 0, current, 0.0)
        yield np.where(beyond, (-1.0) ** (ell - n) * result[::-1], result)


def wigner_d(band_limit: int, beta: float) -> np.ndarray:
    """Computes all d^ell_{mn}(beta) of degrees below the band limit.

    Args:
      band_limit: L.
      beta: one angle in radians.

    Returns:
      float64, shape (L, 2 L - 1, 2 L - 1), axes (ell, m, n). Zero where |m| > ell or |n| > ell.

    Raises:
      ValueError: the table would take more than 8 GiB (L above 645), the band limit is not a
        positive whole number, or beta is not a finite number.
    """
    _check(band_limit, beta, "wigner_d")
    size = 2 * band_limit - 1
    needed = 8 * band_limit * size**2
    if needed > _LARGEST_TABLE:
        raise ValueError(
            f"wigner_d: the table of band limit {band_limit} would take {needed / 2**30:.1f} GiB, "
            f"and the limit is {_LARGEST_TABLE // 2**30} GiB: take the degrees one by one from "
            "wigner_d_planes."
        )
    table = np.zeros((band_limit, size, size))
    for ell, plane in enumerate(wigner_d_planes(band_limit, beta)):
        inside = slice(band_limit - 1 - ell, band_limit + ell)
        table[ell, inside, inside] = plane
    return table


def wigner_d_planes(band_limit: int, beta: float) -> Iterator[np.ndarray]:
    """Yields d^ell(beta) for ell = 0, 1, ..., band_limit - 1, and holds a few degrees in memory.

    For every beta, the absolute error is about ell times the rounding unit: 2e-13 at ell = 1023.

    Args:
      band_limit: L.
      beta: one angle in radians.

    Returns:
      An iterator of float64 arrays of shape (2 ell + 1, 2 ell + 1), axes (m, n) from -ell to ell.

    Raises:
      ValueError: the band limit is not a positive whole number, or beta is not a finite number.
    """
    # Check here: the generator would check only when its first value is asked for.
    _check(band_limit, beta, "wigner_d_planes")
    return _planes(band_limit, float(beta))


def _planes(band_limit: int, beta: float) -> Iterator[np.ndarray]:
    # Compute only the rows m >= 0; d_{-m,-n} = (-1)^(m-n) d_{mn} gives the others.
    rows = np.ones((1, 1))
    yield rows.copy()
    for ell in range(1, band_limit):
        no_row = np.zeros((1, 2 * ell))
        rows = _half_step(np.concatenate([rows, no_row[:, 1:]]), 2 * ell - 1, beta)
        # The row m = 0 also needs the row m = -1/2, which follows from the row m = 1/2.
        alternating = (-1.0) ** np.arange(1 - ell, ell + 1)
        rows = _half_step(
            np.concatenate([rows[:1, ::-1] * alternating, rows, no_row]), 2 * ell, beta
        )
        yield _with_negative_rows(rows)


def _half_step(rows: np.ndarray, doubled: int, beta: float) -> np.ndarray:
    """Computes the rows m >= 0 of degree j = doubled / 2 from those of degree j - 1/2.

    Each pair of neighbouring input rows, of orders m - 1/2 and m + 1/2, gives the row m. The
    weights are the Clebsch-Gordan coefficients sqrt((j + m) / 2 j) and sqrt((j - m) / 2 j).
    """
    cosine, sine = math.cos(beta / 2), math.sin(beta / 2)
    from_below = np.sqrt(np.arange(doubled + 1.0) / doubled)
    from_above = from_below[::-1]
    count = rows.shape[0] - 1
    result = np.empty((count, doubled + 1))
    for start in range(0, count, max(1, _BLOCK // doubled)):
        block = slice(start, min(start + max(1, _BLOCK // doubled), count))
        below, above = rows[:-1][block], rows[1:][block]
        up, down = from_below[-count:][block, None], from_above[-count:][block, None]
        right = cosine * up * below
        right += sine * down * above
        right *= from_below[1:]
        left = cosine * down * above
        left -= sine * up * below
        left *= from_above[:-1]
        result[block, 0] = 0
        result[block, 1:] = right
        result[block, :-1] += left
    return result


def _with_negative_rows(rows: np.ndarray) -> np.ndarray:
    ell = rows.shape[0] - 1
    plane = np.empty((2 * ell + 1, 2 * ell + 1))
    plane[ell:] = rows
    negative = plane[:ell]
    negative[:] = rows[:0:-1, ::-1]
    negative[0::2, 1::2] *= -1
    negative[1::2, 0::2] *= -1
    return plane


def _difference_factors(ell: int, m: np.ndarray, n: int) -> tuple[np.ndarray, ...]:
    """A B, 2 A and K of the recursion step to degree ell, for |m| < ell and |n| < ell."""
    before = ell - 1
    p = np.sqrt((ell - m) * (ell + m)), math.sqrt((ell - n) * (ell + n))
    slope = 2 * ell * (2 * ell - 1) / (p[0] * p[1])
    if before == 0:
        return np.zeros_like(m), slope, np.zeros_like(m)
    r = np.sqrt((before - m) * (before + m)), math.sqrt((before - n) * (before + n))
    scale = 1 / (before * p[0] * p[1])
    bend = (2 * ell - 1) * (m - n) ** 2 + ell * (r[0] - r[1]) ** 2 + before * (p[0] - p[1]) ** 2
    return ell * r[0] * r[1] * scale, slope, bend * scale / 2


def wigner_d_where_n_is_ell(
    ell: int, m: int, n: int, cosine: np.ndarray, sine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The closed form of d^ell_{mn} for |n| = ell (Varshalovich et al., section 4.16).

    Args:
      ell: degree.
      m: first order.
      n: second order, ell or -ell.
      cosine: the cosines of half the angles, shape (points,).
      sine: the sines of half the angles.

    Returns:
      Mantissa (float64) and exponent (integer), both of shape (points,), with
      d = mantissa * 2^(400 exponent).
    """
    towards_n = m if n >= 0 else -m
    binomial = math.comb(2 * ell, ell - towards_n)
    shift = max(0, binomial.bit_length() - 64) // 2
    mantissa = np.full(cosine.shape, math.sqrt(binomial >> 2 * shift))
    exponent = np.full(cosine.shape, shift)
    for base, power in ((cosine, ell + towards_n), (sine, ell - towards_n)):
        fraction, base_exponent = np.frexp(base)
        exponent += base_exponent * power
        # The fraction is at least 1/2, so powers up to 512 are in range.
        for part in (*(512,) * (power // 512), power % 512):
            mantissa, change = np.frexp(mantissa * fraction**part)
            exponent += change
    if n < 0 and (ell + m) % 2:
        mantissa = -mantissa
    scalings = np.where(mantissa == 0, 0, np.minimum(0, -(exponent // _LOG2_TINY)))
    return np.ldexp(mantissa, exponent + scalings * _LOG2_TINY), scalings


class _Edge:
    """The values at |m| = ell, stored as mantissa * _TINY^-exponent with exponent <= 0."""

    def __init__(self, current: np.ndarray, exponent: np.ndarray, row: int):
        self.mantissa = current[row].copy()
        self.exponent = exponent[row].copy()

    def multiply(self, factor: np.ndarray) -> None:
        self.mantissa *= factor
        small = (np.abs(self.mantissa) < _TINY) & (self.mantissa != 0)
        self.mantissa[small] /= _TINY
        self.exponent[small] -= 1
        # At a high second order they grow again.
        large = (np.abs(self.mantissa) > 1) & (self.exponent < 0)
        self.mantissa[large] *= _TINY
        self.exponent[large] += 1


def _bring_into_range(current: np.ndarray, difference: np.ndarray, exponent: np.ndarray) -> None:
    """Undoes one scaling, in place, where a scaled value has grown beyond one."""
    if not exponent.any():
        return
    grown = (exponent < 0) & (np.abs(current) > 1)
    current[grown] *= _TINY
    difference[grown] *= _TINY
    exponent[grown] += 1


def _check(band_limit: int, beta: float, what: str) -> None:
    whole = isinstance(band_limit, int | np.integer) and not isinstance(band_limit, bool)
    if not whole or band_limit < 1:
        raise ValueError(
            f"{what}: band_limit is {band_limit!r}; it must be a whole number of at least 1."
        )
    if np.ndim(beta) != 0 or not np.isfinite(beta):
        raise ValueError(f"{what}: beta is {beta!r}; give one finite angle in radians.")
