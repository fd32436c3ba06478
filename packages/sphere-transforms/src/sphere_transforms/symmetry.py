r"""What the symmetries of the latitude functions save in the product along the colatitude.

Write T_{ell m}(theta) = sYlm(theta, 0). From d^ell_{m,n}(pi - beta) = (-1)^{ell-n}
d^ell_{-m,n}(beta) (Varshalovich et al., section 4.4) it follows that

  T_{ell,-m}(pi - theta) = (-1)^{ell+s} T_{ell m}(theta),

and for spin 0, where T_{ell,-m} = (-1)^m T_{ell m} besides, T_{ell m}(pi - theta) = (-1)^{ell+m}
T_{ell m}(theta). So, with functions of m >= 0 alone,

- PARITY (spin 0, rings symmetric about the equator): even and odd degrees see only the even and odd
  part of F_m, each on half of the rings: half of the products;
- MIRROR (other spins, symmetric rings): the orders -m are the orders m of the field with its rings
  in reverse: half of the tables;
- SIGN (spin 0, other rings): the orders -m have the functions of m with the sign (-1)^m;
- NONE (other spins, other rings): the orders -m have functions of their own.

Order sums are arrays (m, ring, side, *rest), or after a synthesis (m, side, *rest, ring), and
coefficients (m, ell, side, *rest), m >= 0, real, with two sides, m and -m, or one; they may begin
at any even m. Where they are called mirrored, the rings of the orders -m of MIRROR are already in
reverse: whoever makes them reads them so at no cost. The product sees (m, part, ring, side, *rest),
or (m, part, side, *rest, ring): the parts are the two parities of PARITY and the two sides of NONE,
whose side axis is left with length one.
"""

from __future__ import annotations

import enum
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class Symmetry(enum.Enum):
    """Which of the four cases holds: see the module."""

    PARITY = "parity"
    MIRROR = "mirror"
    SIGN = "sign"
    NONE = "none"

    @classmethod
    def of(cls, spin: int, symmetric: bool) -> Symmetry:
        """The case of a spin on rings that are symmetric about the equator or not."""
        if spin == 0:
            return cls.PARITY if symmetric else cls.SIGN
        return cls.MIRROR if symmetric else cls.NONE


def is_symmetric(colatitudes: np.ndarray) -> bool:
    """Whether the rings are symmetric about the equator."""
    return bool(np.allclose(colatitudes + colatitudes[::-1], np.pi, rtol=0, atol=1e-14))


def fold(symmetry: Symmetry, sums: jax.Array, *, mirrored: bool = False) -> jax.Array:
    """Order sums (m, ring, side, *rest) to what the product takes, (m, part, ring, side, *rest)."""
    if symmetry is Symmetry.MIRROR and mirrored:
        return sums[:, None]
    if symmetry is Symmetry.PARITY:
        sums = _mirror(symmetry, sums)
        half, middle = divmod(sums.shape[1], 2)
        north, south = sums[:, :half], sums[:, half + middle :][:, ::-1]
        sign = _parity_signs(sums.shape[0], sums.ndim + 1, sums.dtype)
        folded = north[:, None] + sign * south[:, None]
        if middle:
            # On the equator odd functions vanish, and even ones count once.
            equator = sums[:, None, half : half + 1] * ((1 + sign) / 2)
            folded = jnp.concatenate([folded, equator], 2)
        return folded
    if symmetry is Symmetry.NONE:
        return jnp.moveaxis(sums, 2, 1)[:, :, :, None]
    return _mirror(symmetry, sums)[:, None]


def unfold(
    symmetry: Symmetry, folded: jax.Array, ring_count: int, *, mirrored: bool = False
) -> jax.Array:
    """The transpose of `fold`, (m, part, side, *rest, ring) to (m, side, *rest, ring)."""
    if symmetry is Symmetry.MIRROR and mirrored:
        return folded[:, 0]
    if symmetry is Symmetry.PARITY:
        half, middle = divmod(ring_count, 2)
        sign = _parity_signs(folded.shape[0], folded.ndim, folded.dtype)
        # Added one to one: jaxlib 0.10's reductions on CPU corrupt memory at this rank.
        north = folded[:, 0, ..., :half] + folded[:, 1, ..., :half]
        south = (sign[:, 0] * (folded[:, 0, ..., :half] - folded[:, 1, ..., :half]))[..., ::-1]
        # Of one part the function vanishes on the equator: the data say of which.
        weight = (1 + sign) / 2
        equator = weight[:, 0] * folded[:, 0, ..., half:] + weight[:, 1] * folded[:, 1, ..., half:]
        if middle:
            sums = jnp.concatenate([north, equator, south], -1)
        else:
            # One loop, where XLA would make both halves first and then copy them together.
            none = [(0, 0)] * (north.ndim - 1)
            sums = jnp.pad(north, [*none, (0, half)]) + jnp.pad(south, [*none, (half, 0)])
    elif symmetry is Symmetry.NONE:
        return folded[:, :, 0]
    else:
        sums = folded[:, 0]
    if sums.shape[1] == 1:
        return sums
    plus, minus = sums[:, 0], sums[:, 1]
    if symmetry is Symmetry.MIRROR:
        minus = minus[..., ::-1]
    else:
        minus = minus * _spread((-1.0) ** np.arange(minus.shape[0]), (0,), minus)
    return jnp.stack([plus, minus], 1)


def folded_rings(symmetry: Symmetry, ring_count: int) -> int:
    """Number of rings, from the north, on which the product needs the functions."""
    return (ring_count + 1) // 2 if symmetry is Symmetry.PARITY else ring_count


def part_count(symmetry: Symmetry) -> int:
    """Length of the product's part axis."""
    return 2 if symmetry in (Symmetry.PARITY, Symmetry.NONE) else 1


def rows_from_degrees(symmetry: Symmetry, spin: int, coefficients: jax.Array) -> jax.Array:
    """Coefficients (m, ell, side, *rest) to rows (m, part, row, side, *rest).

    Rows are degrees, but for PARITY, where row r of part p is degree 2 r + p.
    """
    if symmetry is Symmetry.PARITY:
        orders, degrees, *rest = coefficients.shape
        if degrees % 2:
            padding = [(0, 0), (0, 1)] + [(0, 0)] * len(rest)
            coefficients = jnp.pad(coefficients, padding)
        paired = coefficients.reshape(orders, (degrees + 1) // 2, 2, *rest)
        return jnp.swapaxes(paired, 1, 2)
    if symmetry is Symmetry.NONE:
        return jnp.moveaxis(coefficients, 2, 1)[:, :, :, None]
    return (_degree_signs(symmetry, spin, coefficients) * coefficients)[:, None]


def degrees_from_rows(symmetry: Symmetry, spin: int, rows: jax.Array, band_limit: int) -> jax.Array:
    """The transpose of `rows_from_degrees`, to coefficients (m, ell, side, *rest)."""
    if symmetry is Symmetry.PARITY:
        orders, _, count, *rest = rows.shape
        return jnp.swapaxes(rows, 1, 2).reshape(orders, 2 * count, *rest)[:, :band_limit]
    if symmetry is Symmetry.NONE:
        return jnp.moveaxis(rows[:, :, :, 0], 1, 2)
    return _degree_signs(symmetry, spin, rows[:, 0]) * rows[:, 0]


def _mirror(symmetry: Symmetry, sums: jax.Array) -> jax.Array:
    """Sums (m, ring, side, *rest) with the orders -m as if they were of m; its own inverse."""
    if sums.shape[2] == 1:
        return sums
    plus, minus = sums[:, :, 0], sums[:, :, 1]
    if symmetry is Symmetry.MIRROR:
        minus = minus[:, ::-1]
    else:
        minus = minus * _spread((-1.0) ** np.arange(minus.shape[0]), (0,), minus)
    return jnp.stack([plus, minus], 2)


def _degree_signs(symmetry: Symmetry, spin: int, coefficients: jax.Array) -> jax.Array:
    sides = coefficients.shape[2]
    sign = np.ones((coefficients.shape[1], sides))
    if symmetry is Symmetry.MIRROR and sides == 2:
        sign[:, 1] = (-1.0) ** (np.arange(coefficients.shape[1]) + spin)
    return _spread(sign, (1, 2), coefficients)


def _parity_signs(order_count: int, folded_rank: int, dtype: Any) -> jax.Array:
    """(-1)^{m + part}, to multiply arrays (m, part, ring, side, *rest)."""
    sign = (-1.0) ** np.add.outer(np.arange(order_count), np.arange(2))
    return jnp.asarray(sign, dtype).reshape(order_count, 2, *[1] * (folded_rank - 2))


def _spread(values: np.ndarray, axes: tuple[int, ...], like: jax.Array) -> jax.Array:
    shape = [1] * like.ndim
    for axis, length in zip(axes, values.shape, strict=True):
        shape[axis] = length
    return jnp.asarray(values, like.dtype).reshape(shape)
