r"""Symmetries of the Legendre functions, which save memory and work in the products.

Let T_{ell m}(theta) = sYlm(theta, 0). The identity d^ell_{m,n}(pi - beta) = (-1)^{ell-n}
d^ell_{-m,n}(beta) (Varshalovich et al., section 4.4) gives

  T_{ell,-m}(pi - theta) = (-1)^{ell+s} T_{ell m}(theta).

For spin 0, T_{ell,-m} = (-1)^m T_{ell m} holds too, and therefore T_{ell m}(pi - theta) =
(-1)^{ell+m} T_{ell m}(theta). There are four cases:

- PARITY (spin 0, rings symmetric about the equator): even and odd degrees depend only on the even
  and odd component of F_m, each on half of the rings. This halves the products.
- MIRROR (other spins, symmetric rings): the orders -m are the orders m of the field with its rings
  in reverse order. This halves the tables.
- SIGN (spin 0, other rings): the functions of the orders -m are those of m times (-1)^m. This
  halves the tables.
- NONE (other spins, other rings): the orders -m need their own functions.

Arrays are real. Their first axis holds orders m >= 0, and may begin at any even m. The *side* axis
holds the orders m and -m (or only m, for a real field). The *family* axis separates functions that
do not mix in a product: even and odd degrees (PARITY), or the orders m and -m (NONE).

- Order sums: (m, ring, side, *rest) in an analysis, (m, side, *rest, ring) in a synthesis.
- Coefficients: (m, ell, side, *rest).
- Input of the matrix product: (m, family, ring, side, *rest) or (m, family, row, side, *rest).
- Output of the matrix product: (m, family, row, side, *rest) or (m, family, side, *rest, ring).

`rings_reversed=True` (only used for MIRROR) means that the order sums of the -m side have their
rings in reverse order. The caller reverses them while it copies them, at no cost.
"""

from __future__ import annotations

import enum
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


class Symmetry(enum.Enum):
    """The four cases, see the docstring of the module."""

    PARITY = "parity"
    MIRROR = "mirror"
    SIGN = "sign"
    NONE = "none"

    @classmethod
    def of(cls, spin: int, colatitudes: np.ndarray) -> Symmetry:
        """Returns the case for a spin and the colatitudes of the rings (radians, shape (ring,))."""
        symmetric = is_symmetric(colatitudes)
        if spin == 0:
            return cls.PARITY if symmetric else cls.SIGN
        return cls.MIRROR if symmetric else cls.NONE


def is_symmetric(colatitudes: np.ndarray) -> bool:
    """Whether the rings are symmetric about the equator."""
    return bool(np.allclose(colatitudes + colatitudes[::-1], np.pi, rtol=0, atol=1e-14))


def family_count(symmetry: Symmetry) -> int:
    """The length of the family axis."""
    return 2 if symmetry in (Symmetry.PARITY, Symmetry.NONE) else 1


def folded_ring_count(symmetry: Symmetry, ring_count: int) -> int:
    """The number of rings, from the north, at which the functions are needed."""
    return (ring_count + 1) // 2 if symmetry is Symmetry.PARITY else ring_count


def fold(symmetry: Symmetry, sums: jax.Array, *, rings_reversed: bool = False) -> jax.Array:
    """Maps order sums (m, ring, side, *rest) to (m, family, ring, side, *rest)."""
    if symmetry is Symmetry.MIRROR and rings_reversed:
        return sums[:, None]
    if symmetry is Symmetry.PARITY:
        sums = _as_positive_orders(symmetry, sums)
        half, middle = divmod(sums.shape[1], 2)
        north, south = sums[:, :half], sums[:, half + middle :][:, ::-1]
        sign = _parity_signs(sums.shape[0], sums.ndim + 1, sums.dtype)
        folded = north[:, None] + sign * south[:, None]
        if middle:
            # On the equator, odd functions vanish, and the ring counts once for even functions.
            equator = sums[:, None, half : half + 1] * ((1 + sign) / 2)
            folded = jnp.concatenate([folded, equator], 2)
        return folded
    if symmetry is Symmetry.NONE:
        return jnp.moveaxis(sums, 2, 1)[:, :, :, None]
    return _as_positive_orders(symmetry, sums)[:, None]


def unfold(
    symmetry: Symmetry, folded: jax.Array, ring_count: int, *, rings_reversed: bool = False
) -> jax.Array:
    """The transpose of `fold`: (m, family, side, *rest, ring) to (m, side, *rest, ring)."""
    if symmetry is Symmetry.MIRROR and rings_reversed:
        return folded[:, 0]
    if symmetry is Symmetry.PARITY:
        sums = _unfold_parity(folded, ring_count)
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
        minus = minus * _along_axes((-1.0) ** np.arange(minus.shape[0]), (0,), minus)
    return jnp.stack([plus, minus], 1)


def rows_from_degrees(symmetry: Symmetry, spin: int, coefficients: jax.Array) -> jax.Array:
    """Maps coefficients (m, ell, side, *rest) to rows (m, family, row, side, *rest).

    Row r of family p is the degree 2 r + p for PARITY; otherwise row r is the degree r.
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


def _unfold_parity(folded: jax.Array, ring_count: int) -> jax.Array:
    half, middle = divmod(ring_count, 2)
    sign = _parity_signs(folded.shape[0], folded.ndim, folded.dtype)
    # Add the two families explicitly: jaxlib 0.10's reductions on CPU corrupt memory at this rank.
    north = folded[:, 0, ..., :half] + folded[:, 1, ..., :half]
    south = (sign[:, 0] * (folded[:, 0, ..., :half] - folded[:, 1, ..., :half]))[..., ::-1]
    if middle:
        # The functions of one family vanish on the equator. The sign determines which family.
        weight = (1 + sign) / 2
        equator = weight[:, 0] * folded[:, 0, ..., half:] + weight[:, 1] * folded[:, 1, ..., half:]
        return jnp.concatenate([north, equator, south], -1)
    # Pad and add: one loop, while a concatenation would make XLA copy both halves.
    none = [(0, 0)] * (north.ndim - 1)
    return jnp.pad(north, [*none, (0, half)]) + jnp.pad(south, [*none, (half, 0)])


def _as_positive_orders(symmetry: Symmetry, sums: jax.Array) -> jax.Array:
    """Changes the -m side of (m, ring, side, *rest) so that the functions of m apply to it.

    The map is its own inverse.
    """
    if sums.shape[2] == 1:
        return sums
    plus, minus = sums[:, :, 0], sums[:, :, 1]
    if symmetry is Symmetry.MIRROR:
        minus = minus[:, ::-1]
    else:
        minus = minus * _along_axes((-1.0) ** np.arange(minus.shape[0]), (0,), minus)
    return jnp.stack([plus, minus], 2)


def _degree_signs(symmetry: Symmetry, spin: int, coefficients: jax.Array) -> jax.Array:
    sides = coefficients.shape[2]
    sign = np.ones((coefficients.shape[1], sides))
    if symmetry is Symmetry.MIRROR and sides == 2:
        sign[:, 1] = (-1.0) ** (np.arange(coefficients.shape[1]) + spin)
    return _along_axes(sign, (1, 2), coefficients)


def _parity_signs(order_count: int, folded_rank: int, dtype: Any) -> jax.Array:
    """(-1)^{m + family}, in a shape to multiply arrays (m, family, ring, side, *rest)."""
    sign = (-1.0) ** np.add.outer(np.arange(order_count), np.arange(2))
    return jnp.asarray(sign, dtype).reshape(order_count, 2, *[1] * (folded_rank - 2))


def _along_axes(values: np.ndarray, axes: tuple[int, ...], like: jax.Array) -> jax.Array:
    """The values along the given axes of `like`, with length 1 along its other axes."""
    shape = [1] * like.ndim
    for axis, length in zip(axes, values.shape, strict=True):
        shape[axis] = length
    return jnp.asarray(values, like.dtype).reshape(shape)
