"""Convolution with filters that are symmetric about their axis: one factor per degree."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields import Array, Coefficients, check_coefficients
from sphere_transforms.harmonics import check_spin
from sphere_transforms.jax_extensions import as_array, complex_dtype, real_dtype


def convolve_axisymmetric(coefficients: Coefficients, factors: Any) -> dict[int, jax.Array]:
    """Coefficients of a field convolved with an axisymmetric filter: b_ell a_{ell m}.

    The convolution of a scalar f with a filter h(theta), centred on the north pole, is the integral
    over y of f(y) h(angle between x and y). Its factors are b_ell = sqrt(4 pi / (2 ell + 1))
    h_{ell 0} (Driscoll and Healy 1994, theorem 1; their additional 2 pi comes from an integral over
    all rotations). `factors_of_profile` and `factors_of_coefficients` compute them. Other factors
    can be used too, for example those of a beam, a pixel window or a smoothing operator. The
    operation is equivariant for every spin: rotating the field rotates the result.

    Args:
      coefficients: mapping from spin to (batch, ell, m, channel).
      factors: b, real or complex: an array of shape (ell,), an array of shape (ell, channel) with
        one filter per channel, or a mapping from spin to such arrays.

    Returns:
      Mapping from the same spins to arrays of the same shape.

    Raises:
      ValueError: an array does not have the shape of coefficients, or the factors do not match the
        coefficients.
    """
    check_coefficients(coefficients, "convolve_axisymmetric")
    if isinstance(factors, Mapping) and not set(coefficients) <= set(factors):
        raise ValueError(
            f"convolve_axisymmetric: factors has spins {sorted(factors)}, coefficients have "
            f"{sorted(coefficients)}; give factors for each of these spins, or one array for all."
        )
    return {
        spin: _convolve(values, factors[spin] if isinstance(factors, Mapping) else factors)
        for spin, values in coefficients.items()
    }


def factors_of_coefficients(zonal: Any) -> jax.Array:
    """The factors of a filter given by its spherical harmonic coefficients of order zero.

    Args:
      zonal: h_{ell 0}, shape (ell, ...). For coefficients {0: h} pass h[0, :, L - 1, 0].

    Returns:
      b_ell = sqrt(4 pi / (2 ell + 1)) h_{ell 0}, of the same shape.
    """
    return _factors_of_coefficients(as_array(zonal))


@functools.partial(jax.jit, inline=True)
def _factors_of_coefficients(zonal: Any) -> jax.Array:
    zonal = jnp.asarray(zonal)
    ell = np.arange(zonal.shape[0]).reshape(-1, *(zonal.ndim - 1) * (1,))
    return zonal * jnp.asarray(np.sqrt(4 * np.pi / (2 * ell + 1)), zonal.dtype)


def factors_of_profile(
    profile: Callable[[np.ndarray], Any], band_limit: int, *, num_points: int | None = None
) -> np.ndarray:
    """The factors of a filter given as a function of the angle from its axis.

    b_ell is 2 pi times the integral over theta of profile(theta) P_ell(cos theta) sin(theta). The
    integral is computed by Gauss-Legendre quadrature in cos(theta). healpy calls b the window
    function of a beam.

    Args:
      profile: a function that is called once with angles in radians, float64 NumPy of shape
        (points,). It returns one real or complex value per angle. If the profile integrates to one
        over the sphere, b_0 = 1.
      band_limit: L.
      num_points: number of quadrature points. None means the larger of 256 and 4 L. The result is
        exact if the profile is a polynomial in cos(theta) of degree below 2 num_points - L. Use
        more points for a profile that has jumps or is much narrower than pi / num_points.

    Returns:
      NumPy, float64 or complex128, shape (L,).

    Raises:
      ValueError: the band limit is not positive, or the profile returns another shape.
    """
    check_spin(0, band_limit)
    cosines, weights = np.polynomial.legendre.leggauss(num_points or max(256, 4 * band_limit))
    values = np.asarray(profile(np.arccos(cosines)))
    if values.shape != cosines.shape:
        raise ValueError(
            f"factors_of_profile: for {cosines.size} angles the profile returned an array of shape "
            f"{values.shape}; it must return one value for each angle."
        )
    legendre = np.polynomial.legendre.legvander(cosines, band_limit - 1)
    return 2 * np.pi * (values * weights) @ legendre


def gaussian_beam(band_limit: int, fwhm: Any, spin: int = 0) -> jax.Array:
    """Factors of a Gaussian: exp(-(ell (ell + 1) - s^2) sigma^2 / 2), sigma = fwhm / sqrt(8 log 2).

    This is the heat kernel on the sphere, exp(sigma^2 / 2 times `laplacian`). A narrow beam is
    close to a Gaussian of the given full width at half maximum. healpy's gauss_beam returns the
    same factors: the temperature beam for spin 0, the polarisation beam for spin 2 (Challinor et
    al. 2000, arXiv astro-ph/0008228).

    Args:
      band_limit: L.
      fwhm: full width at half maximum, in radians. It may be a traced value; the factors are
        differentiable with respect to it.
      spin: s.

    Returns:
      Array of shape (L,), with fwhm's dtype (JAX's default float for a Python number).

    Raises:
      ValueError: the band limit is not positive, or |spin| is not below it.
    """
    check_spin(spin, band_limit)
    return _gaussian_beam(jnp.asarray(fwhm), band_limit, spin)


@functools.partial(jax.jit, static_argnums=(1, 2), inline=True)
def _gaussian_beam(fwhm: jax.Array, band_limit: int, spin: int) -> jax.Array:
    dtype = real_dtype(fwhm.dtype)
    sigma_squared = fwhm.astype(dtype) ** 2 / (8 * np.log(2))
    ell = np.arange(band_limit)
    return jnp.exp(jnp.asarray(spin**2 - ell * (ell + 1.0), dtype) * sigma_squared / 2)


def _convolve(values: Array, factors: Any) -> jax.Array:
    _, band_limit, _, channels = values.shape
    if np.shape(factors) not in ((band_limit,), (band_limit, channels)):
        raise ValueError(
            f"convolve_axisymmetric: factors have shape {np.shape(factors)}; they must have (ell,) "
            f"= ({band_limit},) or (ell, channel) = ({band_limit}, {channels})."
        )
    return _multiply(values, as_array(factors))


@functools.partial(jax.jit, inline=True)
def _multiply(values: jax.Array, factors: jax.Array) -> jax.Array:
    band_limit = values.shape[1]
    dtype = complex_dtype(values.dtype) if jnp.iscomplexobj(factors) else values.dtype
    return values.astype(dtype) * jnp.asarray(factors, dtype).reshape(1, band_limit, 1, -1)
