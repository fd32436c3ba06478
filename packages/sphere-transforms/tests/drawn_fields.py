"""Random fields from NumPy, for tests, and their differences.

JAX's random numbers take a third of a second to compile.
"""

import jax
import jax.numpy as jnp
import numpy as np

import sphere_transforms as st


def normal(seed, shape, dtype=None):
    """Standard normal numbers as a JAX array: real, or complex with E|z|^2 = 1."""
    dtype = np.dtype(jax.dtypes.canonicalize_dtype(float) if dtype is None else dtype)
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape)
    if dtype.kind == "c":
        values = (values + 1j * rng.normal(size=shape)) / np.sqrt(2)
    return jnp.asarray(values.astype(dtype))


def random_coefficients(seed, channels, band_limit, *, batch=1, real_scalars=False, dtype=None):
    """The same distribution as that of `sphere_transforms.random_coefficients`."""
    if dtype is None:
        dtype = np.result_type(jax.dtypes.canonicalize_dtype(float), np.complex64)
    result = {}
    for spin, count in channels.items():
        shape = (batch, band_limit, 2 * band_limit - 1, count)
        values = np.asarray(normal((seed, spin % 1000), shape, np.complex128))
        values = np.where(st.fields.coefficient_mask(band_limit, spin)[None, :, :, None], values, 0)
        if spin == 0 and real_scalars:
            signs = (-1.0) ** np.arange(1 - band_limit, band_limit)
            values = (values + signs[:, None] * values[:, :, ::-1].conj()) / np.sqrt(2)
        result[spin] = jnp.asarray(values.astype(dtype))
    return result


def difference(found, expected):
    """The largest relative difference in the maximum norm."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    return max(np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in jax.device_get(list(pairs)))
