r"""The quarter turn about the y axis: coefficients of degree ell times Delta^ell = d^ell(pi / 2).

Delta^ell obeys a three-term recursion in ell for every pair of orders (Kostelec and Rockmore 2008,
equation 8, at beta = pi / 2). With p_m = sqrt(ell^2 - m^2) and r_m = sqrt((ell - 1)^2 - m^2),

  Delta^ell_{mn} = -(2 ell - 1) / (ell - 1) * m n / (p_m p_n) * Delta^{ell-1}_{mn}
                   - ell / (ell - 1) * r_m r_n / (p_m p_n) * Delta^{ell-2}_{mn},

so a loop over ell needs the planes of two degrees and no table of all, and since every factor is
one of m times one of n, a plane costs no square roots. It starts where the larger order reaches ell
(Varshalovich et al. 1988, section 4.16):

  Delta^ell_{n,ell} = 2^-ell sqrt(binomial(2 ell, ell + n)) = (-1)^(ell-n) Delta^ell_{ell,n}.

Three symmetries leave one quarter of the plane, m >= 0 and n >= 0:

  Delta_{m,-n} = (-1)^(ell+m) Delta_{mn},  Delta_{-m,n} = (-1)^(ell+n) Delta_{mn},
  Delta_{nm} = (-1)^(m+n) Delta_{mn}.

So where ell + m is even, a row multiplies the sums of the coefficients at n and -n, and their
differences where it is odd; the columns of even n and those of odd n, kept apart, give the result
at m by their sum and at -m by their difference. That is a quarter of the plain product's work.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.linear_operator import apply_linear
from sphere_transforms.wigner import wigner_d_planes

# Up to here the table of all planes is small (1 MiB in float32), compiles at once and is faster.
_LARGEST_TABLE = 64
# From here on the loop runs in stages whose planes grow with ell: half of the work for three times
# the compilation.
_STAGED = 384
_STAGES = 3
# The recursion's first values, down to 2^(1-L), must be normal numbers of float64, at least
# 2^-1022: beyond L = 1023 all are scaled up, by at most 2^1000 so that none overflows. Beyond
# L = 2023 the pairs of orders above 2022 are lost, whose values grow to size at higher degrees
# only: computed with exponents of their own, all stay below 2^-237 at L = 2600.
_LARGEST_SCALE = 1000
_LARGEST_BAND_LIMIT = 2600


def quarter_turn(coefficients: jax.Array) -> jax.Array:
    """Sum over n of d^ell_{mn}(pi / 2) f_{ell n}, for every degree.

    Linear, with forward and reverse mode, derivatives of any order and batching. Its memory grows
    as L^2, also that of its derivatives: its transpose makes the planes anew.

    Args:
      coefficients: real, shape (L, 2 L - 1, ...), axes (ell, m, ...), float32 or float64. What
        stands where |m| > ell has no effect.

    Returns:
      The same shape and dtype; zero where |m| > ell.

    Raises:
      ValueError: L is above 2600.
    """
    band_limit = coefficients.shape[0]
    if band_limit > _LARGEST_BAND_LIMIT:
        raise ValueError(
            f"The band limit of the coefficients is {band_limit}; rotations go up to "
            f"{_LARGEST_BAND_LIMIT}, where float64 still holds the recursion's first values: cut "
            "off higher degrees."
        )
    table = None
    if band_limit <= _LARGEST_TABLE:
        table = _table(band_limit).astype(coefficients.dtype)
    return apply_linear(QuarterTurn(), table, coefficients)


@dataclasses.dataclass(frozen=True)
class QuarterTurn:
    """The linear operator of `quarter_turn`, by a table or, without one, by the recursion."""

    transposed: bool = False

    def __call__(self, tables: jax.Array | None, data: jax.Array) -> jax.Array:
        """The product, axes as they come."""
        if self.transposed:
            # Delta^T is Delta with the sign of odd orders changed before and after.
            return _alternate(QuarterTurn()(tables, _alternate(data)))
        folded = _fold(data)
        if tables is None:
            products = _multiply_by_recursion(folded, data.shape[0])
        else:
            products = _multiply("iepqmn,iepqn...->iepqm...", tables, folded)
        return _unfold(products, data.shape[0])

    @property
    def transpose(self) -> QuarterTurn:
        """The quarter turn back."""
        return QuarterTurn(not self.transposed)


# Below, axes are named: i, e: the degree is ell = 2 i + e; p, m: the first order is 2 m + p; q, n:
# the second is 2 n + q.


def _multiply_by_recursion(folded: jax.Array, band_limit: int) -> jax.Array:
    """The products of every degree's quarter plane, made on the way."""
    half = folded.shape[0]
    exponent = min(max(0, band_limit - 1023), _LARGEST_SCALE)
    stages = _STAGES if band_limit >= _STAGED else 1
    # float64 whatever the data and the user's setting: float32 has neither its range nor digits.
    with jax.enable_x64(True):
        factors = _factors(half, exponent)
        planes = (jnp.zeros((2, 2, 0, 0), jnp.float64),) * 2
        results, start = [], 0
        for stage in range(stages):
            stop = half * (stage + 1) // stages
            newer, older = (_pad(plane, {2: stop, 3: stop}) for plane in planes)
            inputs = (
                jnp.arange(start, stop),
                folded[start:stop, :, :, :, :stop],
                [factor[start:stop, :, :, :stop] for factor in factors],
            )
            planes, result = jax.lax.scan(_two_degrees(2.0**-exponent), (newer, older), inputs)
            results.append(_pad(result, {4: half}))
            start = stop
        return jnp.concatenate(results)


def _two_degrees(unscale: float) -> Callable[..., Any]:
    """One pass of the loop: planes of degrees 2 i + 1 and 2 i from those before, and the products.

    Two at a time, since so each new plane takes the place of the older one without being moved.
    """

    def body(planes: Any, inputs: Any) -> Any:
        i, folded, factors = inputs
        results = []
        for parity in (0, 1):
            newer, older = planes
            slope, back, column, row = (factor[parity] for factor in factors)
            plane = -_outer(slope, slope) * newer - _outer(back, back) * older
            plane = jax.lax.dynamic_update_slice(plane, column[:, None, :, None], (0, parity, 0, i))
            plane = jax.lax.dynamic_update_slice(plane, row[None, :, None, :], (parity, 0, i, 0))
            planes = plane, newer
            block = (plane * unscale).astype(folded.dtype)
            results.append(_multiply("pqmn,pqn...->pqm...", block, folded[parity]))
        return planes, jnp.stack(results)

    return body


def _factors(half: int, exponent: int) -> tuple[jax.Array, ...]:
    """What the recursion needs for each degree, float64, each of shape (i, e, p, m).

    Returns:
      The factor of m n in the first term, that of r_m r_n in the second, and the values at
      (m, ell) and at (ell, m) times 2^exponent; zero where no value is.
    """
    ell = jnp.arange(2.0 * half).reshape(half, 2, 1, 1)
    m = (2 * jnp.arange(1.0 * half)[None, :] + jnp.arange(2.0)[:, None]).reshape(1, 1, 2, half)
    below = m < ell
    before = jnp.maximum(ell - 1, 1)
    p_squared = jnp.where(below, ell**2 - m**2, 1)
    slope = jnp.where(below, m * jnp.sqrt(jnp.maximum(2 * ell - 1, 0) / before / p_squared), 0)
    r_squared = jnp.where(below, (ell - 1) ** 2 - m**2, 0)
    back = jnp.where(below, jnp.sqrt(r_squared * ell / before / p_squared), 0)

    # Down a column of closed forms: from ell - 1 to ell, a factor; at m = ell, 2^-ell itself.
    ratio = jnp.where(below, jnp.sqrt(ell * jnp.maximum(2 * ell - 1, 0) / 2 / p_squared), 0)
    corner = jnp.asarray(np.ldexp(1.0, exponent - np.arange(2 * half))).reshape(ell.shape)
    corner = jnp.where(m == ell, corner, 0)

    def next_column(column: jax.Array, inputs: tuple[jax.Array, jax.Array]) -> Any:
        column = inputs[0] * column + inputs[1]
        return column, column

    by_degree = ratio.reshape(-1, 2, half), corner.reshape(-1, 2, half)
    columns = jax.lax.scan(next_column, jnp.zeros((2, half)), by_degree)[1]
    columns = columns.reshape(half, 2, 2, half)
    return slope, back, columns, columns * (1 - 2 * ((ell - m) % 2))


def _fold(coefficients: jax.Array) -> jax.Array:
    """(ell, order, ...) to sums and differences over the order's sign: (i, e, p, q, n, ...)."""
    band_limit = coefficients.shape[0]
    half = (band_limit + 1) // 2
    positive = coefficients[:, band_limit - 1 :]
    negative = coefficients[:, band_limit - 1 :: -1].at[:, 0].set(0)

    def split(values: jax.Array) -> jax.Array:
        # One axis at a time, here and in `_unfold`: explicitly sharded arrays reshape only so.
        values = _pad(values, {0: 2 * half, 1: 2 * half})
        values = values.reshape(half, 2, 2 * half, *values.shape[2:])
        return jnp.moveaxis(values.reshape(half, 2, half, 2, *values.shape[3:]), 3, 2)

    total, difference = split(positive + negative), split(positive - negative)
    even = jnp.stack([total[:, 0], difference[:, 0]], 1)
    odd = jnp.stack([difference[:, 1], total[:, 1]], 1)
    return jnp.stack([even, odd], 1)


def _unfold(products: jax.Array, band_limit: int) -> jax.Array:
    """(i, e, p, q, m, ...) back to (ell, order, ...)."""
    half = products.shape[0]
    even, odd = products[:, :, :, 0], products[:, :, :, 1]

    def join(values: jax.Array) -> jax.Array:
        values = jnp.moveaxis(values, 2, 3)
        values = values.reshape(half, 2, 2 * half, *values.shape[4:])
        return values.reshape(2 * half, *values.shape[2:])[:band_limit, :band_limit]

    difference = even - odd
    negative = join(jnp.stack([difference[:, 0], -difference[:, 1]], 1))
    return jnp.concatenate([negative[:, :0:-1], join(even + odd)], 1)


@functools.lru_cache(maxsize=8)
def _table(band_limit: int) -> np.ndarray:
    """The quarter planes of all degrees, float64, shape (i, e, p, q, m, n)."""
    half = (band_limit + 1) // 2
    table = np.zeros((2 * half, 2 * half, 2 * half))
    for ell, plane in enumerate(wigner_d_planes(band_limit, np.pi / 2)):
        table[ell, : ell + 1, : ell + 1] = plane[ell:, ell:]
    table = table.reshape(half, 2, half, 2, half, 2).transpose(0, 1, 3, 5, 2, 4).copy()
    table.flags.writeable = False
    return table


def _outer(first: jax.Array, second: jax.Array) -> jax.Array:
    return first[:, None, :, None] * second[None, :, None, :]


def _multiply(subscripts: str, table: jax.Array, values: jax.Array) -> jax.Array:
    return jnp.einsum(subscripts, table, values, precision=jax.lax.Precision.HIGHEST)


def _pad(values: jax.Array, sizes: dict[int, int]) -> jax.Array:
    """Zeros appended up to the given size of each axis."""
    return jnp.pad(
        values, [(0, sizes.get(axis, size) - size) for axis, size in enumerate(values.shape)]
    )


def _alternate(values: jax.Array) -> jax.Array:
    band_limit = values.shape[0]
    sign = (-1.0) ** np.arange(1 - band_limit, band_limit)
    return values * jnp.asarray(sign.reshape(1, -1, *(1,) * (values.ndim - 2)), values.dtype)
