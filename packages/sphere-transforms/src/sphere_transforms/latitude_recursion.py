"""The product along the colatitude with latitude functions computed on the way, degree by degree.

For a few orders m at a time the functions of all degrees come from the recursion in ell, in
differences, of `wigner.wigner_d_by_degree`, and meet the data in a matrix product; nothing grows
beyond O(L^2). The loops over orders and degrees are loops of the compiled program, whose size does
not depend on L.

The recursion runs in float64 whatever the data: in float32 its error would grow with L. It starts
at ell = max(|m|, |s|) with values that may be tiny, near (m / L)^m where they still matter at
degree L; the least of these, exp(-L / e), is in float64's range up to L = 1800.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sphere_transforms.symmetry import Symmetry, folded_rings, part_count
from sphere_transforms.wigner import where_n_is_ell

if TYPE_CHECKING:
    from sphere_transforms.colatitude import ColatitudeProduct

LARGEST_BAND_LIMIT = 1800

# Bytes of functions held at a time: enough for matrix products worth their name.
_WORKSPACE = 2**26


def orders_at_a_time(band_limit: int, ring_count: int, symmetry: Symmetry, itemsize: int) -> int:
    """How many orders' functions are held at once."""
    one = band_limit * folded_rings(symmetry, ring_count) * _signs(symmetry) * itemsize
    return int(np.clip(_WORKSPACE // one, 1, min(16, band_limit)))


@functools.lru_cache(maxsize=16)
def start_values(
    colatitudes: bytes, spin: int, band_limit: int, symmetry: Symmetry
) -> dict[str, jax.Array]:
    """What the recursion starts from: cos(theta), and d^ell_{m,-s} at ell = max(|m|, |s|).

    Args:
      colatitudes: of the rings, radians, as the bytes of a float64 array.
      spin: s.
      band_limit: L.
      symmetry: of the product.

    Returns:
      float64 as pairs of uint32, which pass through a program without x64: "sines" (ring, 2), the
      square of the sine of half the angle from the nearer pole, and "starts" (m, sign, ring, 2), m
      >= 0, the second sign that of -m where symmetry is NONE. "south" (ring,): whether the nearer
      pole is the south pole; there the values are d^ell_{-m,-s}(pi - theta).
    """
    theta = np.frombuffer(colatitudes)
    theta = theta[: folded_rings(symmetry, theta.size)]
    south = theta > np.pi / 2
    cosine, sine = np.cos(theta / 2), np.sin(theta / 2)
    cosine, sine = np.where(south, sine, cosine), np.where(south, cosine, sine)
    starts = {sign: _starts(band_limit, -spin, cosine, sine, sign) for sign in (1, -1)}
    signs = (1, -1)[: _signs(symmetry)]
    held = np.stack([np.where(south, starts[-sign], starts[sign]) for sign in signs], 1)
    return {
        "sines": _as_bits(sine**2),
        "south": jax.device_put(south),
        "starts": _as_bits(held),
    }


def product(
    plan: ColatitudeProduct,
    start: dict[str, jax.Array],
    data: jax.Array,
    first_order: jax.Array | int = 0,
) -> jax.Array:
    """The product in the plan's direction, on folded sums or on rows.

    Args:
      plan: band limit, spin, symmetry, direction.
      start: from `start_values`.
      data: (m, part, ring, *rest) to degrees, or (m, part, row, *rest) to rings.
      first_order: m of the first entry, even; the start values are of the same orders as the data.

    Returns:
      (m, part, row, *rest) or (m, part, *rest, ring).
    """
    with jax.enable_x64(True):
        return _product(plan, start, data, first_order)


def _product(
    plan: ColatitudeProduct, start: dict[str, jax.Array], data: jax.Array, first_order: Any
) -> jax.Array:
    dtype, order_count, band_limit = data.dtype, data.shape[0], plan.band_limit
    width = orders_at_a_time(band_limit, plan.node_count, plan.symmetry, dtype.itemsize)
    width = min(width, order_count)
    count = math.ceil(order_count / width)
    sines, starts = _from_bits(start["sines"]), _from_bits(start["starts"])
    rings = sines.shape[0]
    parity = plan.symmetry is Symmetry.PARITY
    rows = (band_limit + 1) // 2 if parity else band_limit

    def in_blocks(array: jax.Array) -> jax.Array:
        padding = [(0, count * width - order_count)] + [(0, 0)] * (array.ndim - 1)
        return jnp.pad(array, padding).reshape(count, width, *array.shape[1:])

    def block(functions: jax.Array, inputs: Any) -> Any:
        index, starts, values = inputs
        first = first_order + index * width
        functions = _fill(plan, functions, (sines, start["south"], starts), first, parity)
        rings_to_rows, rows_to_rings = "mxln,mxn...->mxl...", "mxln,mxl...->mx...n"
        subscripts = rings_to_rows if plan.to_degrees else rows_to_rings
        return functions, jnp.einsum(subscripts, functions, values, precision=plan.precision)

    functions = jnp.zeros((width, part_count(plan.symmetry), rows, rings), dtype)
    blocks = (jnp.arange(count), in_blocks(starts), in_blocks(data))
    _, results = lax.scan(block, functions, blocks)
    return results.reshape(count * width, *results.shape[2:])[:order_count]


def _fill(
    plan: ColatitudeProduct,
    functions: jax.Array,
    start: tuple[jax.Array, jax.Array, jax.Array],
    first: jax.Array,
    parity: bool,
) -> jax.Array:
    """Writes the functions of orders first, first + 1, ... over those of the block before."""
    sines, south, starts = start
    width, signs, _ = starts.shape
    sign = jnp.asarray([1.0, -1.0][:signs])[None, :, None]
    m = (first + jnp.arange(width, dtype=jnp.float64))[:, None, None] * sign
    n = float(-plan.spin)
    first_degree = jnp.maximum(jnp.abs(m), abs(n))
    south = south[None, None]
    norm = (-1.0) ** plan.spin / math.sqrt(4 * math.pi)

    def degree(index: jax.Array, carry: Any) -> Any:
        functions, current, difference = carry
        ell = index.astype(jnp.float64)
        carried, slope, bend, southern_bend = _difference_factors(ell, m, n)
        bend = jnp.where(south, southern_bend, bend) - slope * sines[None, None]
        change = carried * difference + bend * current
        above, begins = ell > first_degree, ell == first_degree
        value = jnp.where(above, current + change, jnp.where(begins, starts, 0.0))
        turned = jnp.where(south & ((index + plan.spin) % 2 == 1), -norm, norm)
        row = (turned * jnp.sqrt(2 * ell + 1) * value).astype(functions.dtype)
        place = (0, index % 2, index // 2, 0) if parity else (0, 0, index, 0)
        functions = lax.dynamic_update_slice(functions, row[:, :, None], place)
        return functions, value, jnp.where(above, change, 0.0)

    # Rows from the first of the block before are its own; all below have been zero since.
    begin = jnp.maximum(first - width, 0)
    nothing = jnp.zeros_like(starts)
    return lax.fori_loop(begin, plan.band_limit, degree, (functions, nothing, nothing))[0]


def _difference_factors(ell: jax.Array, m: jax.Array, n: float) -> tuple[jax.Array, ...]:
    """A B, 2 A and K of `wigner`, and the K of -m. Not to be used where ell <= max(|m|, |n|)."""
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
    """d^ell_{sign m, n} at ell = max(m, |n|), shape (m, ring), of angles by their halves."""
    starts = np.empty((band_limit, cosine.size))
    for m in range(band_limit):
        if m <= abs(n):
            mantissa, exponent = where_n_is_ell(abs(n), sign * m, n, cosine, sine)
            starts[m] = np.ldexp(mantissa, 400 * exponent)
        else:
            ratio = math.sqrt(2 * m * (2 * m - 1) / ((m + n) * (m - n)))
            starts[m] = starts[m - 1] * (-sign * ratio) * cosine * sine
    return starts


def _signs(symmetry: Symmetry) -> int:
    return 2 if symmetry is Symmetry.NONE else 1


def _as_bits(values: np.ndarray) -> jax.Array:
    pairs = np.ascontiguousarray(values, np.float64)[..., None].view(np.uint32)
    return jax.device_put(pairs)


def _from_bits(bits: jax.Array) -> jax.Array:
    return lax.bitcast_convert_type(bits, jnp.float64)
