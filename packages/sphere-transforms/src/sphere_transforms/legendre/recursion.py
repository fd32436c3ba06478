r"""The product along the colatitude with Legendre functions that are computed during the product.

A recursion in ell (Kostelec and Rockmore 2008, equation 8) computes the functions of 32 degrees, a
few orders m and some rings at a time, and small matrix products multiply them with the data. Such a
block of functions stays in the processor's cache and is overwritten by the next one. The memory is
O(L^2). All loops are loops of the compiled program, so its size does not depend on L.

The recursion runs in float64 for all data, because in float32 its error would grow with L. It
starts at ell = max(|m|, |s|) with the values of `start_values`. At lower degrees its factors keep
the value as it is, and the results of these degrees are dropped.

**Two forms.** Away from the poles the recursion is computed as it stands,

  d^ell = (slope cos(theta) - shift) d^{ell-1} - back d^{ell-2}.

Near the poles its terms cancel, and its error grows as ell^2. There it is computed in differences
(see `harmonics.wigner_d`), which takes twice the time. Near the south pole it computes the function
of the north pole, d^ell_{mn}(pi - beta) = (-1)^(ell-n) d^ell_{-m,n}(beta).

**Range.** A value of level k is stored times 2^(600 k) (see `start_values`). Until a function
reaches the size at which it matters, it grows with ell, within 32 degrees by at most
binomial(2 L + 32, 32), which is below 2^430 up to L = 65,536. After every 32 degrees, stored values
above 2^100 lose a level. A value of level 1 or more is therefore below 2^(100 + 430 - 600) = 2^-70,
and counts as zero.

**Skipped work.** On a ring, the functions of orders m far above L sin(theta) (for spin 0) are
negligible at all degrees. The rings are in the order from the poles to the equator, and for each
block of orders they begin where its functions matter. In each block of rings, the matrix products
begin at the first degrees at which a value has level 0.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sphere_transforms.legendre.plan import LegendrePlan
from sphere_transforms.legendre.recursion_steps import (
    DEGREES,
    Recursion,
    State,
    recursion_factors,
)
from sphere_transforms.legendre.start_values import StartValues, make_functions, sign_count
from sphere_transforms.legendre.symmetry import Symmetry, family_count, folded_ring_count

__all__ = ["make_functions", "multiply", "workspace_bytes"]

# |cos(theta)| above which the recursion is computed in differences.
_POLAR = 0.95
# Rings of a block, and numbers of a block per degree: chosen so that a block fits into the cache.
_RINGS = 128
_VALUES = 1024
# On a GPU a block is as large as memory permits, because each step of a loop costs a kernel launch.
_GPU_WORKSPACE = 2**28


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


def workspace_bytes(band_limit: int, ring_count: int, symmetry: Symmetry, itemsize: int) -> int:
    """The bytes of one block: the functions, the state of the recursion and its factors."""
    blocks = _Blocks.of(symmetry, band_limit, folded_ring_count(symmetry, ring_count), band_limit)
    values = blocks.orders * sign_count(symmetry) * blocks.rings
    factors = 5 * 8 * blocks.orders * sign_count(symmetry) * band_limit
    return values * (DEGREES * itemsize + 6 * 8) + factors


@dataclasses.dataclass(frozen=True)
class _Blocks:
    """The sizes and the numbers of the blocks.

    Attributes:
      rings, orders: the number in a block.
      ring_blocks, order_blocks, degree_blocks: the number of blocks.
      families: the length of the family axis.
      rows: rows of one family in a block of degrees.
    """

    rings: int
    orders: int
    ring_blocks: int
    order_blocks: int
    degree_blocks: int
    families: int
    rows: int

    @classmethod
    def of(cls, symmetry: Symmetry, band_limit: int, rings: int, orders: int) -> _Blocks:
        signs = sign_count(symmetry)
        if jax.default_backend() == "cpu":
            ring_blocks = max(1, round(rings / _RINGS))
            width = math.ceil(rings / ring_blocks)
            width = math.ceil(width / 8) * 8 if rings >= 8 else width
            most = _VALUES // (width * signs)
        else:
            width = rings
            most = _GPU_WORKSPACE // (8 * DEGREES * width * signs)
        at_once = int(np.clip(most, 1, orders))
        return cls(
            rings=width,
            orders=at_once,
            ring_blocks=math.ceil(rings / width),
            order_blocks=math.ceil(orders / at_once),
            degree_blocks=math.ceil(band_limit / DEGREES),
            families=family_count(symmetry),
            rows=DEGREES // 2 if symmetry is Symmetry.PARITY else DEGREES,
        )


class _Angles(NamedTuple):
    """The angles of rings, each of shape (ring,) or (1, 1, ring). See `StartValues`."""

    cosines: jax.Array
    sines: jax.Array


def _multiply(
    plan: LegendrePlan, start: StartValues, data: jax.Array, first_order: Any
) -> jax.Array:
    angles = _Angles(*map(_from_bits, (start.cosines, start.sines)))
    starts = _from_bits(start.starts)
    order_count, signs, ring_count = starts.shape
    blocks = _Blocks.of(plan.symmetry, plan.band_limit, ring_count, order_count)
    paired = plan.symmetry is not Symmetry.PARITY
    if plan.to_degrees and paired:
        data = _paired(data, 2)

    rings, orders = blocks.ring_blocks * blocks.rings, blocks.order_blocks * blocks.orders
    angles = _Angles(*(_extended(values, 0, rings) for values in angles))
    # Rings that fill the last block never matter.
    levels = _extended(start.levels, 2, rings, filling=1)
    starts = _extended(starts, 2, rings)
    data = _extended(data, 2, rings if plan.to_degrees else blocks.rows * blocks.degree_blocks)
    starts, levels, data = (
        _extended(values, 0, orders).reshape(blocks.order_blocks, blocks.orders, *values.shape[1:])
        for values in (starts, levels, data)
    )
    reach = _largest_orders(plan, angles.cosines.reshape(-1, blocks.rings))

    def order_block(functions: jax.Array, inputs: Any) -> Any:
        index, starts, levels, values = inputs
        first = jnp.asarray(first_order, jnp.int64) + index * blocks.orders
        first_as_float = first.astype(jnp.float64)
        positive = first_as_float + jnp.arange(float(blocks.orders))
        orders = positive[:, None] * jnp.asarray([1.0, -1.0][:signs])[None]
        block = _OrderBlock(plan, blocks, angles, orders, starts, levels, values)
        return block.multiply(functions, jnp.sum(reach < first_as_float))

    functions = jnp.zeros((blocks.orders, blocks.families, blocks.rows, blocks.rings), data.dtype)
    inputs = (jnp.arange(blocks.order_blocks), starts, levels, data)
    _, result = lax.scan(order_block, functions, inputs)
    result = result.reshape(orders, *result.shape[2:])[:order_count]
    if plan.to_degrees:
        degrees = plan.band_limit
        return result[:, :, : degrees if paired else (degrees + 1) // 2]
    result = result[..., :ring_count]
    return _unpaired(result) if paired else result


@dataclasses.dataclass(frozen=True, eq=False)
class _OrderBlock:
    """A block of orders, and its product.

    Attributes:
      plan, blocks, angles: those of all orders.
      orders: m, shape (order, sign).
      starts, levels: the start values, shape (order, sign, ring).
      values: the data, shape (order, family, ring or row, *rest).
    """

    plan: LegendrePlan
    blocks: _Blocks
    angles: _Angles
    orders: jax.Array
    starts: jax.Array
    levels: jax.Array
    values: jax.Array

    def multiply(self, functions: jax.Array, first_ring_block: jax.Array) -> Any:
        """Returns the buffer of the functions and the product."""
        plan, blocks, values = self.plan, self.blocks, self.values
        norm = _norms(plan, blocks).astype(values.dtype)
        norm = norm.reshape(1, *norm.shape, *[1] * (values.ndim - 3))
        if plan.to_degrees:
            shape = (*values.shape[:2], norm.shape[2], *values.shape[3:])
            result = jnp.broadcast_to(_zeros_like(values[:, :, :1]), shape)
        else:
            values = values * norm
            result = self._no_sums(blocks.ring_blocks * blocks.rings)
        factors = recursion_factors(self.orders, float(-plan.spin), blocks.degree_blocks)
        near_a_pole = jnp.abs(self.angles.cosines.reshape(-1, blocks.rings)) > _POLAR
        polar = jnp.max(jnp.where(near_a_pole.any(1), jnp.arange(blocks.ring_blocks) + 1, 0))
        middle = jnp.maximum(polar, first_ring_block)

        def add(in_differences: bool) -> Any:
            def add_block(index: jax.Array, carry: Any) -> Any:
                recursion = Recursion(factors, *self._angles(index), in_differences)
                return self._add_rings(carry[0], carry[1], values, recursion, index * blocks.rings)

            return add_block

        carry = lax.fori_loop(first_ring_block, middle, add(True), (functions, result))
        functions, result = lax.fori_loop(middle, blocks.ring_blocks, add(False), carry)
        if plan.to_degrees:
            present = self._has_harmonic()
            present = present.reshape(*present.shape, *[1] * (values.ndim - 3))
            result = jnp.where(present, result * norm, 0)
        return functions, result

    def _angles(self, ring_block: jax.Array) -> _Angles:
        first, width = ring_block * self.blocks.rings, self.blocks.rings
        blocks = (lax.dynamic_slice_in_dim(angles, first, width) for angles in self.angles)
        return _Angles(*(angles[None, None] for angles in blocks))

    def _no_sums(self, rings: int) -> jax.Array:
        """Zeros of shape (order, family, *rest, ring)."""
        zeros = _zeros_like(self.values[:, :, 0])[..., None]
        return jnp.broadcast_to(zeros, (*zeros.shape[:-1], rings))

    def _has_harmonic(self) -> jax.Array:
        """Which rows of the result have a harmonic, shape (order, family or 1, row)."""
        degrees = _degrees_in_rows(self.blocks)
        least = jnp.maximum(jnp.abs(self.orders[:, :1]), float(abs(self.plan.spin)))
        return degrees[None] >= least[:, :, None]

    def _add_rings(
        self,
        functions: jax.Array,
        result: jax.Array,
        values: jax.Array,
        recursion: Recursion,
        ring: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        """Adds the product of a block of rings, which begins at the given one."""
        plan, rows, width = self.plan, self.blocks.rows, self.blocks.rings
        state, signs = self._start(recursion, ring)
        first = jnp.maximum(jnp.min(jnp.abs(self.orders)), float(abs(plan.spin))) // DEGREES
        block, state = recursion.until_it_matters(first.astype(jnp.int64), state)
        if plan.to_degrees:
            values, total = lax.dynamic_slice_in_dim(values, ring, width, 2), result
        else:
            total = self._no_sums(width)

        def add_degrees(block: jax.Array, carry: Any) -> Any:
            functions, state, total = carry
            functions, state = self._fill(functions, recursion, block, state, signs)
            if plan.to_degrees:
                sums = _to_degrees(functions, values, plan.precision)
                sums = sums + lax.dynamic_slice_in_dim(total, block * rows, rows, 2)
                total = lax.dynamic_update_slice_in_dim(total, sums, block * rows, 2)
            else:
                coefficients = lax.dynamic_slice_in_dim(values, block * rows, rows, 2)
                total = total + _to_rings(functions, coefficients, plan.precision)
            return functions, state.with_lower_levels(), total

        carry = (functions, state, total)
        blocks = self.blocks.degree_blocks
        functions, _, total = lax.fori_loop(block, blocks, add_degrees, carry)
        if plan.to_degrees:
            return functions, total
        last = result.ndim - 1
        return functions, lax.dynamic_update_slice_in_dim(result, total, ring, last)

    def _start(self, recursion: Recursion, ring: jax.Array) -> tuple[State, list[Any]]:
        """The state at the start, and the signs of the functions of even and of odd degrees."""
        starts, levels = (
            lax.dynamic_slice_in_dim(held, ring, self.blocks.rings, 2)
            for held in (self.starts, self.levels)
        )
        # In the south, the recursion in differences computes the functions of the north, and the
        # signs make them those of the south. The other form begins with the values of the south.
        south, spin = recursion.cosines < 0, self.plan.spin
        if recursion.in_differences:
            signs = [jnp.where(south & ((spin + odd) % 2 == 1), -1.0, 1.0) for odd in (0, 1)]
        else:
            signs = [jnp.ones((), jnp.float64)] * 2
            odd = (jnp.maximum(jnp.abs(self.orders), float(abs(spin))) + spin) % 2 == 1
            starts = jnp.where(south & odd[:, :, None], -starts, starts)
        return State(starts, jnp.zeros_like(starts), levels), signs

    def _fill(
        self,
        functions: jax.Array,
        recursion: Recursion,
        block: jax.Array,
        state: State,
        signs: list[Any],
    ) -> tuple[jax.Array, State]:
        """Overwrites the functions with those of a block of degrees."""
        parity = self.plan.symmetry is Symmetry.PARITY
        # A product is faster than a selection here, and stored values are finite.
        matters = jnp.where(state.level == 0, 1.0, 0.0)
        marks = [matters * sign for sign in signs]
        factors = recursion.of_block(block)

        def two_degrees(pair: jax.Array, carry: Any) -> Any:
            functions, value, previous = carry
            for odd in (0, 1):
                value, previous = recursion.step(factors, 2 * pair + odd, value, previous)
                row = (value * marks[odd]).astype(functions.dtype)[:, :, None]
                place = (0, odd, pair, 0) if parity else (0, 0, 2 * pair + odd, 0)
                functions = lax.dynamic_update_slice(functions, row, place)
            return functions, value, previous

        carry = (functions, state.value, state.previous)
        functions, value, previous = lax.fori_loop(0, DEGREES // 2, two_degrees, carry)
        return functions, State(value, previous, state.level)


def _to_degrees(functions: jax.Array, values: jax.Array, precision: Any) -> jax.Array:
    """(order, family, row, ring) times (order, family, ring, *rest)."""
    if not _is_one_real_map(values.shape[3:]):
        return jnp.einsum("mxln,mxn...->mxl...", functions, values, precision=precision)
    columns = jnp.moveaxis(values.reshape(*values.shape[:3], -1), -1, 0)
    products = [jnp.einsum("mxln,mxn->mxl", functions, v, precision=precision) for v in columns]
    return jnp.stack(products, -1).reshape(*functions.shape[:3], *values.shape[3:])


def _to_rings(functions: jax.Array, values: jax.Array, precision: Any) -> jax.Array:
    """The transpose of the functions times (order, family, row, *rest), with the rings last."""
    if not _is_one_real_map(values.shape[3:]):
        return jnp.einsum("mxl...,mxln->mx...n", values, functions, precision=precision)
    columns = jnp.moveaxis(values.reshape(*values.shape[:3], -1), -1, 0)
    products = [jnp.einsum("mxl,mxln->mxn", v, functions, precision=precision) for v in columns]
    rings = functions.shape[-1]
    return jnp.stack(products, 2).reshape(*values.shape[:2], *values.shape[3:], rings)


def _is_one_real_map(rest: tuple[Any, ...]) -> bool:
    """Whether the only axis is that of the components of one real map.

    Then a product for each of the two columns is faster: on CPU, XLA's product of a matrix and a
    vector needs no copy of the matrix. A batch is not split up, because it may be sharded.
    """
    sides, _, *others = rest
    return sides == 1 and all(isinstance(length, int) and length == 1 for length in others)


def _largest_orders(plan: LegendrePlan, cosines: jax.Array) -> jax.Array:
    """The largest order that matters up to each block of rings, shape (block,).

    d^ell_{mn}(theta) oscillates where m^2 + n^2 - 2 m n cos(theta) < ell^2 sin^2(theta), and falls
    off fast beyond it. The margin is 100 orders or a fiftieth of L.
    """
    n, band_limit = abs(plan.spin), plan.band_limit
    sines = jnp.sqrt(jnp.maximum(1 - cosines**2, 0.0))
    orders = n * jnp.abs(cosines) + sines * math.sqrt(band_limit**2 - n**2)
    return lax.cummax(orders.max(1) + max(100.0, band_limit / 50))


def _norms(plan: LegendrePlan, blocks: _Blocks) -> jax.Array:
    """(-1)^s sqrt((2 ell + 1) / (4 pi)) of every row, shape (family or 1, row)."""
    return (-1.0) ** plan.spin * jnp.sqrt((2 * _degrees_in_rows(blocks) + 1) / (4 * math.pi))


def _degrees_in_rows(blocks: _Blocks) -> jax.Array:
    """The degree of every row, float64, shape (family or 1, row)."""
    degrees = jnp.arange(1.0 * blocks.degree_blocks * DEGREES)
    return degrees.reshape(-1, DEGREES // blocks.rows).T


def _paired(values: jax.Array, axis: int) -> jax.Array:
    """Puts the rings into the order of `start_values.paired_rings`."""
    count = values.shape[axis]
    half = count // 2
    north = lax.slice_in_dim(values, 0, half, axis=axis)
    south = lax.rev(lax.slice_in_dim(values, count - half, count, axis=axis), (axis,))
    shape = (*values.shape[:axis], 2 * half, *values.shape[axis + 1 :])
    pairs = jnp.stack([north, south], axis + 1).reshape(shape)
    return jnp.concatenate([pairs, lax.slice_in_dim(values, half, count - half, axis=axis)], axis)


def _unpaired(values: jax.Array) -> jax.Array:
    """The inverse of `_paired` along the last axis."""
    count = values.shape[-1]
    half = count // 2
    pairs = values[..., : 2 * half].reshape(*values.shape[:-1], half, 2)
    return jnp.concatenate([pairs[..., 0], values[..., 2 * half :], pairs[..., ::-1, 1]], -1)


def _zeros_like(values: jax.Array) -> jax.Array:
    """Zeros that are sharded, and vary in a shard_map, as the values do: for sums in a loop."""
    return jnp.where(values == values, jnp.zeros_like(values), 0)


def _extended(values: jax.Array, axis: int, size: int, filling: int = 0) -> jax.Array:
    padding = [(0, 0)] * values.ndim
    padding[axis] = (0, size - values.shape[axis])
    return jnp.pad(values, padding, constant_values=filling)


def _from_bits(bits: jax.Array) -> jax.Array:
    return lax.bitcast_convert_type(bits, jnp.float64)
