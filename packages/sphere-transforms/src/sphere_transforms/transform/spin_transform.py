"""The spin-weighted spherical harmonic transform and its inverse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields import Array, Coefficients, Field, count_unseen
from sphere_transforms.fourier import ring_tables
from sphere_transforms.grids import (
    Grid,
    HealpixGrid,
    analysis_below,
    check_grid,
    checked_band_limit,
    whole_number,
)
from sphere_transforms.harmonics import check_spin
from sphere_transforms.jax_extensions import (
    apply_linear,
    check_array,
    check_x64,
    checked_real_dtype,
    complex_dtype,
)
from sphere_transforms.legendre import (
    LegendrePlan,
    LegendreProduct,
    LegendreTables,
    Symmetry,
    analysis_tables,
    synthesis_tables,
)
from sphere_transforms.transform.analysis_synthesis import Analysis, Synthesis, TransformTables
from sphere_transforms.transform.memory import MemoryEstimate, choose_method, estimate_memory


@jax.tree_util.register_pytree_with_keys_class
class SpinTransform:
    """Forward and inverse transforms of fields on one grid, for a set of spin weights.

    - `forward`: a_{ell m} = integral of f conj(sYlm), by the quadrature of the grid.
    - `inverse`: f = sum over ell and m of a_{ell m} sYlm.

    Each transform consists of Fourier sums along the rings and, for every order m, a matrix product
    between colatitude and degree. The matrices are read from tables, which is fast if they fit into
    memory, or computed during the transform by a recursion in ell, with memory O(L^2).

    The transform is a pytree whose leaves are its tables. Pass it to jitted functions as an
    argument: then the tables are arguments too, and not constants in the compiled program.

    Both directions are differentiable with respect to their argument, in forward and reverse mode
    and to any order. A reverse-mode derivative of one direction is computed by the other direction.

    Attributes:
      grid: the grid.
      spins: the spin weights, in increasing order.
      band_limit: L; coefficients have degrees ell < L.
      method: "tables" or "recursion", as requested or as chosen by "auto".
      memory: the memory estimate, by which "auto" chooses.
      precision: the precision of the matrix products. The default is full float32, because TF32 and
        bfloat16 destroy equivariance without any warning.
    """

    grid: Grid
    spins: tuple[int, ...]
    band_limit: int
    method: str
    memory: MemoryEstimate
    precision: jax.lax.Precision

    def __init__(
        self,
        grid: Grid,
        spins: Iterable[int] = (0,),
        band_limit: int | None = None,
        *,
        dtype: Any = None,
        method: str = "auto",
        memory_limit: int | None = None,
        precision: Any = jax.lax.Precision.HIGHEST,
    ):
        """Computes the tables, or takes them from the cache.

        Args:
          grid: the grid of the fields.
          spins: the spin weights, each with |spin| < band limit.
          band_limit: L, at most that of the grid. None means the band limit of the grid.
          dtype: the dtype of the tables, float32 or float64. None means float64 if x64 is enabled,
            else float32. For float32 input, float64 tables are cast to float32.
          method: "tables", "recursion" or "auto". "auto" uses tables if they need at most 1 GiB and
            fit into the memory limit. Otherwise it uses the recursion if that is possible, and
            larger tables if not.
          memory_limit: bytes that the method may need. None means half of the memory of the device.
          precision: the precision of the matrix products.

        Raises:
          ValueError: there is no spin, a spin or the band limit is out of range, the dtype is not
            float32 or float64, it is float64 without x64, or the method is unknown or does not fit
            into the memory limit.
        """
        self.grid = check_grid(grid)
        self.band_limit = checked_band_limit(grid, band_limit)
        self.spins = _checked_spins(spins, self.band_limit)
        self.precision = jax.lax.Precision(precision)
        self._dtype = _checked_dtype(dtype)
        self.memory = estimate_memory(grid, self.spins, self.band_limit, self._dtype, memory_limit)
        what = f"SpinTransform({grid!r}, spins={self.spins}, band_limit={self.band_limit})"
        self.method = choose_method(method, self.memory, what)
        tables = (
            ring_tables(grid, self.band_limit, self._dtype),
            {spin: self._make_tables(spin) for spin in self.spins},
        )
        with jax.ensure_compile_time_eval():
            self._ring_tables, self._legendre_tables = jax.device_put(tables)

    def forward(self, field: Field, *, iterations: int = 0) -> dict[int, jax.Array]:
        """Computes the coefficients of a field.

        Args:
          field: mapping from spin to arrays (batch, lat, long, channel), or (batch, pixel, channel)
            on HEALPix. It may have any of the spins of the transform. The dtype is float32,
            float64, complex64 or complex128; float64 and complex128 need float64 tables (and
            x64). A real field of spin 0 takes half the work.
          iterations: number of refinement steps, for grids whose quadrature is approximate. Each
            step replaces the coefficients a by a + forward(f - inverse(a)), which costs an inverse
            and a forward transform. On HEALPix at band limit 2 nside, three steps reach an error of
            about 1e-5 (see the table of `HealpixGrid`). The other grids need no refinement.

        Returns:
          Mapping from the same spins to complex arrays (batch, ell, m, channel), with ell in [0, L)
          and m from -(L-1) to L-1. Zero where |m| > ell or ell < |spin|.

        Raises:
          ValueError: the argument is not a mapping, the transform lacks a spin, an array has the
            wrong shape or dtype, a HEALPix map has pixels without a value (not checked under a JAX
            transformation: see `fill_unseen`), or `iterations` is not a whole number of at least 0.
        """
        _check_mapping(field, "field")
        whole_number(iterations, "iterations", least=0, advice=", the steps of refinement.")
        names = ("lat", "long") if len(self.grid.shape) == 2 else ("pixel",)
        result = {}
        for spin, array in field.items():
            self._check(spin, array, names, self.grid.shape, "field")
            values = jnp.asarray(array)
            if isinstance(self.grid, HealpixGrid):
                _check_seen(spin, values)
            real = spin == 0 and not jnp.iscomplexobj(values)
            if spin != 0:
                values = values.astype(complex_dtype(values.dtype))
            coefficients = self._apply(spin, values, real=real, to_degrees=True)
            for _ in range(iterations):
                synthesis = self._apply(spin, coefficients, real=real, to_degrees=False)
                missed = values - synthesis
                coefficients = coefficients + self._apply(spin, missed, real=real, to_degrees=True)
            result[spin] = coefficients
        return result

    def inverse(
        self, coefficients: Coefficients, *, real_scalars: bool = False
    ) -> dict[int, jax.Array]:
        """Computes the field from its coefficients.

        Args:
          coefficients: mapping from spin to complex arrays (batch, ell, m, channel). Entries with
            |m| > ell or ell < |spin| have no effect.
          real_scalars: for spin 0, return only the real component of the field, as a real array.
            This takes half the work.

        Returns:
          Mapping from the same spins to complex arrays (batch, *grid.shape, channel).

        Raises:
          ValueError: the argument is not a mapping, the transform lacks a spin, or an array has the
            wrong shape or dtype.
        """
        shape = (self.band_limit, 2 * self.band_limit - 1)
        _check_mapping(coefficients, "coefficients")
        result = {}
        for spin, array in coefficients.items():
            self._check(spin, array, ("ell", "m"), shape, "coefficients")
            values = jnp.asarray(array)
            values = values.astype(complex_dtype(values.dtype))
            result[spin] = self._apply(
                spin, values, real=real_scalars and spin == 0, to_degrees=False
            )
        return result

    def operator(
        self, spin: int, dtype: Any, *, real: bool, to_degrees: bool
    ) -> tuple[Analysis | Synthesis, TransformTables]:
        """Returns the linear operator of one spin and direction, and its tables in the dtype."""
        product = self._product(spin, to_degrees=to_degrees)
        kind = Analysis if to_degrees else Synthesis
        return kind(self.grid, product, real), self._tables(spin, 0 if to_degrees else 1, dtype)

    def _apply(self, spin: int, values: jax.Array, *, real: bool, to_degrees: bool) -> jax.Array:
        dtype = values.real.dtype
        return apply_linear(*self.operator(spin, dtype, real=real, to_degrees=to_degrees), values)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the tables."""
        return np.dtype(self._dtype)

    def __repr__(self) -> str:
        return (
            f"SpinTransform({self.grid!r}, spins={self.spins}, band_limit={self.band_limit}, "
            f"dtype={self._dtype}, method={self.method!r})"
        )

    def tree_flatten_with_keys(self) -> tuple[Any, Any]:
        """Returns the tables as leaves, and all other attributes as static data."""
        names = ("_ring_tables", "_legendre_tables")
        children = tuple((jax.tree_util.GetAttrKey(name), getattr(self, name)) for name in names)
        static = (self.grid, self.spins, self.band_limit, self.precision, self._dtype, self.memory)
        return children, (*static, self.method)

    @classmethod
    def tree_unflatten(cls, static: Any, children: Any) -> SpinTransform:
        """The inverse of `tree_flatten_with_keys`."""
        self = object.__new__(cls)
        (self.grid, self.spins, self.band_limit, self.precision, self._dtype, *rest) = static
        self.memory, self.method = rest
        self._ring_tables, self._legendre_tables = children
        return self

    def _make_tables(self, spin: int) -> tuple[LegendreTables, LegendreTables]:
        """Makes the tables of analysis and synthesis.

        If both have the same functions, they are stored once: those of the synthesis are None. Two
        leaves with one buffer could not be donated.
        """
        options = (spin, self.band_limit, self.method, self._dtype)
        quadrature = analysis_below(self.grid, self.band_limit)
        analysis = analysis_tables(quadrature, *options)
        rings = self.grid.ring_colatitudes
        if np.array_equal(quadrature.colatitudes, rings):
            return analysis, LegendreTables(None)
        return analysis, synthesis_tables(rings, *options)

    def _product(self, spin: int, *, to_degrees: bool) -> LegendreProduct:
        grid = self.grid
        nodes = grid.ring_colatitudes
        if to_degrees:
            nodes = analysis_below(grid, self.band_limit).colatitudes
        plan = LegendrePlan(
            band_limit=self.band_limit,
            spin=spin,
            symmetry=Symmetry.of(spin, nodes),
            node_count=nodes.size,
            to_degrees=to_degrees,
            precision=self.precision,
        )
        return LegendreProduct(plan, self.method)

    def _tables(self, spin: int, direction: int, dtype: Any) -> TransformTables:
        analysis, synthesis = self._legendre_tables[spin]
        if synthesis.functions is None:
            synthesis = LegendreTables(analysis.functions)
        tables = TransformTables((analysis, synthesis)[direction], self._ring_tables)
        if np.dtype(dtype) == self.dtype:
            return tables
        return jax.tree.map(lambda table: _cast(table, dtype), tables)

    def _check(
        self,
        spin: int,
        values: Array,
        names: tuple[str, ...],
        shape: tuple[int, ...],
        what: str,
    ) -> None:
        if spin not in self.spins:
            raise ValueError(
                f"{what} has spin {spin!r}, but this transform was made for spins {self.spins}; "
                "spins are whole numbers: name all that you need in SpinTransform(grid, spins=...)."
            )
        check_array(values, f"{what} of spin {spin}")
        if np.ndim(values) != len(shape) + 2 or np.shape(values)[1:-1] != tuple(shape):
            sizes = ", ".join(map(str, shape))
            found = np.shape(values)
            advice = ""
            if what == "coefficients" and len(found) == 4 and found[2] == 2 * found[1] - 1:
                advice = (
                    f" change_band_limit(coefficients, {self.band_limit}) pads or truncates them."
                )
            raise ValueError(
                f"{what} of spin {spin} has shape {found}; {self!r} takes (batch, "
                f"{', '.join(names)}, channel) = (batch, {sizes}, channel).{advice}"
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


def _check_seen(spin: int, values: jax.Array) -> None:
    """Refuses pixels without a value, which HEALPix maps often have; not under a transformation."""
    if isinstance(values, jax.core.Tracer):
        return
    with jax.ensure_compile_time_eval():  # an array that a compiled function closes over
        count = int(count_unseen(values))
    if count:
        raise ValueError(
            f"field of spin {spin} has {count} of {values.size} values that are NaN, infinite or "
            "healpy's UNSEEN: replace them, for example by zeros with fill_unseen(field)."
        )


def _cast(table: jax.Array, dtype: Any) -> jax.Array:
    """Casts a table to another precision; integers are not changed."""
    if jnp.iscomplexobj(table):
        return table.astype(complex_dtype(dtype))
    return table.astype(dtype) if jnp.issubdtype(table.dtype, jnp.floating) else table


def _check_mapping(values: Any, what: str) -> None:
    if not isinstance(values, Mapping):
        raise ValueError(
            f"{what} is a {type(values).__name__}; give a mapping from spin weight to array, for "
            "example {0: x}."
        )


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
        return jax.dtypes.canonicalize_dtype(float).name
    return checked_real_dtype(dtype, "dtype").name


def _real_dtype(dtype: Any) -> np.dtype | None:
    pairs = {"float32": "float32", "complex64": "float32"}
    pairs |= {"float64": "float64", "complex128": "float64"}
    name = pairs.get(np.dtype(dtype).name)
    return None if name is None else np.dtype(name)
