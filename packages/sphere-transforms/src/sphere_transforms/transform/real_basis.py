r"""The transforms in a basis of real harmonics, computed by real matrix products only.

The compiled training step uses these transforms. Fields have the longitude as their first axis,
with the real and the imaginary component as separate arrays. Neither the transforms nor their
derivatives transpose these arrays. On a grid of unequal rings (HEALPix), where no single matrix
holds the sum over m, `SpinTransform` computes both directions, and its coefficients are converted.

**Coefficients.** The coefficients a_{ell m} of a field of any spin are split into two sets,

  E_{ell m} = (a_{ell m} + (-1)^m conj(a_{ell,-m})) / 2,
  B_{ell m} = (a_{ell m} - (-1)^m conj(a_{ell,-m})) / (2 i),   a = E + i B.

Both have the symmetry of the coefficients of a real scalar, so the orders m >= 0 determine them.
For spin 0, E and B belong to the real and to the imaginary component of the field. For spin 2, they
are the E and B modes of polarimetry, up to signs (Zaldarriaga and Seljak 1997, eq. 6).

A convolution multiplies a_{ell m} with a complex number k_ell. In terms of E and B, the result is
Re(k_ell) E - Im(k_ell) B and Im(k_ell) E + Re(k_ell) B. This holds for every m, and for the real
and for the imaginary components of E and B.

E and B are stored as real arrays (ell, m, 2, ...) with m >= 0. Their entries are sqrt(2) Re and
sqrt(2) Im for m > 0, and Re and zero for m = 0. Thus the sum of the squares of all entries is the
sum of |a_{ell m}|^2 over all m.

**Products.** Let T_m(theta) = sYlm(theta, 0), T'_m = (-1)^m T_{-m}, and let e_q and b_q (q = 0, 1)
be the real entries of E and B. The components of E +- i B are a^{+,-}_0 = e_0 -+ b_1 and
a^{+,-}_1 = e_1 +- b_0. Let G^+_q and G^-_q be the sums over ell of T_m a^+_q and T'_m a^-_q,
divided by sqrt(2) for m > 0 and by 2 for m = 0. Then

  Re f = sum over m of cos(m phi) (G^+_0 + G^-_0) - sin(m phi) (G^+_1 + G^-_1),
  Im f = sum over m of sin(m phi) (G^+_0 - G^-_0) + cos(m phi) (G^+_1 - G^-_1).

The sum over m is one matrix product per component. The sum over ell is one matrix product that is
batched over m, q and sign. The analysis is the transpose, with the weights of the quadrature.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.array_cache import cached_arrays
from sphere_transforms.grids import Grid, check_grid, checked_band_limit
from sphere_transforms.harmonics import check_spin
from sphere_transforms.jax_extensions import apply_linear, checked_real_dtype, contract
from sphere_transforms.legendre import OrderwiseProduct, OrderwiseTables, orderwise_tables
from sphere_transforms.transform.memory import available_memory
from sphere_transforms.transform.pixels_in_real_basis import Components, PixelTransform


@jax.tree_util.register_pytree_with_keys_class
class RealBasisTransform:
    """Analysis and synthesis in the real basis.

    Fields are real arrays (long, lat, batch, channel), on HEALPix (1, pixel, batch, channel).

    Like `SpinTransform` it is a pytree whose leaves are the tables. The shapes of fields and
    coefficients are not checked.

    Attributes:
      grid: the grid.
      spins: the spin weights, in increasing order.
      band_limit: L, the band limit of the coefficients.
      precision: the precision of the matrix products.
    """

    grid: Grid
    spins: tuple[int, ...]
    band_limit: int
    precision: jax.lax.Precision
    _pixels: PixelTransform | None

    def __init__(
        self,
        grid: Grid,
        spins: Iterable[int],
        band_limit: int | None = None,
        *,
        dtype: Any = None,
        precision: Any = jax.lax.Precision.HIGHEST,
    ):
        """Computes the tables, or takes them from the cache.

        Args:
          grid: the grid of the fields.
          spins: the spin weights.
          band_limit: L, at most that of the grid. Higher degrees are dropped. None means the band
            limit of the grid.
          dtype: the dtype of the tables, float32 or float64. None means float64 if x64 is enabled,
            else float32. The tables are cast to the dtype of the data.
          precision: the precision of the matrix products.

        Raises:
          ValueError: the band limit is above that of the grid, |spin| is not below the band limit,
            the dtype is not float32 or float64, or the tables do not fit into memory.
        """
        self.grid, self.spins = check_grid(grid), tuple(sorted(set(spins)))
        self.band_limit = checked_band_limit(grid, band_limit)
        self.precision = jax.lax.Precision(precision)
        for spin in self.spins:
            check_spin(spin, self.band_limit)
        default = jax.dtypes.canonicalize_dtype(float)
        name = checked_real_dtype(default if dtype is None else dtype, "dtype").name
        self._pixels = None
        self._fourier, self._analysis, self._synthesis = {}, {}, {}
        if len(grid.shape) != 2:
            self._pixels = PixelTransform(grid, self.spins, self.band_limit, name, self.precision)
            return
        self._check_memory(np.dtype(name).itemsize)
        fourier = _fourier_tables(grid, self.band_limit, name)
        analysis, synthesis = (
            {
                spin: orderwise_tables(grid, spin, self.band_limit, name, weighted=weighted)
                for spin in self.spins
            }
            for weighted in (True, False)
        )
        with jax.ensure_compile_time_eval():
            self._fourier, self._analysis, self._synthesis = jax.device_put(
                (fourier, analysis, synthesis)
            )

    def analyze(self, spin: int, field: Components) -> Components:
        """Computes the coefficients of a field.

        Args:
          spin: the spin weight of the field.
          field: the real and the imaginary component, each (long, lat, batch, channel), on HEALPix
            (1, pixel, batch, channel). For a real field of spin 0, only the real component.

        Returns:
          E and B, each (ell, m, 2, batch, channel). For a real field of spin 0, only E.
        """
        if self._pixels is not None:
            checked_real_dtype(field[0].dtype, "field")
            return self._pixels.analyze(spin, field)
        options = (*self._tables(self._analysis[spin], field), self.precision)
        if spin == 0:
            return tuple(_analyze_scalar(values, *options) for values in field)
        return _analyze(field, *options)

    def synthesize(self, spin: int, coefficients: Components) -> Components:
        """Computes the field from its coefficients: the inverse of `analyze`."""
        if self._pixels is not None:
            checked_real_dtype(coefficients[0].dtype, "coefficients")
            return self._pixels.synthesize(spin, coefficients)
        options = (*self._tables(self._synthesis[spin], coefficients), self.precision)
        if spin == 0:
            return tuple(_synthesize_scalar(values, *options) for values in coefficients)
        return _synthesize(coefficients, *options)

    def _tables(
        self, latitude: OrderwiseTables, data: Components
    ) -> tuple[dict[str, jax.Array], OrderwiseTables]:
        dtype = checked_real_dtype(data[0].dtype, "field or coefficients")
        fourier, latitude = jax.tree.map(
            lambda table: table.astype(dtype), (self._fourier, latitude)
        )
        return fourier, latitude

    def _check_memory(self, itemsize: int) -> None:
        # Spin 0 has one sign, other spins two. Times 4: two orientations and two directions.
        matrices = sum(1 if spin == 0 else 2 for spin in self.spins) * 4
        needed = itemsize * matrices * self.band_limit**2 * self.grid.shape[0]
        if needed > available_memory():
            raise ValueError(
                f"{self!r} needs up to {needed / 1e9:.1f} GB of tables; there is room for "
                f"{available_memory() / 1e9:.1f} GB. Take a coarser grid or fewer spins, or use "
                "SpinTransform with method='recursion', which needs less memory."
            )

    def __repr__(self) -> str:
        return f"RealBasisTransform({self.grid!r}, {self.spins}, {self.band_limit})"

    def tree_flatten_with_keys(self) -> tuple[Any, Any]:
        """Returns the tables as leaves, and all other attributes as static data."""
        names = ("_fourier", "_analysis", "_synthesis", "_pixels")
        children = tuple((jax.tree_util.GetAttrKey(name), getattr(self, name)) for name in names)
        return children, (self.grid, self.spins, self.band_limit, self.precision)

    @classmethod
    def tree_unflatten(cls, static: Any, children: Any) -> RealBasisTransform:
        """The inverse of `tree_flatten_with_keys`."""
        self = object.__new__(cls)
        self.grid, self.spins, self.band_limit, self.precision = static
        self._fourier, self._analysis, self._synthesis, self._pixels = children
        return self


# In a compiled step these functions are inlined. Called directly, each is compiled once per shape.
_compiled = functools.partial(jax.jit, static_argnames="precision")


@_compiled
def _analyze_scalar(
    values: jax.Array, fourier: Any, tables: OrderwiseTables, precision: Any
) -> jax.Array:
    sums = contract("mk,kjbc->mjbc", fourier["real"], values, precision)
    rows = apply_linear(OrderwiseProduct(True, precision), tables, sums)
    return jnp.transpose(_unmerge(rows, 2), (2, 0, 1, 3, 4))


@_compiled
def _synthesize_scalar(
    values: jax.Array, fourier: Any, tables: OrderwiseTables, precision: Any
) -> jax.Array:
    rows = _merge(jnp.transpose(values, (1, 2, 0, 3, 4)), 2)
    sums = apply_linear(OrderwiseProduct(False, precision), tables, rows)
    return contract("mk,mjbc->kjbc", fourier["real"], sums, precision)


@_compiled
def _analyze(
    components: Components, fourier: Any, tables: OrderwiseTables, precision: Any
) -> Components:
    real, imag = (
        _unmerge(contract("mk,kjbc->mjbc", fourier[name], values, precision), 2)
        for name, values in zip(("real", "imag"), components, strict=True)
    )
    sums = _merge(jnp.stack([real + imag, real - imag], 1), 3)
    rows = _unmerge(apply_linear(OrderwiseProduct(True, precision), tables, sums), 2, 2)
    plus, minus = rows[:, 0], rows[:, 1]
    # Their sum is E. Their difference is i B, which has the components (-b_1, b_0).
    magnetic_times_i = plus - minus
    magnetic = jnp.stack([magnetic_times_i[:, 1], -magnetic_times_i[:, 0]], 1)
    electric, magnetic = (
        jnp.transpose(values, (2, 0, 1, 3, 4)) for values in (plus + minus, magnetic)
    )
    return electric, magnetic


@_compiled
def _synthesize(
    components: Components, fourier: Any, tables: OrderwiseTables, precision: Any
) -> Components:
    electric, magnetic = (jnp.transpose(values, (1, 2, 0, 3, 4)) for values in components)
    magnetic_times_i = jnp.stack([-magnetic[:, 1], magnetic[:, 0]], 1)
    rows = _merge(jnp.stack([electric + magnetic_times_i, electric - magnetic_times_i], 1), 3)
    sums = _unmerge(apply_linear(OrderwiseProduct(False, precision), tables, rows), 2, 2)
    plus, minus = sums[:, 0], sums[:, 1]
    real, imag = (
        contract("mk,mjbc->kjbc", fourier[name], _merge(values, 2), precision)
        for name, values in (("real", plus + minus), ("imag", plus - minus))
    )
    return real, imag


def _merge(values: jax.Array, axes: int) -> jax.Array:
    """Merges the first axes (order, sign if there are two, component) into one."""
    # Not -1 in place of the length, which has no value if the batch is empty.
    return values.reshape(math.prod(values.shape[:axes]), *values.shape[axes:])


def _unmerge(values: jax.Array, *lengths: int) -> jax.Array:
    return values.reshape(values.shape[0] // math.prod(lengths), *lengths, *values.shape[1:])


@cached_arrays
def _fourier_tables(grid: Grid, band_limit: int, dtype: str) -> dict[str, np.ndarray]:
    """The factors cos(m phi) and sin(m phi) for each component of the field, (m and q, long)."""
    phase = np.outer(np.arange(band_limit), grid.longitudes)
    cosine, sine = np.cos(phase), np.sin(phase)
    rows = {"real": [cosine, -sine], "imag": [sine, cosine]}
    return {
        name: np.stack(pair, 1).reshape(-1, phase.shape[1]).astype(dtype)
        for name, pair in rows.items()
    }
