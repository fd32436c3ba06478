"""The steps of the recursion in ell: its factors, its state, and the change of levels.

The docstring of `recursion` describes the two forms of the recursion and the levels.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from sphere_transforms.legendre.start_values import LEVEL

# Degrees per block. The range of the levels depends on it (see `recursion`).
DEGREES = 32
# Stored values above it lose a level.
_LARGE = 2.0**100


class Factors(NamedTuple):
    """The factors of the recursion, each of shape (order, sign, degree)."""

    slope: jax.Array
    shift: jax.Array
    back: jax.Array
    bend: jax.Array
    southern_bend: jax.Array


class State(NamedTuple):
    """The state of the recursion, each of shape (order, sign, ring).

    Attributes:
      value: d^ell, stored with the level.
      previous: d^{ell-1} or, in differences, d^ell - d^{ell-1}.
      level: int16.
    """

    value: jax.Array
    previous: jax.Array
    level: jax.Array

    def with_lower_levels(self) -> State:
        """Lowers the levels of large values by one."""
        lower = (jnp.abs(self.value) > _LARGE) & (self.level > 0)
        factor = jnp.where(lower, 2.0**-LEVEL, 1.0)
        level = self.level - lower.astype(self.level.dtype)
        return State(self.value * factor, self.previous * factor, level)


def recursion_factors(orders: jax.Array, n: float, degree_blocks: int) -> Factors:
    """Computes the factors of the degrees of all blocks.

    In differences, the recursion is

      d^ell - d^{ell-1} = back (d^{ell-1} - d^{ell-2})
                          + (bend - 2 slope sin^2(theta / 2)) d^{ell-1}.

    At ell <= max(|m|, |n|) both forms keep the value.

    Args:
      orders: m, shape (order, sign).
      n: the second order, -s.
      degree_blocks: the number of blocks.
    """
    ell_or_before = jnp.arange(-1.0, degree_blocks * DEGREES)[None, None]

    def root(order: jax.Array | float) -> jax.Array:
        squared = (ell_or_before - order) * (ell_or_before + order)
        return jnp.sqrt(jnp.maximum(squared, 0.0))

    ell = ell_or_before[..., 1:]
    # At ell = 1 the division by ell - 1 is one of zero by zero: m n is zero above the start.
    before = jnp.maximum(ell - 1, 1.0)
    m = orders[..., None]
    roots_m, roots_n = root(m), root(n)
    p_m, r_m = roots_m[..., 1:], roots_m[..., :-1]
    p_n, r_n = roots_n[..., 1:], roots_n[..., :-1]
    above = ell > jnp.maximum(jnp.abs(m), abs(n))
    inverse = jnp.where(above, 1 / jnp.where(above, p_m * p_n, 1.0), 0.0)
    slope = ell * (2 * ell - 1) * inverse
    inverse = inverse / before
    shift = jnp.where(above, (2 * ell - 1) * (m * n) * inverse, -1.0)
    back = ell * r_m * r_n * inverse
    # slope - shift - back - 1 as a sum of squares, without cancellation.
    square = ell * (r_m - r_n) ** 2 + (ell - 1) * (p_m - p_n) ** 2
    bends = [((2 * ell - 1) * (order - n) ** 2 + square) * (inverse / 2) for order in (m, -m)]
    return Factors(slope, shift, back, *bends)


@dataclasses.dataclass(frozen=True, eq=False)
class Recursion:
    """The recursion for a block of orders and of rings.

    Attributes:
      factors: its factors.
      cosines: cos(theta), shape (1, 1, ring).
      sines: the squared sine of half the angle from the nearer pole, shape (1, 1, ring).
      in_differences: whether it is computed in differences. Then the functions at rings in the
        south are d^ell_{-m,n}(pi - theta) = (-1)^(ell-n) d^ell_{mn}(theta).
    """

    factors: Factors
    cosines: jax.Array
    sines: jax.Array
    in_differences: bool

    def of_block(self, block: jax.Array) -> Factors:
        """The factors of a block of degrees, each of shape (order, sign, degree)."""
        return Factors(
            *(lax.dynamic_slice_in_dim(of, block * DEGREES, DEGREES, 2) for of in self.factors)
        )

    def step(
        self, factors: Factors, degree: jax.Array, value: jax.Array, previous: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Computes value and previous of the next degree, whose index in the block is given."""
        slope, shift, back, bend, southern = (
            lax.dynamic_slice_in_dim(factor, degree, 1, 2) for factor in factors
        )
        if self.in_differences:
            bend = jnp.where(self.cosines < 0, southern, bend) - 2 * slope * self.sines
            difference = back * previous + bend * value
            return value + difference, difference
        return (slope * self.cosines - shift) * value - back * previous, value

    def until_it_matters(self, block: jax.Array, state: State) -> tuple[jax.Array, State]:
        """Goes on from a block to the first one at which some level is 0; returns both."""
        last = self.factors.slope.shape[2] // DEGREES

        def goes_on(carry: tuple[jax.Array, State]) -> jax.Array:
            return (carry[0] < last) & ~jnp.any(carry[1].level == 0)

        def skip(carry: tuple[jax.Array, State]) -> tuple[jax.Array, State]:
            block, state = carry
            factors = self.of_block(block)

            def two_degrees(
                pair: jax.Array, carry: tuple[jax.Array, jax.Array]
            ) -> tuple[jax.Array, jax.Array]:
                carry = self.step(factors, 2 * pair, *carry)
                return self.step(factors, 2 * pair + 1, *carry)

            values = (state.value, state.previous)
            value, previous = lax.fori_loop(0, DEGREES // 2, two_degrees, values)
            return block + 1, State(value, previous, state.level).with_lower_levels()

        return lax.while_loop(goes_on, skip, (block, state))
