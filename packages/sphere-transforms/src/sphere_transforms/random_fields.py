"""Random band-limited fields, by their coefficients: what rotations can be tested on exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.harmonics import check_spin


def random_coefficients(
    key: jax.Array,
    channels: Mapping[int, int],
    band_limit: int,
    *,
    batch: int = 1,
    real_scalars: bool = False,
    dtype: Any = None,
) -> dict[int, jax.Array]:
    """Coefficients of independent standard complex normals, zero where there is no harmonic.

    Args:
      key: a JAX random key.
      channels: number of channels of each spin.
      band_limit: L.
      batch: number of examples.
      real_scalars: give spin 0 the symmetry a_{ell,-m} = (-1)^m conj(a_{ell m}) of a real field.
      dtype: float32 or float64, of the real part; None is JAX's default float.

    Returns:
      Mapping from spin to complex arrays (batch, ell, m, channel).

    Raises:
      ValueError: a spin that does not exist below the band limit.
    """
    real_dtype = jnp.zeros((), float if dtype is None else dtype).dtype
    degrees, orders = np.arange(band_limit)[:, None], np.arange(1 - band_limit, band_limit)[None, :]
    result = {}
    for spin, spin_key in zip(channels, jax.random.split(key, len(channels)), strict=True):
        check_spin(spin, band_limit)
        shape = (batch, band_limit, 2 * band_limit - 1, channels[spin])
        complex_dtype = jnp.result_type(real_dtype, jnp.complex64)
        values = jax.random.normal(spin_key, shape, complex_dtype)
        if spin == 0 and real_scalars:
            sign = jnp.asarray((-1.0) ** orders[0], real_dtype)[None, None, :, None]
            values = (values + sign * jnp.conj(values[:, :, ::-1])) / np.sqrt(2)
        inside = (degrees >= np.abs(orders)) & (degrees >= abs(spin))
        result[spin] = values * jnp.asarray(inside, real_dtype)[None, :, :, None]
    return result
