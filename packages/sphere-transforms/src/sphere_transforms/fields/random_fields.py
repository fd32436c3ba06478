"""Random band-limited fields, given by their coefficients; useful for tests of equivariance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields.coefficients import coefficient_mask, conjugate_coefficients
from sphere_transforms.jax_extensions import complex_dtype


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
    real_dtype = jnp.zeros((), float if dtype is None else dtype).dtype
    spectra = power_spectrum or {}
    if not set(spectra) <= set(channels):
        raise ValueError(
            f"random_coefficients: power_spectrum has spins {sorted(spectra)}, channels have "
            f"{sorted(channels)}; give power spectra only for spins that are drawn."
        )
    result = {}
    for spin, spin_key in zip(channels, jax.random.split(key, len(channels)), strict=True):
        mask = coefficient_mask(band_limit, spin)
        shape = (batch, band_limit, 2 * band_limit - 1, channels[spin])
        values = jax.random.normal(spin_key, shape, complex_dtype(real_dtype))
        if spin == 0 and real_scalars:
            values = (values + conjugate_coefficients({0: values})[0]) / math.sqrt(2)
        if spin in spectra:
            deviation = _deviation(spectra[spin], spin, shape, real_dtype)
            values = values * deviation.astype(values.dtype)
        result[spin] = jnp.where(mask[None, :, :, None], values, 0)
    return result


def _deviation(variance: Any, spin: int, shape: tuple[int, int, int, int], dtype: Any) -> jax.Array:
    """The standard deviations, in a shape that broadcasts with coefficients of the given shape."""
    _, band_limit, _, channels = shape
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
    variance = jnp.asarray(variance, dtype)
    # Not the root of zero, whose derivative is infinite: that of the drawn values is then zero.
    positive = variance > 0
    root = jnp.where(positive, jnp.sqrt(jnp.where(positive, variance, 1)), 0)
    return root.reshape(1, band_limit, 1, -1)
