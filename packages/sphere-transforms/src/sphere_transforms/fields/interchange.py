"""Conversion of coefficients to and from the layouts of healpy, ducc0 and s2fft.

None of these libraries is imported.

healpy and ducc0 store only the orders m >= 0, one order after the other: a_{ell m} is at index
m (2 L - 1 - m) / 2 + ell of an array of L (L + 1) / 2 values, with lmax = mmax = L - 1. This is
enough for a real field of spin 0. A complex field of spin s > 0 takes two such arrays, E (gradient)
and B (curl). Each has the symmetry of a real field, and

  (+s)a_{ell m} = -(E + i B),    (-s)a_{ell m} = -(-1)^s (E - i B),

where (-s)a are the coefficients of the conjugate field, of spin -s (Zaldarriaga and Seljak 1997,
equation 6, for s = 2; healpy's map2alm_spin for every s). The two maps that belong to E and B in
healpy and ducc0 are the real and the imaginary component of the field of spin s. For s = 1 these
are the components along theta and phi.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields.coefficients import (
    check_coefficients,
    check_mapping,
    coefficient_mask,
    conjugate_coefficients,
    without_empty_entries,
)
from sphere_transforms.fields.mappings import Array, Coefficients
from sphere_transforms.grids import whole_number
from sphere_transforms.harmonics import check_spin
from sphere_transforms.jax_extensions import complex_dtype


def to_healpy(coefficients: Coefficients) -> dict[int, jax.Array]:
    """Converts coefficients to healpy's alm arrays.

    Args:
      coefficients: mapping from spin to (batch, ell, m, channel), with |spin| < L. Coefficients of
        spin 0 must be those of a real field.

    Returns:
      Mapping from the same spins to complex arrays. Spin 0: (batch, channel, L (L + 1) / 2), for
      `healpy.alm2map`. Other spins: (batch, channel, 2, L (L + 1) / 2), E and B; pass one example
      and channel to `healpy.alm2map_spin(EB, nside, abs(spin), L - 1)`. For a negative spin s, E
      and B are those of the conjugate field, of spin |s|.

    Raises:
      ValueError: an array does not have the shape of coefficients, or spin 0 is not that of a real
        field. (Under a JAX transformation this is not checked, and the coefficients of the real
        component of the field are returned.)
    """
    check_coefficients(coefficients, "to_healpy")
    result = {}
    for spin, array in coefficients.items():
        if spin == 0:
            _check_real(array)
        largest = np.shape(array)[1] - 1
        result[spin] = _to_healpy(array, _index(largest, largest), spin)
    return result


def from_healpy(
    alm: Mapping[int, Any], *, lmax: int | None = None, mmax: int | None = None
) -> dict[int, jax.Array]:
    """Converts healpy's alm arrays to coefficients: the inverse of `to_healpy`.

    Args:
      alm: mapping from spin to complex arrays. Spin 0: (batch, channel, index), or (index,) as
        `healpy.map2alm` returns it. Other spins: E and B, (batch, channel, 2, index), or (2, index)
        as `healpy.map2alm_spin` returns them for |spin|. With lmax = mmax = L - 1 an array has
        L (L + 1) / 2 indices.
      lmax: the largest degree; None to derive it from the number of indices.
      mmax: the largest order; None for lmax, as in healpy. The number of indices alone does not
        tell (15 are those of lmax = mmax = 4, and of lmax = 5, mmax = 2), so name an mmax below
        lmax.

    Returns:
      Mapping from the same spins to complex arrays (batch, ell, m, channel). healpy's complex128
      arrays become complex64 unless x64 is enabled.

    Raises:
      ValueError: the argument is not a mapping, an array has another shape than lmax and mmax say,
        or |spin| is not below the band limit.
    """
    check_mapping(alm, "from_healpy")
    result = {}
    for spin, values in alm.items():
        components = 1 if spin == 0 else 2
        arrays = _with_leading_axes(values, spin, () if spin == 0 else (2,), "from_healpy")
        arrays = arrays.reshape(*arrays.shape[:2], components, arrays.shape[-1])
        limits = _limits(arrays.shape[-1], lmax, mmax, "from_healpy")
        check_spin(spin, limits[0] + 1)
        result[spin] = _from_healpy(arrays, _index(*limits), spin, limits[0] + 1)
    return result


def to_ducc0(coefficients: Coefficients) -> dict[int, jax.Array]:
    """Converts coefficients to ducc0's alm arrays: healpy's, with a component axis also for spin 0.

    Args:
      coefficients: as for `to_healpy`.

    Returns:
      Mapping from the same spins to complex arrays (batch, channel, component, L (L + 1) / 2), with
      one component for spin 0, and E and B for other spins. Pass one example and channel as `alm`
      to `ducc0.sht.synthesis_2d(alm=alm, spin=abs(spin), lmax=L - 1, ...)`.

    Raises:
      ValueError: as for `to_healpy`.
    """
    return {
        spin: values[:, :, None] if spin == 0 else values
        for spin, values in to_healpy(coefficients).items()
    }


def from_ducc0(
    alm: Mapping[int, Any], *, lmax: int | None = None, mmax: int | None = None
) -> dict[int, jax.Array]:
    """Converts ducc0's alm arrays to coefficients: the inverse of `to_ducc0`.

    Args:
      alm: mapping from spin to complex arrays (batch, channel, component, L (L + 1) / 2), or
        (component, L (L + 1) / 2) as `ducc0.sht.analysis_2d` returns them.
      lmax: the largest degree, as for `from_healpy`.
      mmax: the largest order, as for `from_healpy`.

    Returns:
      Mapping from the same spins to complex arrays (batch, ell, m, channel).

    Raises:
      ValueError: as for `from_healpy`.
    """
    check_mapping(alm, "from_ducc0")
    arrays = {
        spin: _with_leading_axes(values, spin, (1,) if spin == 0 else (2,), "from_ducc0")
        for spin, values in alm.items()
    }
    packed = {s: a[:, :, 0] if s == 0 else a for s, a in arrays.items()}
    return from_healpy(packed, lmax=lmax, mmax=mmax)


def to_s2fft(coefficients: Coefficients) -> dict[int, jax.Array]:
    """Converts coefficients to s2fft's flm arrays, which have the same signs and order of m.

    Args:
      coefficients: mapping from spin to (batch, ell, m, channel).

    Returns:
      Mapping from the same spins to complex arrays (batch, channel, L, 2 L - 1). Pass one example
      and channel as `flm` to `s2fft.inverse(flm, L, spin, ...)`.

    Raises:
      ValueError: an array does not have the shape of coefficients.
    """
    check_coefficients(coefficients, "to_s2fft")
    return {s: jnp.transpose(values, (0, 3, 1, 2)) for s, values in coefficients.items()}


def from_s2fft(flm: Mapping[int, Any]) -> dict[int, jax.Array]:
    """Converts s2fft's flm arrays to coefficients: the inverse of `to_s2fft`.

    Args:
      flm: mapping from spin to complex arrays (batch, channel, L, 2 L - 1), or (L, 2 L - 1) as
        `s2fft.forward` returns them.

    Returns:
      Mapping from the same spins to complex arrays (batch, ell, m, channel).

    Raises:
      ValueError: the argument is not a mapping, an array has another shape, or |spin| is not below
        the band limit.
    """
    check_mapping(flm, "from_s2fft")
    result = {}
    for spin, values in flm.items():
        if np.ndim(values) not in (2, 4):
            raise ValueError(
                f"from_s2fft: the array of spin {spin} has shape {np.shape(values)}; it must have "
                "(L, 2 L - 1) or (batch, channel, L, 2 L - 1)."
            )
        values = jnp.asarray(values)
        values = values[None, None] if values.ndim == 2 else values
        result[spin] = jnp.transpose(values, (0, 2, 3, 1))
    check_coefficients(result, "from_s2fft")
    return result


# The indices are arguments of the two programs. As constants, they would take as much memory in
# each program as the coefficients.
_Index = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


@functools.partial(jax.jit, static_argnums=2, inline=True)
def _to_healpy(array: Array, index: _Index, spin: int) -> jax.Array:
    """Coefficients of one spin in healpy's layout, by the degree and order at each index."""
    values = without_empty_entries(jnp.asarray(array), spin)
    if spin < 0:
        values = conjugate_coefficients({spin: values})[-spin]
    # The real and the imaginary component of the field, as if its spin were 0.
    conjugate = conjugate_coefficients({0: values})[0]
    real, imaginary = (values + conjugate) / 2, (values - conjugate) / 2j
    if spin == 0:
        return _pack(real, index)
    return jnp.stack([-_pack(real, index), -_pack(imaginary, index)], axis=2)


@functools.partial(jax.jit, static_argnums=(2, 3), inline=True)
def _from_healpy(arrays: jax.Array, index: _Index, spin: int, band_limit: int) -> jax.Array:
    """The inverse of `_to_healpy`, for arrays (batch, channel, component, index)."""
    unpacked = [
        _unpack(arrays[:, :, component], index, band_limit) for component in range(arrays.shape[2])
    ]
    if spin == 0:
        return unpacked[0]
    full = without_empty_entries(-(unpacked[0] + 1j * unpacked[1]), abs(spin))
    return full if spin > 0 else conjugate_coefficients({-spin: full})[spin]


def _pack(values: jax.Array, index: _Index) -> jax.Array:
    """(batch, ell, m, channel) to (batch, channel, index), with only m >= 0."""
    degrees, orders = index
    return jnp.moveaxis(values[:, degrees, orders + values.shape[1] - 1], 1, 2)


def _unpack(packed: jax.Array, index: _Index, band_limit: int) -> jax.Array:
    """The inverse of `_pack` for a real field; imaginary components of m = 0 are ignored."""
    degrees, orders = index
    packed = jnp.moveaxis(packed, 1, 2)
    packed = jnp.where((orders == 0)[None, :, None], packed.real.astype(packed.dtype), packed)
    shape = (packed.shape[0], band_limit, 2 * band_limit - 1, packed.shape[2])
    half = jnp.zeros(shape, packed.dtype).at[:, degrees, orders + band_limit - 1].set(packed)
    conjugated = conjugate_coefficients({0: half})[0]
    positive = jnp.asarray(np.arange(1 - band_limit, band_limit) >= 0)
    return jnp.where(positive[None, None, :, None], half, conjugated)


def _index(lmax: int, mmax: int) -> _Index:
    """The degree and the order at each index of healpy's layout."""
    orders, degrees = np.triu_indices(mmax + 1, m=lmax + 1)
    return degrees.astype(np.int32), orders.astype(np.int32)


def _limits(size: int, lmax: int | None, mmax: int | None, what: str) -> tuple[int, int]:
    """Lmax and mmax of an array of the given size, of which the caller may have named some."""
    for name, limit in (("lmax", lmax), ("mmax", mmax)):
        if limit is not None:
            whole_number(limit, f"{what}: {name}", least=0, advice=".")
    if lmax is None and mmax is None:
        lmax = mmax = (int(np.sqrt(8 * size + 1)) - 1) // 2 - 1
    elif lmax is None:
        assert mmax is not None
        # size = (mmax + 1) (lmax + 1) - mmax (mmax + 1) / 2
        lmax = (size + mmax * (mmax + 1) // 2) // (mmax + 1) - 1
    elif mmax is None:
        mmax = lmax
    if size != _size(lmax, mmax) or not 0 <= mmax <= lmax:
        named = f"lmax = {lmax} and mmax = {mmax} are {_size(lmax, mmax)}"
        raise ValueError(
            f"{what}: an array holds {size} values; {named}. With lmax = mmax = L - 1 there are "
            f"L (L + 1) / 2, for example {_size(lmax + 1, lmax + 1)}; name lmax and mmax if mmax "
            "is smaller."
        )
    return lmax, mmax


def _size(lmax: int, mmax: int) -> int:
    return (mmax + 1) * (lmax + 1) - mmax * (mmax + 1) // 2


def _with_leading_axes(values: Any, spin: int, components: tuple[int, ...], what: str) -> jax.Array:
    """The array with batch and channel axes, which are added if they are missing."""
    shape = np.shape(values)
    axes = len(components) + 1
    if len(shape) not in (axes, axes + 2) or shape[-axes:-1] != components:
        names = ", ".join([*map(str, components), "L (L + 1) / 2"])
        raise ValueError(
            f"{what}: the array of spin {spin} has shape {shape}; it must have ({names}) or "
            f"(batch, channel, {names})."
        )
    values = jnp.asarray(values)
    values = values.astype(complex_dtype(values.dtype))
    return values[None, None] if len(shape) == axes else values


def _check_real(coefficients: Array) -> None:
    if isinstance(coefficients, jax.core.Tracer):
        return
    band_limit = coefficients.shape[1]
    mask = coefficient_mask(band_limit, 0)[:, :, None]
    values = np.where(mask, np.asarray(coefficients), 0)
    signs = (-1.0) ** np.arange(1 - band_limit, band_limit)
    conjugated = signs[:, None] * values[:, :, ::-1].conj()
    size, difference = (np.sqrt((abs(a) ** 2).sum((1, 2))) for a in (values, values - conjugated))
    asymmetry = np.max(np.divide(difference, size, out=np.zeros_like(size), where=size > 0))
    if asymmetry > np.sqrt(np.finfo(values.real.dtype).eps):
        raise ValueError(
            "to_healpy: the field of spin 0 is not real: |a_{l,-m} - (-1)^m conj(a_{l,m})| is up "
            f"to {asymmetry:.2g} of |a|, but healpy stores only m >= 0. Convert its real and its "
            "imaginary part separately: (a + c) / 2 and (a - c) / 2j, where c is "
            "conjugate_coefficients({0: a})[0]."
        )
