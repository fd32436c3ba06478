r"""The values of a field at arbitrary points, from its coefficients.

  f(theta, phi) = sum over m of exp(i m phi) sum over ell of a_{ell m} T_{ell m}(theta)

The functions T_{ell m}(theta) = sYlm(theta, 0) come from the recursion in ell (see
`legendre.recursion`), for all orders of a block of points at a time. Memory is O(N L) for N points,
and blocks bound it; no array has N L^2 entries, also in derivatives.

**Derivatives.** With eth and eth-bar (Goldberg et al. 1967), the derivative by theta is
-(eth f + eth-bar f) / 2 for every spin, and the derivative by phi has the coefficients
i m a_{ell m}. Derivatives with respect to the points are therefore values of other fields, also at
the poles.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from sphere_transforms.fields import (
    Array,
    Coefficients,
    check_coefficients,
    without_empty_entries,
)
from sphere_transforms.jax_extensions import apply_linear, complex_dtype

# The functions are computed times 2^_SCALE, so that small start values stay in float64's range.
_SCALE = 980
_LARGEST_BAND_LIMIT = 1750
# Bytes of the largest array of a block of points.
_WORKSPACE = 2**26


def evaluate(coefficients: Coefficients, theta: Any, phi: Any) -> dict[int, jax.Array]:
    """Computes the values of a band-limited field at arbitrary points.

    The function is differentiable with respect to the coefficients and the points, in forward and
    reverse mode and to any order. Work grows as N L^2 for N points, memory as N L. For the points
    of a grid, `SpinTransform.inverse` is faster.

    Args:
      coefficients: mapping from spin to complex arrays (batch, ell, m, channel). Entries with
        |m| > ell or ell < |spin| have no effect.
      theta: colatitudes in radians, in [0, pi], of any shape.
      phi: longitudes in radians, of the same shape. Both may be traced values.

    Returns:
      Mapping from the same spins to complex arrays (batch, *theta.shape, channel). Values of
      nonzero spin refer to the theta and phi directions at the point.

    Raises:
      ValueError: an array does not have the shape of coefficients, the shapes of the angles differ,
        or the band limit is above 1750.
    """
    check_coefficients(coefficients, "evaluate")
    if np.shape(theta) != np.shape(phi):
        raise ValueError(
            f"evaluate: theta has shape {np.shape(theta)} and phi {np.shape(phi)}; give one of "
            "each for every point."
        )
    angles = _angles(theta, "theta"), _angles(phi, "phi")
    for values in coefficients.values():
        if values.shape[1] > _LARGEST_BAND_LIMIT:
            raise ValueError(
                f"evaluate: band_limit is {values.shape[1]}, and the recursion's start values "
                f"leave float64's range above {_LARGEST_BAND_LIMIT}: lower it with "
                "change_band_limit."
            )
    return {
        spin: _evaluate(values, *angles, spin, np.shape(theta))
        for spin, values in coefficients.items()
    }


@functools.partial(jax.jit, static_argnums=(3, 4), inline=True)
def _evaluate(
    values: Array, theta: jax.Array, phi: jax.Array, spin: int, shape: tuple[int, ...]
) -> jax.Array:
    """The values at the points, whose angles come from `_angles`, in an array of this shape."""
    values = jnp.asarray(values)
    values = without_empty_entries(values.astype(complex_dtype(values.dtype)), spin)
    operator = AtPoints(spin, values.shape[1], to_points=True)
    at_points = apply_linear(operator, (theta, phi), jnp.transpose(values, (1, 2, 0, 3)))
    return jnp.moveaxis(at_points.reshape(*shape, *at_points.shape[1:]), -2, 0)


def _angles(angle: Any, name: str) -> jax.Array:
    """The angles as (point,): JAX arrays as they are, others as the bits of float64 (point, 2).

    Without x64, JAX would round a float64 array.
    """
    if not isinstance(angle, jax.core.Tracer):
        values = np.asarray(angle)
        if values.dtype.kind not in "fiu" or not np.all(np.isfinite(values)):
            raise ValueError(f"evaluate: {name} is {angle!r}; give finite angles in radians.")
        if name == "theta" and values.size and not 0 <= values.min() <= values.max() < np.pi + 1e-6:
            raise ValueError(
                f"evaluate: theta is from {values.min()} to {values.max()}; colatitudes are in "
                "[0, pi], 0 at the north pole."
            )
    if isinstance(angle, jax.Array):
        if not jnp.issubdtype(angle.dtype, jnp.floating):
            angle = angle.astype(jnp.float32)
        return angle.reshape(-1)
    return jnp.asarray(values.astype(np.float64).reshape(-1, 1).view(np.uint32))


@dataclasses.dataclass(frozen=True)
class AtPoints:
    """The linear operator from coefficients (ell, m, *rest) to values (point, *rest), or back.

    Attributes:
      spin: s.
      band_limit: L.
      to_points: True for the synthesis, False for its transpose.
    """

    spin: int
    band_limit: int
    to_points: bool

    def __call__(self, tables: tuple[jax.Array, jax.Array], data: jax.Array) -> jax.Array:
        """Computes the sums over ell and m, or for the transpose those over the points."""
        with jax.enable_x64(True):
            theta, phi = (_as_float64(angle) for angle in tables)
            apply = self._synthesize if self.to_points else self._transposed
            return apply(theta, phi, data)

    @property
    def transpose(self) -> AtPoints:
        """The operator in the other direction."""
        return dataclasses.replace(self, to_points=not self.to_points)

    def derivative_by_tables(
        self, tables: tuple[jax.Array, jax.Array], tangents: list[jax.Array | None], data: jax.Array
    ) -> jax.Array:
        """Returns the change of the result by changes of the points (see the module)."""
        by_theta, by_phi = tangents
        total: Any = 0
        if by_theta is not None:
            ell = np.arange(self.band_limit)
            for step, sign in ((1, -0.5), (-1, 0.5)):
                spin = self.spin + step
                if abs(spin) >= self.band_limit:
                    continue
                squares = (ell - step * self.spin) * (ell + step * self.spin + 1.0)
                present = ell >= max(abs(self.spin), abs(spin))
                factors = sign * np.sqrt(np.where(present, squares, 0.0))
                total += self._of_neighbour(spin, tables, data, factors[:, None], by_theta)
        if by_phi is not None:
            m = np.arange(1 - self.band_limit, self.band_limit)
            total += self._of_neighbour(self.spin, tables, data, 1j * m[None], by_phi)
        if isinstance(total, int):  # a field of degree 0
            shape = jax.eval_shape(functools.partial(self, tables), data)
            total = jnp.zeros(shape.shape, shape.dtype)
        return total

    def _of_neighbour(
        self,
        spin: int,
        tables: tuple[jax.Array, jax.Array],
        data: jax.Array,
        factors: np.ndarray,
        change: jax.Array,
    ) -> jax.Array:
        """The operator of another spin between factors (ell, m) and changes (point,)."""
        operator = dataclasses.replace(self, spin=spin)

        def times(values: jax.Array, factors: Any, axes: int) -> jax.Array:
            factors = jnp.asarray(factors, values.dtype)
            return values * factors.reshape(*factors.shape, *[1] * (values.ndim - axes))

        if self.to_points:
            values = apply_linear(operator, tables, times(data, factors, 2))
            return times(values, change, 1)
        degrees = apply_linear(operator, tables, times(data, change, 1))
        return times(degrees, factors, 2)

    def _synthesize(self, theta: jax.Array, phi: jax.Array, data: jax.Array) -> jax.Array:
        rest = data.shape[2:]
        columns = data.reshape(*data.shape[:2], math.prod(rest))
        width = columns.shape[-1]
        parts = jnp.concatenate([columns.real, columns.imag], -1)  # (ell, m, columns)

        def block(angles: tuple[jax.Array, jax.Array]) -> jax.Array:
            def add(sums: jax.Array, row: jax.Array, functions: jax.Array) -> tuple[Any, Any]:
                functions = functions.astype(row.dtype)
                return sums + functions[:, :, None] * row[:, None, :], None

            start = jnp.zeros((columns.shape[1], angles[0].shape[0], 2 * width), parts.dtype)
            sums, _ = self._over_degrees(angles[0], add, start, parts)
            complex_sums = jax.lax.complex(sums[..., :width], sums[..., width:])
            phases = self._phases(angles[1], data.dtype)
            return jnp.einsum("mp,mpr->pr", phases, complex_sums, precision="highest")

        values = self._in_blocks(block, theta, phi, width)
        values = values.reshape(values.shape[0] * values.shape[1], values.shape[2])
        return values[: theta.shape[0]].reshape(theta.shape[0], *rest)

    def _transposed(self, theta: jax.Array, phi: jax.Array, data: jax.Array) -> jax.Array:
        rest = data.shape[1:]
        columns = data.reshape(data.shape[0], math.prod(rest))
        width = columns.shape[-1]
        size, count = self._block_size(theta.shape[0], width)
        filled = _in_parts(columns, size, count)  # zeros at the points that fill the last block

        def block(total: jax.Array, inputs: Any) -> tuple[jax.Array, None]:
            theta, phi, values = inputs
            turned = self._phases(phi, data.dtype)[:, :, None] * values[None]
            parts = jnp.concatenate([turned.real, turned.imag], -1)  # (m, point, columns)

            def emit(carry: Any, _: Any, functions: jax.Array) -> tuple[Any, jax.Array]:
                functions = functions.astype(parts.dtype)
                return carry, jnp.einsum("mp,mpr->mr", functions, parts, precision="highest")

            nothing = jnp.zeros((self.band_limit, 0), parts.dtype)
            return total + self._over_degrees(theta, emit, (), nothing)[1], None

        start = jnp.zeros((self.band_limit, 2 * self.band_limit - 1, 2 * width), columns.real.dtype)
        angles = (_in_parts(theta, size, count), _in_parts(phi, size, count))
        total, _ = lax.scan(block, start, (*angles, filled))
        result = jax.lax.complex(total[..., :width], total[..., width:])
        return result.reshape(*result.shape[:2], *rest)

    def _over_degrees(
        self, theta: jax.Array, step: Callable[..., Any], start: Any, rows: jax.Array
    ) -> tuple[Any, Any]:
        """Scans over ell: step(carry, row, T_ell), with the functions T_ell (m, point), float64."""
        m = jnp.arange(1.0 - self.band_limit, self.band_limit)[:, None]
        n = float(-self.spin)
        south = (theta > math.pi / 2)[None]
        # Of half the angle from the nearer pole.
        cosine, sine = jnp.cos(theta / 2)[None], jnp.sin(theta / 2)[None]
        cosine, sine = jnp.where(south, sine, cosine), jnp.where(south, cosine, sine)
        starts = _start_values(self.band_limit, n, jnp.where(south, -m, m), cosine, sine)
        first_degree = jnp.maximum(jnp.abs(m), abs(n))
        norm = math.ldexp((-1.0) ** self.spin / math.sqrt(4 * math.pi), -_SCALE)

        def degree(carry: Any, inputs: Any) -> tuple[Any, Any]:
            carry, current, difference = carry
            ell, row = inputs
            carried, slope, bend, southern_bend = _difference_factors(ell, m, n)
            bend = jnp.where(south, southern_bend, bend) - slope * sine**2
            change = carried * difference + bend * current
            above, begins = ell > first_degree, ell == first_degree
            value = jnp.where(above, current + change, jnp.where(begins, starts, 0.0))
            odd = jnp.asarray((ell + self.spin) % 2 == 1)
            factor = jnp.where(south & odd, -norm, norm) * jnp.sqrt(2 * ell + 1)
            carry, result = step(carry, row, factor * value)
            return (carry, value, jnp.where(above, change, 0.0)), result

        nothing = jnp.zeros_like(starts)
        degrees = jnp.arange(float(self.band_limit))
        (carry, _, _), results = lax.scan(degree, (start, nothing, nothing), (degrees, rows))
        return carry, results

    def _phases(self, phi: jax.Array, dtype: Any) -> jax.Array:
        """exp(i m phi), (m, point)."""
        phase = jnp.arange(1.0 - self.band_limit, self.band_limit)[:, None] * phi[None]
        return jax.lax.complex(jnp.cos(phase), jnp.sin(phase)).astype(dtype)

    def _block_size(self, points: int, width: int) -> tuple[int, int]:
        if not isinstance(points, int):  # a symbolic number, in an exported program
            return points, 1
        width = width if isinstance(width, int) else 4
        largest = max(1, _WORKSPACE // (16 * (2 * self.band_limit - 1) * (width + 4)))
        size = max(1, min(points, largest))
        return size, max(1, math.ceil(points / size))

    def _in_blocks(
        self, block: Callable[..., jax.Array], theta: jax.Array, phi: jax.Array, width: int
    ) -> jax.Array:
        size, count = self._block_size(theta.shape[0], width)
        return lax.map(block, (_in_parts(theta, size, count), _in_parts(phi, size, count)))


def _in_parts(values: jax.Array, size: int, count: int) -> jax.Array:
    """(point, ...) to (block, point, ...), filled with zeros."""
    padding = [(0, size * count - values.shape[0])] + [(0, 0)] * (values.ndim - 1)
    return jnp.pad(values, padding).reshape(count, size, *values.shape[1:])


def _as_float64(angle: jax.Array) -> jax.Array:
    if angle.dtype == jnp.uint32:
        return lax.bitcast_convert_type(angle, jnp.float64)
    return lax.convert_element_type(angle, jnp.float64)


def _start_values(
    band_limit: int, n: float, m: jax.Array, cosine: jax.Array, sine: jax.Array
) -> jax.Array:
    """2^_SCALE d^ell_{mn} at ell = max(|m|, |n|), from the closed forms, shape (m, point).

    Where |n| = ell, d = sqrt(binomial(2 ell, ell - m')) cos^(ell + m') sin^(ell - m') of half the
    angle, with m' = m sign(n), and the sign (-1)^(ell + m) for n < 0. Where |m| = ell, the orders
    change places, with the sign (-1)^(m - n) (Varshalovich et al. 1988, sections 4.4 and 4.16).
    """
    ell = jnp.maximum(jnp.abs(m), abs(n))
    # The order that is +-ell, and the other one.
    by_n = jnp.abs(m) <= abs(n)
    corner, other = jnp.where(by_n, n, m), jnp.where(by_n, m, n)
    towards = jnp.where(corner >= 0, other, -other)
    logarithms = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 2 * band_limit + 1)))])
    factorial = jnp.asarray(logarithms)
    plus, minus = (ell + towards).astype(jnp.int32), (ell - towards).astype(jnp.int32)
    logarithm = (factorial[(2 * ell).astype(jnp.int32)] - factorial[plus] - factorial[minus]) / 2
    for base, power in ((cosine, plus), (sine, minus)):
        safe = jnp.where(base > 0, base, 1.0)
        logarithm = logarithm + power.astype(jnp.float64) * jnp.where(base > 0, jnp.log(safe), -1e9)
    # Of half the logarithm, because the value itself may be below float64's range.
    root = jnp.exp(logarithm / 2) * math.ldexp(1.0, _SCALE // 2)
    size = root * root
    # d_{mn} for n = -ell has the sign (-1)^(ell + m); d_{mn} = (-1)^(m - n) d_{nm}.
    odd = jnp.where(by_n, 0.0, m - n) + jnp.where(corner < 0, ell + other, 0.0)
    return jnp.where(odd % 2 == 1, -size, size)


def _difference_factors(ell: jax.Array, m: jax.Array, n: float) -> tuple[jax.Array, ...]:
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
