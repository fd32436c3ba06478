r"""Multiplication of coefficients with the Delta matrices, Delta^ell = d^ell(pi / 2).

The Delta matrices (Risbo 1996; Trapani and Navaza 2006) rotate coefficients of degree ell by a
quarter turn, the angle pi / 2, about the y axis.

**Recursion.** For every pair of orders, Delta^ell obeys a three-term recursion in ell (Kostelec and
Rockmore 2008, equation 8, at beta = pi / 2). With p_m = sqrt(ell^2 - m^2) and
r_m = sqrt((ell - 1)^2 - m^2),

  Delta^ell_{mn} = -(2 ell - 1) / (ell - 1) * m n / (p_m p_n) * Delta^{ell-1}_{mn}
                   - ell / (ell - 1) * r_m r_n / (p_m p_n) * Delta^{ell-2}_{mn}.

A loop over ell therefore holds the planes (matrices over m and n) of two degrees, and no table of
all degrees. Every factor is a function of m times a function of n, so that no square roots are
computed for a plane. The recursion starts where the larger order reaches ell (Varshalovich et al.
1988, section 4.16):

  Delta^ell_{n,ell} = 2^-ell sqrt(binomial(2 ell, ell + n)) = (-1)^(ell-n) Delta^ell_{ell,n}.

**Symmetries.** Only the quarter plane m >= 0, n >= 0 is computed:

  Delta_{m,-n} = (-1)^(ell+m) Delta_{mn},  Delta_{-m,n} = (-1)^(ell+n) Delta_{mn},
  Delta_{nm} = (-1)^(m+n) Delta_{mn}.

A row m multiplies the sums of the coefficients at n and -n if ell + m is even, and their
differences if it is odd. The columns of even n and of odd n are multiplied separately. The sum and
the difference of the two products give the results at m and at -m. This takes a quarter of the work
of the full product.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.array_cache import cached_arrays
from sphere_transforms.harmonics import wigner_d_planes
from sphere_transforms.jax_extensions import apply_linear

# Up to this band limit a table of all planes is used. It is small (1 MiB in float32), compiles
# quickly and is faster than the recursion.
_LARGEST_TABLE = 64
# From this band limit on, the loop runs in stages with planes of increasing size. This halves the
# work and triples the compilation time.
_STAGED = 384
_STAGES = 3
# The start values of the recursion, down to 2^(1-L), must be normal float64 numbers, at least
# 2^-1022. Above L = 1023 all values are scaled up, but by at most 2^1000, to avoid overflow.
# Above L = 2023 the values of pairs of orders above 2022 are lost. They become large only at higher
# degrees: computed with separate exponents, all of them are below 2^-237 at L = 2600.
_LARGEST_SCALE = 1000
_LARGEST_BAND_LIMIT = 2600


def quarter_turn(coefficients: jax.Array) -> jax.Array:
    """Computes the sum over n of d^ell_{mn}(pi / 2) f_{ell n}, for every degree.

    The function is linear. It supports forward and reverse mode, derivatives of any order and
    batching. Memory grows as L^2, also for derivatives, because the transpose computes the planes
    again.

    Args:
      coefficients: real, shape (L, 2 L - 1, ...), axes (ell, m, ...), float32 or float64. Entries
        with |m| > ell have no effect.

    Returns:
      The same shape and dtype; zero where |m| > ell.

    Raises:
      ValueError: L is above 2600.
    """
    band_limit = coefficients.shape[0]
    if band_limit > _LARGEST_BAND_LIMIT:
        raise ValueError(
            f"The band limit of the coefficients is {band_limit}, but rotations support only up to "
            f"{_LARGEST_BAND_LIMIT}, because the recursion leaves the range of float64 above it: "
            "remove the higher degrees with change_band_limit."
        )
    table = None
    if band_limit <= _LARGEST_TABLE:
        table = _table(band_limit).astype(coefficients.dtype)
    return apply_linear(QuarterTurn(), table, coefficients)


@dataclasses.dataclass(frozen=True)
class QuarterTurn:
    """The linear operator of `quarter_turn`; uses the recursion if there is no table."""

    transposed: bool = False

    def __call__(self, tables: jax.Array | None, data: jax.Array) -> jax.Array:
        """Returns the product, with the axes of the data."""
        if self.transposed:
            # Delta^T is Delta with the sign of odd orders changed before and after it.
            return _alternate(QuarterTurn()(tables, _alternate(data)))
        folded = _fold(data)
        if tables is None:
            products = _multiply_by_recursion(folded, data.shape[0])
        else:
            products = _multiply("iepqmn,iepqn...->iepqm...", tables, folded)
        return _unfold(products, data.shape[0])

    @property
    def transpose(self) -> QuarterTurn:
        """The multiplication with Delta^T, which is the inverse rotation."""
        return QuarterTurn(not self.transposed)


# Names of axes below: i and e for the degree, ell = 2 i + e; p and m for the first order, 2 m + p;
# q and n for the second order, 2 n + q.


def _multiply_by_recursion(folded: jax.Array, band_limit: int) -> jax.Array:
    """Multiplies with the quarter planes of all degrees, which the recursion computes."""
    half = folded.shape[0]
    exponent = min(max(0, band_limit - 1023), _LARGEST_SCALE)
    stages = _STAGES if band_limit >= _STAGED else 1
    # Always float64, whatever the data and the user's setting: float32 lacks the range and the
    # digits.
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
    """The body of the loop: computes the planes of degrees 2 i and 2 i + 1, and their products.

    With two degrees per step, each new plane replaces the older one without a copy.
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
    """Computes the factors and start values of the recursion: float64, shape (i, e, p, m).

    Returns:
      Four arrays. The first at m times the first at n is the factor of the first term of the
      recursion, up to its sign; the second likewise for the second term. The third and the fourth
      are the values at (m, ell) and at (ell, m), times 2^exponent. Other entries are zero.
    """
    ell = jnp.arange(2.0 * half).reshape(half, 2, 1, 1)
    m = (2 * jnp.arange(1.0 * half)[None, :] + jnp.arange(2.0)[:, None]).reshape(1, 1, 2, half)
    below = m < ell
    before = jnp.maximum(ell - 1, 1)
    p_squared = jnp.where(below, ell**2 - m**2, 1)
    slope = jnp.where(below, m * jnp.sqrt(jnp.maximum(2 * ell - 1, 0) / before / p_squared), 0)
    r_squared = jnp.where(below, (ell - 1) ** 2 - m**2, 0)
    back = jnp.where(below, jnp.sqrt(r_squared * ell / before / p_squared), 0)

    # The closed forms at (m, ell): a factor leads from ell - 1 to ell, and at m = ell it is 2^-ell.
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
    """Maps (ell, order, ...) to sums and differences over n and -n, (i, e, p, q, n, ...)."""
    band_limit = coefficients.shape[0]
    half = (band_limit + 1) // 2
    positive = coefficients[:, band_limit - 1 :]
    negative = coefficients[:, band_limit - 1 :: -1].at[:, 0].set(0)

    def split(values: jax.Array) -> jax.Array:
        # Split one axis at a time (also in `_unfold`), as explicitly sharded arrays require.
        values = _pad(values, {0: 2 * half, 1: 2 * half})
        values = values.reshape(half, 2, 2 * half, *values.shape[2:])
        return jnp.moveaxis(values.reshape(half, 2, half, 2, *values.shape[3:]), 3, 2)

    total, difference = split(positive + negative), split(positive - negative)
    even = jnp.stack([total[:, 0], difference[:, 0]], 1)
    odd = jnp.stack([difference[:, 1], total[:, 1]], 1)
    return jnp.stack([even, odd], 1)


def _unfold(products: jax.Array, band_limit: int) -> jax.Array:
    """Maps (i, e, p, q, m, ...) back to (ell, order, ...)."""
    half = products.shape[0]
    even, odd = products[:, :, :, 0], products[:, :, :, 1]

    def join(values: jax.Array) -> jax.Array:
        values = jnp.moveaxis(values, 2, 3)
        values = values.reshape(half, 2, 2 * half, *values.shape[4:])
        return values.reshape(2 * half, *values.shape[2:])[:band_limit, :band_limit]

    difference = even - odd
    negative = join(jnp.stack([difference[:, 0], -difference[:, 1]], 1))
    return jnp.concatenate([negative[:, :0:-1], join(even + odd)], 1)


@cached_arrays
def _table(band_limit: int) -> np.ndarray:
    """Computes the quarter planes of all degrees: float64, shape (i, e, p, q, m, n)."""
    half = (band_limit + 1) // 2
    table = np.zeros((2 * half, 2 * half, 2 * half))
    for ell, plane in enumerate(wigner_d_planes(band_limit, np.pi / 2)):
        table[ell, : ell + 1, : ell + 1] = plane[ell:, ell:]
    return table.reshape(half, 2, half, 2, half, 2).transpose(0, 1, 3, 5, 2, 4).copy()


def _outer(first: jax.Array, second: jax.Array) -> jax.Array:
    return first[:, None, :, None] * second[None, :, None, :]


def _multiply(subscripts: str, table: jax.Array, values: jax.Array) -> jax.Array:
    return jnp.einsum(subscripts, table, values, precision=jax.lax.Precision.HIGHEST)


def _pad(values: jax.Array, sizes: dict[int, int]) -> jax.Array:
    """Appends zeros up to the given size of each axis."""
    return jnp.pad(
        values, [(0, sizes.get(axis, size) - size) for axis, size in enumerate(values.shape)]
    )


def _alternate(values: jax.Array) -> jax.Array:
    band_limit = values.shape[0]
    sign = (-1.0) ** np.arange(1 - band_limit, band_limit)
    return values * jnp.asarray(sign.reshape(1, -1, *(1,) * (values.ndim - 2)), values.dtype)
