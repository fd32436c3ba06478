"""Random band-limited fields, by their coefficients: what rotations can be tested on exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.coefficients import coefficient_mask, conjugate_coefficients


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
    """Coefficients of independent complex normals, zero where there is no harmonic.

    The field is Gaussian and isotropic: its distribution is the same after any rotation.

    Args:
      key: a JAX random key.
      channels: number of channels of each spin.
      band_limit: L.
      batch: number of examples.
      real_scalars: give spin 0 the symmetry a_{ell,-m} = (-1)^m conj(a_{ell m}) of a real field.
      power_spectrum: mapping from spin to the variance E|a_{ell m}|^2 of each degree, shape (ell,)
        or (ell, channel), not negative; spins without one, and None, have variance 1. With it, the
        expected `sphere_transforms.power_spectrum` is this.
      dtype: float32 or float64, of the real part; None is JAX's default float.

    Returns:
      Mapping from spin to complex arrays (batch, ell, m, channel).

    Raises:
      ValueError: a spin that does not exist below the band limit, or a power spectrum that is
        negative, of another shape, or of a spin that is not among the channels.
    """
    real_dtype = jnp.zeros((), float if dtype is None else dtype).dtype
    spectra = power_spectrum or {}
    if not set(spectra) <= set(channels):
        raise ValueError(
            f"random_coefficients: power_spectrum has spins {sorted(spectra)}, channels have "
            f"{sorted(channels)}; give a power spectrum only to spins that are drawn."
        )
    result = {}
    for spin, spin_key in zip(channels, jax.random.split(key, len(channels)), strict=True):
        mask = jnp.asarray(coefficient_mask(band_limit, spin), real_dtype)
        shape = (batch, band_limit, 2 * band_limit - 1, channels[spin])
        complex_dtype = jnp.result_type(real_dtype, jnp.complex64)
        values = jax.random.normal(spin_key, shape, complex_dtype)
        if spin == 0 and real_scalars:
            values = (values + conjugate_coefficients({0: values})[0]) / np.sqrt(2)
        if spin in spectra:
            values = values * _deviation(spectra[spin], spin, shape, real_dtype)
        result[spin] = values * mask[None, :, :, None]
    return result


def _deviation(variance: Any, spin: int, shape: tuple[int, int, int, int], dtype: Any) -> jax.Array:
    """Roots of the variances, to be multiplied with coefficients of the given shape."""
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
    root = jnp.sqrt(jnp.asarray(variance, dtype)).reshape(band_limit, -1)
    return root[None, :, None, :]
