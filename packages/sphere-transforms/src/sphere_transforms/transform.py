"""The spin-weighted spherical harmonic transform and its inverse."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms import split
from sphere_transforms.double_precision import check_x64
from sphere_transforms.fields import Coefficients, Field
from sphere_transforms.grids import Grid
from sphere_transforms.harmonics import check_spin, latitude_functions


@jax.tree_util.register_pytree_with_keys_class
class SpinTransform:
    """Forward and inverse transforms of fields on one grid, for a set of spin weights.

    forward:  a_{ell m} = integral of f conj(sYlm), by the grid's exact quadrature;
    inverse:  f = sum over ell and m of a_{ell m} sYlm.

    Each is two products with constant tables: a real Fourier matrix along the longitude, and for
    every order m a matrix between colatitude and degree, quadrature weights folded in. The object
    is a pytree whose leaves are these tables: pass it to a jitted function as an argument, and they
    travel as such instead of being compiled in. Both directions are differentiable, in forward and
    reverse mode and to any order, with respect to their argument.

    Attributes:
      grid: the grid.
      spins: the spin weights, increasing.
      band_limit: L; coefficients have degrees ell < L.
      precision: of the matrix products, full float32 by default: TF32 or bfloat16 ruins
        equivariance silently.
    """

    grid: Grid
    spins: tuple[int, ...]
    band_limit: int
    precision: jax.lax.Precision

    def __init__(
        self,
        grid: Grid,
        spins: Iterable[int] = (0,),
        band_limit: int | None = None,
        *,
        dtype: Any = None,
        precision: Any = jax.lax.Precision.HIGHEST,
    ):
        """Builds the tables, or takes them from the cache.

        Args:
          grid: where fields are sampled.
          spins: spin weights, each with |spin| < band limit.
          band_limit: L, at most the grid's own, which None stands for.
          dtype: of the tables, float32 or float64. None: float64 where x64 is enabled (float32
            input then uses tables cast down), else float32.
          precision: of the matrix products.

        Raises:
          ValueError: no spin, a spin or band limit out of range, or float64 without x64.
        """
        if not isinstance(grid, Grid):
            raise ValueError(f"grid is {grid!r}; give a grid object such as EquiangularGrid(64).")
        self.grid = grid
        self.band_limit = _checked_band_limit(grid, band_limit)
        self.spins = _checked_spins(spins, self.band_limit)
        self.precision = jax.lax.Precision(precision)
        name = _checked_dtype(dtype)
        with jax.ensure_compile_time_eval():
            self._fourier = _fourier_table(grid, self.band_limit, name)
            self._latitude = {
                spin: _latitude_tables(grid, spin, self.band_limit, name) for spin in self.spins
            }

    def forward(self, field: Field) -> dict[int, jax.Array]:
        """Coefficients of a field.

        Args:
          field: mapping from spin to arrays (batch, lat, long, channel), float32, float64,
            complex64 or complex128; any of the transform's spins. Real spin-0 input takes half the
            work. float64 and complex128 need the transform to have been made under x64.

        Returns:
          Mapping from the same spins to complex arrays (batch, ell, m, channel): ell in [0, L), m
          from -(L-1) to L-1; zero where |m| > ell or ell < |spin|.

        Raises:
          ValueError: no mapping, a spin the transform was not made for, or an array of the wrong
            shape or dtype.
        """
        _check_mapping(field, "field")
        result = {}
        for spin, values in field.items():
            self._check(spin, values, ("lat", "long"), self.grid.shape, "field")
            values = _swap_axes(values)
            if spin == 0 and not jnp.iscomplexobj(values):
                parts = split.expand_half(self.analyze_real(values))
            else:
                parts = self.analyze(spin, (jnp.real(values), jnp.imag(values)))
            result[spin] = _swap_axes(jax.lax.complex(*parts))
        return result

    def inverse(self, coefficients: Coefficients) -> dict[int, jax.Array]:
        """The field with the given coefficients.

        Args:
          coefficients: mapping from spin to complex arrays (batch, ell, m, channel). What stands
            where |m| > ell or ell < |spin| has no effect.

        Returns:
          Mapping from the same spins to complex arrays (batch, lat, long, channel).

        Raises:
          ValueError: no mapping, a spin the transform was not made for, or an array of the wrong
            shape or dtype.
        """
        shape = (self.band_limit, 2 * self.band_limit - 1)
        _check_mapping(coefficients, "coefficients")
        result = {}
        for spin, values in coefficients.items():
            self._check(spin, values, ("ell", "m"), shape, "coefficients")
            values = _swap_axes(values)
            parts = self.synthesize(spin, (jnp.real(values), jnp.imag(values)))
            result[spin] = _swap_axes(jax.lax.complex(*parts))
        return result

    def analyze(self, spin: int, parts: split.Parts) -> split.Parts:
        """`forward` on parts held longitude-major, unchecked: see `sphere_transforms.split`."""
        return split.analyze(parts, *self._tables(spin, 0, parts[0].dtype), self.precision)

    def analyze_real(self, field: jax.Array) -> split.Parts:
        """`forward` of a real field of spin 0 held longitude-major, to half its coefficients."""
        return split.analyze_real(field, *self._tables(0, 0, field.dtype), self.precision)

    def synthesize(self, spin: int, parts: split.Parts) -> split.Parts:
        """`inverse` on parts held longitude-major, unchecked: see `sphere_transforms.split`."""
        return split.synthesize(parts, *self._tables(spin, 1, parts[0].dtype), self.precision)

    def synthesize_real(self, half: split.Parts) -> jax.Array:
        """`inverse` of half the coefficients of a real field of spin 0, held longitude-major."""
        return split.synthesize_real(half, *self._tables(0, 1, half[0].dtype), self.precision)

    @property
    def dtype(self) -> np.dtype:
        """Of the tables."""
        return np.dtype(self._fourier.dtype)

    def __repr__(self) -> str:
        # After a tree_map the leaves may be anything, and a repr must not fail.
        dtype = getattr(self._fourier, "dtype", type(self._fourier).__name__)
        return (
            f"SpinTransform({self.grid!r}, spins={self.spins}, band_limit={self.band_limit}, "
            f"dtype={dtype})"
        )

    def tree_flatten_with_keys(self) -> tuple[Any, Any]:
        """Tables as leaves; the rest is static."""
        keys = (jax.tree_util.GetAttrKey("_fourier"), jax.tree_util.GetAttrKey("_latitude"))
        children = tuple(zip(keys, (self._fourier, self._latitude), strict=True))
        return children, (self.grid, self.spins, self.band_limit, self.precision)

    @classmethod
    def tree_unflatten(cls, static: Any, children: Any) -> SpinTransform:
        """The inverse of `tree_flatten_with_keys`."""
        self = object.__new__(cls)
        self.grid, self.spins, self.band_limit, self.precision = static
        self._fourier, self._latitude = children
        return self

    def _check(
        self,
        spin: int,
        values: jax.Array,
        names: tuple[str, str],
        shape: tuple[int, int],
        what: str,
    ) -> None:
        if spin not in self.spins:
            raise ValueError(
                f"{what} has spin {spin!r}, but this transform was made for spins {self.spins}; "
                "spins are whole numbers: name all that you need in SpinTransform(grid, spins=...)."
            )
        if np.ndim(values) != 4 or tuple(np.shape(values)[1:3]) != tuple(shape):
            raise ValueError(
                f"{what} of spin {spin} has shape {np.shape(values)}; {self!r} takes (batch, "
                f"{names[0]}, {names[1]}, channel) = (batch, {shape[0]}, {shape[1]}, channel)."
            )
        real = _real_dtype(values.dtype)
        if real is None:
            raise ValueError(
                f"{what} of spin {spin} has dtype {values.dtype}; it must be float32, float64, "
                "complex64 or complex128: convert it first."
            )
        check_x64(real, f"{what} of spin {spin}")
        if real == np.float64 and self.dtype != np.float64:
            raise ValueError(
                f"{what} of spin {spin} has dtype {values.dtype}, but this transform was made with "
                f"{self.dtype.name} tables: make it with dtype='float64', or convert the input."
            )

    def _tables(self, spin: int, direction: int, dtype: Any) -> tuple[jax.Array, jax.Array]:
        return self._fourier.astype(dtype), self._latitude[spin][direction].astype(dtype)


def _swap_axes(values: jax.Array) -> jax.Array:
    """(batch, lat, long, channel) to (long, lat, batch, channel), and back; likewise ell and m."""
    return jnp.transpose(values, (2, 1, 0, 3))


@functools.lru_cache(maxsize=64)
def _fourier_table(grid: Grid, band_limit: int, dtype: str) -> jax.Array:
    """Shape (2, L, long): cos(m phi_k) and sin(m phi_k)."""
    phase = np.outer(np.arange(band_limit), grid.longitudes)
    return jnp.asarray(np.stack([np.cos(phase), np.sin(phase)]).astype(dtype))


@functools.lru_cache(maxsize=64)
def _latitude_tables(
    grid: Grid, spin: int, band_limit: int, dtype: str
) -> tuple[jax.Array, jax.Array]:
    """For analysis and for synthesis, each (m, ell, lat): sYlm(theta_j, 0), weighted and plain."""
    plain = latitude_functions(band_limit, spin, grid.colatitudes).transpose(1, 0, 2)
    weighted = plain * grid.quadrature_weights
    return jnp.asarray(weighted.astype(dtype)), jnp.asarray(plain.astype(dtype))


def _check_mapping(values: Any, what: str) -> None:
    if not isinstance(values, Mapping):
        raise ValueError(
            f"{what} is a {type(values).__name__}; give a mapping from spin weight to array, for "
            "example {0: x}."
        )


def _checked_band_limit(grid: Grid, band_limit: int | None) -> int:
    if band_limit is None:
        return grid.band_limit
    if isinstance(band_limit, bool) or not isinstance(band_limit, int | np.integer):
        raise ValueError(f"band_limit is {band_limit!r}; it must be a whole number.")
    if not 1 <= band_limit <= grid.band_limit:
        raise ValueError(
            f"band_limit is {band_limit}; {grid!r} carries degrees below {grid.band_limit}, so it "
            f"must be from 1 to {grid.band_limit}: lower it or take a finer grid."
        )
    return int(band_limit)


def _checked_spins(spins: Iterable[int], band_limit: int) -> tuple[int, ...]:
    if not isinstance(spins, Iterable):
        raise ValueError(f"spins is {spins!r}; give several, for example spins=(0, 1).")
    spins = tuple(spins)
    if not spins:
        raise ValueError("spins is empty; name at least one spin weight, for example spins=(0, 1).")
    for spin in spins:
        check_spin(spin, band_limit)
    return tuple(sorted({int(spin) for spin in spins}))


def _checked_dtype(dtype: Any) -> str:
    if dtype is None:
        return jnp.zeros((), float).dtype.name
    name = np.dtype(dtype).name
    if name not in ("float32", "float64"):
        raise ValueError(f"dtype is {name}; a transform's tables are float32 or float64.")
    check_x64(name, "dtype")
    return name


def _real_dtype(dtype: Any) -> np.dtype | None:
    pairs = {"float32": "float32", "complex64": "float32"}
    pairs |= {"float64": "float64", "complex128": "float64"}
    name = pairs.get(np.dtype(dtype).name)
    return None if name is None else np.dtype(name)
