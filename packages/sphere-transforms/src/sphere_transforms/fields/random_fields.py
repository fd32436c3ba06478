"""Random band-limited fields, given by their coefficients; useful for tests of equivariance."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields.coefficients import conjugate_coefficients, without_empty_entries
from sphere_transforms.harmonics import check_spin
from sphere_transforms.jax_extensions import as_array, complex_dtype


def random_coefficients(
    key: jax.Array,
    channels: Mapping[int, int],
    band_limit: int,
    *,
    batch: int = 1,
    real_scalars: bool = False,
    power_spectrum: Mapping[int, Any] | None = None,
    dtype: Any = None,
) -> dict[int, jax.Array]:
    """Draws independent complex normal coefficients; entries without a harmonic are zero.

    The field is Gaussian and isotropic: a rotation does not change its distribution.

    Args:
      key: a JAX random key.
      channels: mapping from spin to the number of channels.
      band_limit: L.
      batch: number of examples.
      real_scalars: make fields of spin 0 real, by the symmetry a_{ell,-m} = (-1)^m conj(a_{ell m}).
      power_spectrum: mapping from spin to the variance E|a_{ell m}|^2 of each degree, shape (ell,)
        or (ell, channel), not negative. It is the expected value of
        `sphere_transforms.power_spectrum`. Spins that are not in the mapping have variance 1; None
        means variance 1 for all.
      dtype: float32 or float64, the dtype of the real component. None means JAX's default float.

    Returns:
      Mapping from spin to complex arrays (batch, ell, m, channel).

    Raises:
      ValueError: |spin| is not below the band limit, or a power spectrum is negative, has another
        shape, or belongs to a spin that is not in `channels`.
    """
    real_dtype = jax.dtypes.canonicalize_dtype(float if dtype is None else dtype)
    spectra = power_spectrum or {}
    if not set(spectra) <= set(channels):
        raise ValueError(
            f"random_coefficients: power_spectrum has spins {sorted(spectra)}, channels have "
            f"{sorted(channels)}; give power spectra only for spins that are drawn."
        )
    for spin in channels:
        check_spin(spin, band_limit)
    for spin, variance in spectra.items():
        _check_variance(variance, spin, band_limit, channels[spin])
    sizes = (batch, band_limit, tuple(channels.items()))
    variances = {spin: as_array(variance) for spin, variance in spectra.items()}
    drawn = _draw(key, variances, sizes, real_scalars, real_dtype)
    return {spin: drawn[spin] for spin in channels}  # jit sorts them


@functools.partial(jax.jit, static_argnums=(2, 3, 4), inline=True)
def _draw(
    key: jax.Array,
    spectra: dict[int, Any],
    sizes: tuple[int, int, tuple[tuple[int, int], ...]],
    real_scalars: bool,
    real_dtype: Any,
) -> dict[int, jax.Array]:
    """Draws coefficients of the sizes (batch, band limit, number of channels by spin)."""
    batch, band_limit, channels = sizes
    result = {}
    for (spin, count), spin_key in zip(channels, jax.random.split(key, len(channels)), strict=True):
        shape = (batch, band_limit, 2 * band_limit - 1, count)
        values = jax.random.normal(spin_key, shape, complex_dtype(real_dtype))
        if spin == 0 and real_scalars:
            values = (values + conjugate_coefficients({0: values})[0]) / math.sqrt(2)
        if spin in spectra:
            deviation = _deviation(jnp.asarray(spectra[spin], real_dtype))
            values = values * deviation.astype(values.dtype)
        result[spin] = without_empty_entries(values, spin)
    return result


def _deviation(variance: jax.Array) -> jax.Array:
    """The standard deviations, in a shape that broadcasts with coefficients."""
    # Not the root of zero, whose derivative is infinite: that of the drawn values is then zero.
    positive = variance > 0
    root = jnp.where(positive, jnp.sqrt(jnp.where(positive, variance, 1)), 0)
    return root.reshape(1, variance.shape[0], 1, -1)


def _check_variance(variance: Any, spin: int, band_limit: int, channels: int) -> None:
    if np.shape(variance) not in ((band_limit,), (band_limit, channels)):
        raise ValueError(
            f"random_coefficients: power_spectrum of spin {spin} has shape {np.shape(variance)}; "
            f"it must be (ell,) = ({band_limit},) or (ell, channel) = ({band_limit}, {channels})."
        )
    if not isinstance(variance, jax.core.Tracer) and not np.all(np.asarray(variance) >= 0):
        raise ValueError(
            f"random_coefficients: power_spectrum of spin {spin} has the value "
            f"{np.min(np.asarray(variance))}; variances are not negative."
        )
