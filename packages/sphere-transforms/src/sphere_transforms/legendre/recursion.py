"""The product along the colatitude with Legendre functions that are computed during the product.

A recursion in ell computes the functions of all degrees, for a few orders m at a time, and a matrix
product multiplies them with the data. The recursion is that of `harmonics.wigner_d_by_degree`, in
differences. The memory is O(L^2). The loops over orders and degrees are loops of the compiled
program, so its size does not depend on L.

The recursion runs in float64 for all data, because in float32 its error would grow with L. It
starts at ell = max(|m|, |s|).

**Range.** The start values that still matter at degree L are as small as exp(-L / e) for spin 0,
and nearly as small as exp(-2 L / e) for spins near L / e. All values are therefore computed times
2^980, which shifts the range of float64's normal numbers to 2^-2002 ... 2^44. A start value below
it becomes zero. The functions that are lost in this way are below 2^-73 up to L = 1750, measured
for spins around L / e, and 2^-37 at L = 1800.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sphere_transforms.array_cache import cached_arrays
from sphere_transforms.harmonics import wigner_d_where_n_is_ell
from sphere_transforms.legendre.plan import LegendrePlan
from sphere_transforms.legendre.symmetry import Symmetry, family_count, folded_ring_count

LARGEST_BAND_LIMIT = 1750

# The functions are computed times 2^SCALE. Their recursion multiplies them by less than 2^24, so
# it stays below float64's largest number, 2^1024.
SCALE = 980

# Bytes of functions that are held at a time: enough for efficient matrix products.
_WORKSPACE = 2**26


def orders_at_a_time(band_limit: int, ring_count: int, symmetry: Symmetry, itemsize: int) -> int:
    """The number of orders whose functions are held at a time."""
    one = band_limit * folded_ring_count(symmetry, ring_count) * _signs(symmetry) * itemsize
    return int(np.clip(_WORKSPACE // one, 1, min(16, band_limit)))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class StartValues:
    """The start values of the recursion.

    float64 values are stored as pairs of uint32 (the last axis), which a program can take as
    arguments without x64.

    Attributes:
      sines: (ring, 2), the squared sine of half the angle from the nearer pole.
      south: (ring,), whether the nearer pole is the south pole. If it is, the start values are
        d^ell_{-m,-s}(pi - theta).
      starts: (m, sign, ring, 2), times 2^SCALE, with m >= 0. There is a second sign, for -m, only
        if the symmetry is NONE.
    """

    sines: Any
    south: Any
    starts: Any


@cached_arrays
def make_functions(
    colatitudes: bytes, spin: int, band_limit: int, symmetry: Symmetry, dtype: str
) -> StartValues:
    """Computes the start values of the recursion, d^ell_{m,-s} at ell = max(|m|, |s|).

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
    south = theta > np.pi / 2
    cosine, sine = np.cos(theta / 2), np.sin(theta / 2)
    cosine, sine = np.where(south, sine, cosine), np.where(south, cosine, sine)
    starts = {sign: _starts(band_limit, -spin, cosine, sine, sign) for sign in (1, -1)}
    signs = (1, -1)[: _signs(symmetry)]
    held = np.stack([np.where(south, starts[-sign], starts[sign]) for sign in signs], 1)
    return StartValues(_as_bits(sine**2), south, _as_bits(held))


def multiply(
    plan: LegendrePlan, start: StartValues, data: jax.Array, first_order: jax.Array | int = 0
) -> jax.Array:
    """Computes the product in the direction of the plan.

    Args:
      plan: the Legendre functions and the direction.
      start: the result of `make_functions`, for the orders of the data.
      data: (m, family, ring, *rest) in the direction to degrees, (m, family, row, *rest) in the
        direction to rings.
      first_order: the first order m of the data; must be even.

    Returns:
      (m, family, row, *rest) in the direction to degrees, (m, family, *rest, ring) in the direction
      to rings.
    """
    with jax.enable_x64(True):
        return _multiply(plan, start, data, first_order)


def _multiply(
    plan: LegendrePlan, start: StartValues, data: jax.Array, first_order: Any
) -> jax.Array:
    dtype, order_count, band_limit = data.dtype, data.shape[0], plan.band_limit
    width = orders_at_a_time(band_limit, plan.node_count, plan.symmetry, dtype.itemsize)
    width = min(width, order_count)
    count = math.ceil(order_count / width)
    sines, starts = _from_bits(start.sines), _from_bits(start.starts)
    rings = sines.shape[0]
    parity = plan.symmetry is Symmetry.PARITY
    rows = (band_limit + 1) // 2 if parity else band_limit

    def in_blocks(array: jax.Array) -> jax.Array:
        padding = [(0, count * width - order_count)] + [(0, 0)] * (array.ndim - 1)
        return jnp.pad(array, padding).reshape(count, width, *array.shape[1:])

    def block(functions: jax.Array, inputs: Any) -> Any:
        index, starts, values = inputs
        first = jnp.asarray(first_order, jnp.int64) + index * width
        functions = _fill(plan, functions, (sines, start.south, starts), first, parity)
        rings_to_rows, rows_to_rings = "mxln,mxn...->mxl...", "mxln,mxl...->mx...n"
        subscripts = rings_to_rows if plan.to_degrees else rows_to_rings
        return functions, jnp.einsum(subscripts, functions, values, precision=plan.precision)

    functions = jnp.zeros((width, family_count(plan.symmetry), rows, rings), dtype)
    blocks = (jnp.arange(count), in_blocks(starts), in_blocks(data))
    _, results = lax.scan(block, functions, blocks)
    return results.reshape(count * width, *results.shape[2:])[:order_count]


def _fill(
    plan: LegendrePlan,
    functions: jax.Array,
    start: tuple[jax.Array, jax.Array, jax.Array],
    first: jax.Array,
    parity: bool,
) -> jax.Array:
    """Overwrites the functions of the previous block with those of orders first, first + 1, ..."""
    sines, south, starts = start
    width, signs, _ = starts.shape
    sign = jnp.asarray([1.0, -1.0][:signs])[None, :, None]
    orders = jnp.asarray(first, jnp.float64) + jnp.arange(width, dtype=jnp.float64)
    m = orders[:, None, None] * sign
    n = float(-plan.spin)
    first_degree = jnp.maximum(jnp.abs(m), abs(n))
    south = south[None, None]
    norm = math.ldexp((-1.0) ** plan.spin / math.sqrt(4 * math.pi), -SCALE)

    def degree(index: jax.Array, carry: Any) -> Any:
        functions, current, difference = carry
        ell = index.astype(jnp.float64)
        carried, slope, bend, southern_bend = difference_factors(ell, m, n)
        bend = jnp.where(south, southern_bend, bend) - slope * sines[None, None]
        change = carried * difference + bend * current
        above, begins = ell > first_degree, ell == first_degree
        value = jnp.where(above, current + change, jnp.where(begins, starts, 0.0))
        factor = jnp.where(south & ((index + plan.spin) % 2 == 1), -norm, norm)
        row = (factor * jnp.sqrt(2 * ell + 1) * value).astype(functions.dtype)
        place = (0, index % 2, index // 2, 0) if parity else (0, 0, index, 0)
        functions = lax.dynamic_update_slice(functions, row[:, :, None], place)
        return functions, value, jnp.where(above, change, 0.0)

    # Degrees below the first order of the previous block are still zero. The others hold its
    # values, and are overwritten.
    begin = jnp.maximum(first - width, 0)
    nothing = jnp.zeros_like(starts)
    return lax.fori_loop(begin, plan.band_limit, degree, (functions, nothing, nothing))[0]


def difference_factors(ell: jax.Array, m: jax.Array, n: float) -> tuple[jax.Array, ...]:
    """A B, 2 A, K (see `harmonics.wigner_d`), and K for -m. Valid where ell > max(|m|, |n|)."""
    before = ell - 1

    def roots(degree: jax.Array) -> tuple[jax.Array, jax.Array]:
        squares = ((degree - order) * (degree + order) for order in (m, n))
        first, second = (jnp.sqrt(jnp.maximum(square, 0.0)) for square in squares)
        return first, second

    p, r = roots(ell), roots(before)
    product = jnp.maximum(p[0] * p[1], 1.0)
    scale = 1 / (jnp.maximum(before, 1.0) * product)
    square = ell * (r[0] - r[1]) ** 2 + before * (p[0] - p[1]) ** 2
    bends = ((2 * ell - 1) * (order - n) ** 2 + square for order in (m, -m))
    bend, southern_bend = (jnp.where(before > 0, total * scale / 2, 0.0) for total in bends)
    return ell * r[0] * r[1] * scale, 2 * ell * (2 * ell - 1) / product, bend, southern_bend


def _starts(band_limit: int, n: int, cosine: np.ndarray, sine: np.ndarray, sign: int) -> np.ndarray:
    """2^SCALE d^ell_{sign m, n} at ell = max(m, |n|), shape (m, ring).

    They follow from the cosine and the sine of beta / 2. Mantissas and exponents are separate,
    because along m a value may leave float64's range and come back.
    """
    starts = np.empty((band_limit, cosine.size))
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
        starts[m] = np.ldexp(mantissa, exponent + SCALE)
    return starts


def _signs(symmetry: Symmetry) -> int:
    return 2 if symmetry is Symmetry.NONE else 1


def _as_bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float64)[..., None].view(np.uint32)


def _from_bits(bits: jax.Array) -> jax.Array:
    return lax.bitcast_convert_type(bits, jnp.float64)
