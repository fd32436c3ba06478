r"""The transforms in a basis of real harmonics, in nothing but real matrix products.

What a compiled training step runs: fields are real and imaginary part apart, longitude first, and
neither direction nor derivative transposes them.

**Coefficients.** Coefficients a_{ell m} of a field of any spin are split in two sets,

  E_{ell m} = (a_{ell m} + (-1)^m conj(a_{ell,-m})) / 2,
  B_{ell m} = (a_{ell m} - (-1)^m conj(a_{ell,-m})) / (2 i),   a = E + i B,

each of which, as the coefficients of a real scalar, is known from its m >= 0. (For spin 0 they are
those of the real and of the imaginary part; for spin 2 the E and B modes of polarimetry, but for
signs: Zaldarriaga and Seljak 1997, eq. 6.) A product of a_{ell m} with a complex number k_ell, as a
convolution makes, is the product of E + i B with it, for each m and for real and imaginary part of
E and B alike. They are held as real arrays (ell, m, 2, ...), m >= 0, sqrt(2) Re and sqrt(2) Im for
m > 0, and Re and a zero for m = 0: so the sum of their squares is the sum of |a_{ell m}|^2 over
all m.

**Products.** With T_m(theta) = sYlm(theta, 0), T'_m = (-1)^m T_{-m}, and e_q, b_q the real numbers
of E and B, let a^{+,-}_0 = e_0 -+ b_1 and a^{+,-}_1 = e_1 +- b_0 (real and imaginary part of
E +- i B), and G^+_q, G^-_q the sums over ell of T_m a^+_q and T'_m a^-_q, divided by sqrt(2), for
m = 0 by 2. Then

  Re f = sum over m of cos(m phi) (G^+_0 + G^-_0) - sin(m phi) (G^+_1 + G^-_1),
  Im f = sum over m of sin(m phi) (G^+_0 - G^-_0) + cos(m phi) (G^+_1 - G^-_1).

The sum over m is one matrix product for each part, the sum over ell one that is batched over m, q
and sign. Analysis is the transpose, with the quadrature's weights.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.contraction import contract
from sphere_transforms.double_precision import check_x64
from sphere_transforms.grids import Grid
from sphere_transforms.grids.arguments import checked_band_limit
from sphere_transforms.harmonics import check_spin, latitude_functions_by_degree
from sphere_transforms.latitude_tables import block_edges
from sphere_transforms.linear_operator import apply_linear
from sphere_transforms.method import available_memory

Parts = tuple[jax.Array, ...]

# By block of orders: the matrices (m, degree, ring) and the same turned, (m, ring, degree).
Tables = tuple[tuple[jax.Array, jax.Array], ...]


@jax.tree_util.register_pytree_with_keys_class
class RealBasisTransform:
    """Analysis and synthesis in the real basis, on a grid of equal rings.

    A pytree whose leaves are the tables, as `SpinTransform` is; shapes are not checked.

    Attributes:
      grid: the grid.
      spins: the spin weights, increasing.
      band_limit: L, of the coefficients.
      precision: of the matrix products.
    """

    grid: Grid
    spins: tuple[int, ...]
    band_limit: int
    precision: jax.lax.Precision

    def __init__(
        self,
        grid: Grid,
        spins: Iterable[int],
        band_limit: int | None = None,
        *,
        dtype: Any = None,
        precision: Any = jax.lax.Precision.HIGHEST,
    ):
        """Makes the tables, or takes them from the cache.

        Args:
          grid: where fields are sampled: rings of equally many samples.
          spins: spin weights.
          band_limit: L, at most the grid's, which it is by default: higher degrees are dropped.
          dtype: of the tables, float32 or float64; None: float64 where x64 is enabled. They are
            cast to the dtype of what is transformed.
          precision: of the matrix products.

        Raises:
          ValueError: a grid of unequal rings, a band limit above the grid's, a spin that it does
            not carry, another dtype, or tables that do not fit.
        """
        if len(grid.shape) != 2:
            raise ValueError(
                f"{grid!r} has no rings of equally many samples; RealBasisTransform needs them: "
                "take another grid, or SpinTransform."
            )
        self.grid, self.spins = grid, tuple(sorted(set(spins)))
        self.band_limit = checked_band_limit(grid, band_limit)
        self.precision = jax.lax.Precision(precision)
        for spin in self.spins:
            check_spin(spin, self.band_limit)
        name = jnp.zeros((), float).dtype.name if dtype is None else np.dtype(dtype).name
        _check_dtype(name, "dtype")
        self._check_memory(np.dtype(name).itemsize)
        with jax.ensure_compile_time_eval():
            self._fourier = _fourier_tables(grid, self.band_limit, name)
            self._analysis, self._synthesis = (
                {
                    spin: _latitude_tables(grid, spin, self.band_limit, name, weighted=weighted)
                    for spin in self.spins
                }
                for weighted in (True, False)
            )

    def analyze(self, spin: int, parts: Parts) -> Parts:
        """Field to coefficients.

        Args:
          spin: of the field.
          parts: real and imaginary part, each (long, lat, batch, channel); for spin 0 perhaps the
            real part alone.

        Returns:
          E and B, each (ell, m, 2, batch, channel); for a real field of spin 0 E alone.
        """
        options = (*self._tables(self._analysis[spin], parts), self.precision)
        if spin == 0:
            return tuple(_analyze_scalar(part, *options) for part in parts)
        return _analyze(parts, *options)

    def synthesize(self, spin: int, parts: Parts) -> Parts:
        """Coefficients to field: the inverse of `analyze`, with the same shapes."""
        options = (*self._tables(self._synthesis[spin], parts), self.precision)
        if spin == 0:
            return tuple(_synthesize_scalar(part, *options) for part in parts)
        return _synthesize(parts, *options)

    def _tables(self, latitude: Tables, parts: Parts) -> tuple[Any, Tables]:
        dtype = parts[0].dtype
        _check_dtype(dtype.name, "field or coefficients")
        fourier, latitude = jax.tree.map(
            lambda table: table.astype(dtype), (self._fourier, latitude)
        )
        return fourier, latitude

    def _check_memory(self, itemsize: int) -> None:
        # For each spin but 0 two signs, for 0 one; both ways round, both directions.
        matrices = sum(1 if spin == 0 else 2 for spin in self.spins) * 4
        needed = itemsize * matrices * self.band_limit**2 * self.grid.shape[0]
        if needed > available_memory():
            raise ValueError(
                f"{self!r} needs up to {needed / 1e9:.1f} GB of tables; there is room for "
                f"{available_memory() / 1e9:.1f} GB. Take a coarser grid or fewer spins, or "
                "SpinTransform, which has a method with little memory."
            )

    def __repr__(self) -> str:
        return f"RealBasisTransform({self.grid!r}, {self.spins}, {self.band_limit})"

    def tree_flatten_with_keys(self) -> tuple[Any, Any]:
        """Tables as leaves; the rest is static."""
        names = ("_fourier", "_analysis", "_synthesis")
        children = tuple((jax.tree_util.GetAttrKey(name), getattr(self, name)) for name in names)
        return children, (self.grid, self.spins, self.band_limit, self.precision)

    @classmethod
    def tree_unflatten(cls, static: Any, children: Any) -> RealBasisTransform:
        """The inverse of `tree_flatten_with_keys`."""
        self = object.__new__(cls)
        self.grid, self.spins, self.band_limit, self.precision = static
        self._fourier, self._analysis, self._synthesis = children
        return self


def _check_dtype(name: str, what: str) -> None:
    if name not in ("float32", "float64"):
        raise ValueError(f"{what} is {name}; it must be float32 or float64: convert it first.")
    check_x64(name, what)


# Within a compiled step these are inlined; called one by one, each compiles once for its shapes.
_compiled = functools.partial(jax.jit, static_argnames="precision")


@_compiled
def _analyze_scalar(part: jax.Array, fourier: Any, tables: Tables, precision: Any) -> jax.Array:
    sums = contract("mk,kjbc->mjbc", fourier["real"], part, precision)
    rows = apply_linear(OrderwiseProduct(True, precision), tables, sums)
    return jnp.transpose(_unmerge(rows, 2), (2, 0, 1, 3, 4))


@_compiled
def _synthesize_scalar(part: jax.Array, fourier: Any, tables: Tables, precision: Any) -> jax.Array:
    rows = _merge(jnp.transpose(part, (1, 2, 0, 3, 4)), 2)
    sums = apply_linear(OrderwiseProduct(False, precision), tables, rows)
    return contract("mk,mjbc->kjbc", fourier["real"], sums, precision)


@_compiled
def _analyze(parts: Parts, fourier: Any, tables: Tables, precision: Any) -> Parts:
    real, imag = (
        _unmerge(contract("mk,kjbc->mjbc", fourier[name], part, precision), 2)
        for name, part in zip(("real", "imag"), parts, strict=True)
    )
    sums = _merge(jnp.stack([real + imag, real - imag], 1), 3)
    rows = _unmerge(apply_linear(OrderwiseProduct(True, precision), tables, sums), 2, 2)
    plus, minus = rows[:, 0], rows[:, 1]
    # Their difference is (-b_1, b_0), which stands beside (e_0, e_1), their sum.
    turned = plus - minus
    magnetic = jnp.stack([turned[:, 1], -turned[:, 0]], 1)
    electric, magnetic = (jnp.transpose(part, (2, 0, 1, 3, 4)) for part in (plus + minus, magnetic))
    return electric, magnetic


@_compiled
def _synthesize(parts: Parts, fourier: Any, tables: Tables, precision: Any) -> Parts:
    electric, magnetic = (jnp.transpose(part, (1, 2, 0, 3, 4)) for part in parts)
    turned = jnp.stack([-magnetic[:, 1], magnetic[:, 0]], 1)
    rows = _merge(jnp.stack([electric + turned, electric - turned], 1), 3)
    sums = _unmerge(apply_linear(OrderwiseProduct(False, precision), tables, rows), 2, 2)
    plus, minus = sums[:, 0], sums[:, 1]
    real, imag = (
        contract("mk,mjbc->kjbc", fourier[name], _merge(part, 2), precision)
        for name, part in (("real", plus + minus), ("imag", plus - minus))
    )
    return real, imag


def _merge(values: jax.Array, axes: int) -> jax.Array:
    """The first axes as one: order, sign where there are two, real or imaginary part."""
    return values.reshape(-1, *values.shape[axes:])


def _unmerge(values: jax.Array, *lengths: int) -> jax.Array:
    return values.reshape(-1, *lengths, *values.shape[1:])


@dataclasses.dataclass(frozen=True)
class OrderwiseProduct:
    """For every order (and sign) a matrix between rings and degrees: a linear operator.

    A matrix is held both ways round: XLA's products on CPU are slow with one operand turned.

    Attributes:
      to_degrees: from (order, ring, *rest) to (order, degree, *rest); else back.
      precision: of the products.
    """

    to_degrees: bool
    precision: jax.lax.Precision

    def __call__(self, tables: Tables, data: jax.Array) -> jax.Array:
        """Block by block of orders, whose matrices leave out degrees below the block's orders."""
        band_limit = tables[0][0].shape[1]  # the first block, from order 0, has every degree
        orders = sum(block[0].shape[0] for block in tables)
        repeated = data.shape[0] // orders  # for real and imaginary part one matrix
        results, start = [], 0
        for block in tables:
            matrix = jnp.repeat(block[0 if self.to_degrees else 1], repeated, axis=0)
            first = band_limit - block[0].shape[1]
            part = jax.lax.slice_in_dim(data, start, start + matrix.shape[0])
            if not self.to_degrees:
                part = jax.lax.slice_in_dim(part, first, band_limit, axis=1)
            result = jnp.einsum("mxy,my...->mx...", matrix, part, precision=self.precision)
            if self.to_degrees:
                result = jnp.pad(result, [(0, 0), (first, 0)] + [(0, 0)] * (data.ndim - 2))
            results.append(result)
            start += matrix.shape[0]
        return jnp.concatenate(results)

    @property
    def transpose(self) -> OrderwiseProduct:
        """The other way, with the same matrices."""
        return dataclasses.replace(self, to_degrees=not self.to_degrees)


@functools.lru_cache(maxsize=64)
def _fourier_tables(grid: Grid, band_limit: int, dtype: str) -> dict[str, jax.Array]:
    """By part of the field, (m and q, long): what multiplies the sum, or difference, of G."""
    phase = np.outer(np.arange(band_limit), grid.longitudes)
    cosine, sine = np.cos(phase), np.sin(phase)
    rows = {"real": [cosine, -sine], "imag": [sine, cosine]}
    return {
        part: jax.device_put(np.stack(pair, 1).reshape(-1, phase.shape[1]).astype(dtype))
        for part, pair in rows.items()
    }


@functools.lru_cache(maxsize=64)
def _latitude_tables(
    grid: Grid, spin: int, band_limit: int, dtype: str, *, weighted: bool
) -> Tables:
    """By block of orders: (m and sign, degree, ring), with one sign for spin 0, and turned."""
    tables = []
    plus, minus = _scaled_functions(grid, spin, band_limit, weighted)
    # For spin 0 both signs have the same function, so that their sum does for both.
    signs = [plus + minus] if spin == 0 else [plus, minus]
    for start, stop in itertools.pairwise(block_edges(band_limit)):
        block = np.stack([values[start:stop, start:] for values in signs], 1)
        block = block.reshape(-1, *block.shape[2:]).astype(dtype)
        turned = np.ascontiguousarray(np.swapaxes(block, 1, 2))
        tables.append((jax.device_put(block), jax.device_put(turned)))
    return tuple(tables)


def _scaled_functions(
    grid: Grid, spin: int, band_limit: int, weighted: bool
) -> tuple[np.ndarray, np.ndarray]:
    """T_m and T'_m over sqrt(2), over 2 for m = 0; (m, ell, ring); weighted, for an analysis."""
    quadrature = grid.analysis
    angles = quadrature.colatitudes if weighted else grid.colatitudes
    functions = np.zeros((2, band_limit, band_limit, angles.size))
    for ell, values in latitude_functions_by_degree(band_limit, spin, angles):
        functions[0, :, ell] = values[band_limit - 1 :]
        functions[1, :, ell] = values[band_limit - 1 :: -1]
    orders = np.arange(band_limit)
    functions[1] *= ((-1.0) ** orders)[:, None, None]
    functions *= np.where(orders == 0, 0.5, np.sqrt(0.5))[:, None, None]
    if weighted:
        functions *= quadrature.weights
        if quadrature.resampling is not None:
            resampling = np.stack(quadrature.resampling)[(orders + spin) % 2]
            functions = np.einsum("smln,mnj->smlj", functions, resampling)
    return functions[0], functions[1]
