"""Arrays of coefficients: checks, the mask of harmonics, band limits, conjugation."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields.mappings import Array, Coefficients
from sphere_transforms.harmonics import check_spin
from sphere_transforms.jax_extensions import check_array, check_x64


def coefficient_mask(band_limit: int, spin: int) -> np.ndarray:
    """Marks the entries that have a harmonic: |m| <= ell and ell >= |spin|.

    Args:
      band_limit: L, positive.
      spin: s, with |s| < L.

    Returns:
      bool NumPy array of shape (L, 2 L - 1), axes (ell, m), with m = 0 at index L - 1.

    Raises:
      ValueError: the band limit is not positive, or |spin| is not below it.
    """
    check_spin(spin, band_limit)
    degrees, orders = np.arange(band_limit)[:, None], np.arange(1 - band_limit, band_limit)[None, :]
    return (degrees >= np.abs(orders)) & (degrees >= abs(spin))


@functools.partial(jax.jit, inline=True)
def without_empty_entries(coefficients: jax.Array, spin: int | jax.Array) -> jax.Array:
    """Sets the entries with |m| > ell or ell < |spin| to zero, whatever they hold.

    They may hold NaN or infinities, for example after a division by a power spectrum. A product
    with a mask of zeros would keep these, so the entries are selected. The mask is computed in the
    program, whose size therefore does not depend on L.

    Args:
      coefficients: (batch, ell, m, *rest).
      spin: s. It may be traced, so that one program serves all spins.

    Returns:
      The same shape and dtype.
    """
    band_limit = coefficients.shape[1]
    degrees = jnp.arange(band_limit)[:, None]
    orders = jnp.abs(jnp.arange(1 - band_limit, band_limit))[None]
    present = (degrees >= orders) & (degrees >= jnp.abs(spin))
    shape = (1, *present.shape, *[1] * (coefficients.ndim - 3))
    return jnp.where(present.reshape(shape), coefficients, 0)


def change_band_limit(coefficients: Coefficients, band_limit: int) -> dict[int, jax.Array]:
    """Truncates the coefficients, or pads them with zeros, to another band limit.

    Args:
      coefficients: mapping from spin to (batch, ell, m, channel).
      band_limit: the new L. Degrees at or above it are dropped; additional degrees are zero.

    Returns:
      Mapping from the same spins to (batch, L, 2 L - 1, channel).

    Raises:
      ValueError: an array does not have the shape of coefficients, or |spin| is not below the new
        band limit.
    """
    check_coefficients(coefficients, "change_band_limit")
    result = {}
    for spin, values in coefficients.items():
        check_spin(spin, band_limit)
        more = band_limit - values.shape[1]
        if more >= 0:
            result[spin] = jnp.pad(values, ((0, 0), (0, more), (more, more), (0, 0)))
        else:
            result[spin] = jnp.asarray(values)[:, :band_limit, -more:more]
    return result


def conjugate_coefficients(coefficients: Coefficients) -> dict[int, jax.Array]:
    """Coefficients of the complex conjugate field, which has the opposite spin.

    conj(sYlm) = (-1)^(s + m) (-s)Yl,-m (Goldberg et al. 1967). The conjugate of a field of spin s
    with coefficients a is therefore a field of spin -s with coefficients (-1)^(s + m)
    conj(a_{ell,-m}). A field of spin 0 is real if this does not change its coefficients.

    Args:
      coefficients: mapping from spin to (batch, ell, m, channel).

    Returns:
      Mapping from the negated spins to arrays of the same shape.

    Raises:
      ValueError: an array does not have the shape of coefficients.
    """
    check_coefficients(coefficients, "conjugate_coefficients")
    return {-spin: _conjugate(values, spin) for spin, values in coefficients.items()}


def check_coefficients(coefficients: Any, what: str) -> None:
    """Raises ValueError unless the argument maps spins to arrays (batch, L, 2 L - 1, channel).

    Args:
      coefficients: the argument to check.
      what: name of the calling function, for the message.
    """
    check_mapping(coefficients, what)
    for spin, values in coefficients.items():
        check_array(values, f"{what}: the argument for spin {spin!r}")
        shape = np.shape(values)
        if len(shape) != 4 or shape[2] != 2 * shape[1] - 1:
            raise ValueError(
                f"{what}: coefficients of spin {spin!r} have shape {shape}; they must have "
                "(batch, L, 2 L - 1, channel), as SpinTransform.forward returns them."
            )
        check_spin(spin, shape[1])
        check_x64(values.dtype, f"{what}: the array of spin {spin}")


def check_mapping(values: Any, what: str) -> None:
    """Raises ValueError unless the argument is a mapping; `what` names the calling function."""
    if not isinstance(values, Mapping):
        raise ValueError(
            f"{what}: the argument is a {type(values).__name__}; give a mapping from spin weight "
            "to array, for example {0: array}."
        )


@functools.partial(jax.jit, static_argnums=1, inline=True)
def _conjugate(values: Array, spin: int) -> jax.Array:
    values = jnp.asarray(values)
    orders = np.arange(1 - values.shape[1], values.shape[1])
    sign = jnp.asarray((-1.0) ** (spin + orders), values.dtype)
    return sign[None, None, :, None] * jnp.conj(values[:, :, ::-1])
