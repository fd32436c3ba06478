"""The rotation of coefficients and fields of any spin."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields import Array, Coefficients, Field, without_empty_entries
from sphere_transforms.grids import DEFAULT_ITERATIONS, HealpixGrid
from sphere_transforms.jax_extensions import check_array, check_x64, complex_dtype, real_dtype
from sphere_transforms.rotation.euler_angles import EulerAngles, three_angles
from sphere_transforms.rotation.quarter_turn import quarter_turn

if TYPE_CHECKING:
    from sphere_transforms.transform import SpinTransform


def rotate_coefficients(coefficients: Coefficients, angles: EulerAngles) -> dict[int, jax.Array]:
    """Coefficients of the field rotated (actively) by R(alpha, beta, gamma).

    Coefficients of all spins are multiplied by the same matrices: f'_{ell m} = sum over n of
    D^ell_{mn} f_{ell n}, with D^ell_{mn} = exp(-i m alpha) d^ell_{mn}(beta) exp(-i n gamma)
    (Varshalovich et al., section 4.3; Boyle, arXiv 1604.08140, for nonzero spin).

    The rotation by beta about the y axis is computed as a rotation by beta about the z axis between
    two rotations by pi / 2 about the y axis (Risbo 1996). The matrices d(pi / 2) of these are
    constants, the same for every angle, and are computed in float64: see `quarter_turn`.

    The function is differentiable with respect to the coefficients and the angles, in forward and
    reverse mode and to any order. Memory grows as L^2, also for derivatives. The work grows as L^3.

    Args:
      coefficients: mapping from spin to complex arrays (batch, ell, m, channel), complex64 or
        complex128. Entries with |m| > ell or ell < |spin| have no effect.
      angles: (alpha, beta, gamma) in radians. Each is a number, or an array of shape (batch,) with
        one rotation per example. They may be traced values. Numbers and NumPy arrays are used in
        float64, JAX arrays in their own dtype.

    Returns:
      Mapping from the same spins to the rotated coefficients; zero where there is no harmonic.

    Raises:
      ValueError: an array does not have the shape of coefficients, there are not three angles, an
        angle is neither one value nor one for each example, or the band limit is above 2600.
    """
    angles = three_angles(angles, "rotate_coefficients")
    return {spin: _rotate(spin, values, angles) for spin, values in coefficients.items()}


def rotate_field(
    transform: SpinTransform,
    field: Field,
    angles: EulerAngles,
    *,
    iterations: int | None = None,
) -> dict[int, jax.Array]:
    """The field rotated (actively) by R(alpha, beta, gamma), sampled on the same grid.

    The result is exact to rounding error for fields below the band limit of the transform. On
    HEALPix it has the error of the forward transform with these iterations: the rotation by zero
    angles changes a random map at band limit 2 nside by 1e-5 to 1e-4 of its maximum with three
    iterations, and by 2 to 6 per cent with none. Other components of a field are lost, as in
    `transform.inverse(transform.forward(field))`.

    Args:
      transform: a SpinTransform, or an object with the same methods `forward` and `inverse`.
      field: mapping from spin to arrays (batch, *grid.shape, channel), as for `transform.forward`.
      angles: (alpha, beta, gamma), as for `rotate_coefficients`.
      iterations: refinement steps of the forward transform. None means 3 on HEALPix and 0 on other
        grids.

    Returns:
      Mapping from the same spins to arrays of the same shape. They are complex, but real for spin 0
      if the field of spin 0 is real.

    Raises:
      ValueError: as for `transform.forward` and `rotate_coefficients`.
    """
    if iterations is None:
        grid = getattr(transform, "grid", None)
        iterations = DEFAULT_ITERATIONS if isinstance(grid, HealpixGrid) else 0
    options = {"iterations": iterations} if iterations else {}
    coefficients = transform.forward(field, **options)
    rotated = transform.inverse(rotate_coefficients(coefficients, angles))
    real = [spin for spin, values in field.items() if spin == 0 and not jnp.iscomplexobj(values)]
    return rotated | {spin: rotated[spin].real for spin in real}


def _rotate(spin: int, array: Array, angles: EulerAngles) -> jax.Array:
    check_array(array, "rotate_coefficients: the argument for a spin")
    check_x64(array.dtype, "rotate_coefficients: an array")
    values = jnp.asarray(array)
    if values.ndim != 4 or values.shape[2] != 2 * values.shape[1] - 1:
        raise ValueError(
            f"rotate_coefficients: an array has shape {values.shape}; coefficients have shape "
            "(batch, L, 2 L - 1, channel), as SpinTransform.forward returns them."
        )
    for angle in angles:
        if jnp.shape(angle) not in ((), (1,), values.shape[:1]):
            raise ValueError(
                f"rotate_coefficients: an angle has shape {jnp.shape(angle)}; with a batch of "
                f"{values.shape[0]} it must be a number, or an array of shape ({values.shape[0]},)."
            )
    dtype = real_dtype(values.dtype)
    about_z = (_turn_about_z(angle, values.shape[1], dtype) for angle in angles)
    return _turn(spin, values, *about_z)


@jax.jit
def _turn(
    spin: int | jax.Array, values: jax.Array, alpha: jax.Array, beta: jax.Array, gamma: jax.Array
) -> jax.Array:
    """Rotates coefficients, given the factors exp(-i m angle) of shape (batch or 1, m).

    With Z(angle) a rotation about the z axis and Delta = d(pi / 2) a rotation about the y axis,

      d(beta) = Z(-pi/2) Delta^T Z(beta) Delta Z(pi/2).

    Z(pi/2) and then Delta rotate the y axis to the z axis; Delta^T and Z(-pi/2) rotate it back.
    Delta^T is Delta with the sign of odd orders changed before and after it.
    """
    values = without_empty_entries(values.astype(complex_dtype(values.dtype)), spin)
    band_limit = values.shape[1]
    m = np.arange(1 - band_limit, band_limit)
    quarter_about_z = jnp.asarray(np.array([1, -1j, -1, 1j])[m % 4], gamma.dtype)[None]
    alternating = jnp.asarray((-1.0) ** m, gamma.dtype)[None]
    before = jnp.broadcast_arrays(quarter_about_z * gamma, alternating * beta)

    def step(values: jax.Array, factor: jax.Array) -> tuple[jax.Array, None]:
        values = values * factor.T[None, :, :, None]
        components = quarter_turn(jnp.stack([values.real, values.imag], -1))
        return jax.lax.complex(components[..., 0], components[..., 1]), None

    # (ell, m, batch, channel). A loop over the two multiplications with Delta compiles only one.
    rotated = jax.lax.scan(step, jnp.transpose(values, (1, 2, 0, 3)), jnp.stack(before))[0]
    rotated = jnp.transpose(rotated, (2, 0, 1, 3))
    return rotated * (quarter_about_z * alpha)[:, None, :, None]


def _turn_about_z(angle: Any, band_limit: int, dtype: Any) -> jax.Array:
    """exp(-i m angle), complex, shape (1 or batch, 2 L - 1).

    The product with m multiplies the rounding error of an angle by up to L, so it is computed in
    float64.
    """
    if not isinstance(angle, jax.Array):
        m = np.arange(1 - band_limit, band_limit)
        phase = np.asarray(angle, np.float64).reshape(-1, 1) * m
        return jnp.asarray(np.exp(-1j * phase), complex_dtype(dtype))
    if not jnp.issubdtype(angle.dtype, jnp.floating):
        angle = angle.astype(dtype)
    return _compiled_turn_about_z(angle, band_limit, np.dtype(dtype))


@functools.partial(jax.jit, static_argnums=(1, 2))
def _compiled_turn_about_z(angle: jax.Array, band_limit: int, dtype: Any) -> jax.Array:
    return _turn_about_z_of_array(angle.reshape(-1, 1), band_limit, dtype)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _turn_about_z_of_array(angle: jax.Array, band_limit: int, dtype: Any) -> jax.Array:
    with jax.enable_x64(True):
        m = jnp.arange(1 - band_limit, band_limit, dtype=jnp.float64)
        phase = jax.lax.convert_element_type(angle, jnp.float64) * m[None]
        return jax.lax.complex(jnp.cos(phase).astype(dtype), -jnp.sin(phase).astype(dtype))


@_turn_about_z_of_array.defjvp
def _turn_about_z_jvp(band_limit: int, dtype: Any, primals: Any, tangents: Any) -> Any:
    # An explicit rule, so that derivatives do not pass through the float64 computation.
    result = _turn_about_z_of_array(*primals, band_limit, dtype)
    m = np.arange(1 - band_limit, band_limit)
    return result, result * jnp.asarray(-1j * m, result.dtype)[None] * tangents[0].astype(
        result.dtype
    )
