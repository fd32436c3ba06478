"""Conversion between tangent vector fields and fields of spin 1 and -1."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields.mappings import Array, Field
from sphere_transforms.jax_extensions import complex_dtype


def vector_to_spin(v_theta: Array, v_phi: Array) -> dict[int, jax.Array]:
    """Converts a tangent vector field to fields of spin 1 and -1.

    Args:
      v_theta: the southward component (along increasing colatitude, on the unit basis vector), of
        any shape, real or complex.
      v_phi: the eastward component (along increasing longitude, on the unit basis vector), of the
        same shape.

    Returns:
      {1: v_theta + i v_phi, -1: v_theta - i v_phi}, complex. The two fields are conjugates of each
      other if the components are real. The conversion is linear, also for complex components.

    Raises:
      ValueError: the shapes of the components differ.
    """
    if np.shape(v_theta) != np.shape(v_phi):
        raise ValueError(
            f"vector_to_spin: v_theta has shape {np.shape(v_theta)} and v_phi {np.shape(v_phi)}; "
            "give both components at the same points, in arrays of one shape."
        )
    plus, minus = _vector_to_spin(v_theta, v_phi)
    return {1: plus, -1: minus}


@functools.partial(jax.jit, inline=True)
def _vector_to_spin(v_theta: Array, v_phi: Array) -> tuple[jax.Array, jax.Array]:
    v_theta, v_phi = jnp.asarray(v_theta), jnp.asarray(v_phi)
    dtype = complex_dtype(v_theta.dtype, v_phi.dtype)
    v_theta, v_phi = v_theta.astype(dtype), v_phi.astype(dtype)
    return v_theta + 1j * v_phi, v_theta - 1j * v_phi


def spin_to_vector(field: Field, *, real: bool = True) -> tuple[jax.Array, jax.Array]:
    """Converts fields of spin 1 and -1 to a tangent vector field: the inverse of `vector_to_spin`.

    Args:
      field: mapping with spins 1 and -1, whose arrays have the same shape. For a real vector field,
        spin -1 may be omitted, because it is the conjugate of spin 1. Other spins are ignored.
      real: return only the real component of v_theta and v_phi, as is right for a real vector
        field. False returns them complex.

    Returns:
      (v_theta, v_phi), the southward and the eastward component, in the shape of the arrays.

    Raises:
      ValueError: there is no spin 1.
    """
    if 1 not in field:
        raise ValueError(
            f"spin_to_vector: the field has spins {sorted(field)}; a tangent vector field has "
            "spin 1, and also spin -1 unless it is real."
        )
    return _spin_to_vector(field[1], field.get(-1), real)


@functools.partial(jax.jit, static_argnums=2, inline=True)
def _spin_to_vector(plus: Array, minus: Array | None, real: bool) -> tuple[jax.Array, jax.Array]:
    plus = jnp.asarray(plus)
    minus = jnp.conj(plus) if minus is None else jnp.asarray(minus)
    v_theta, v_phi = (plus + minus) / 2, (plus - minus) / 2j
    return (v_theta.real, v_phi.real) if real else (v_theta, v_phi)
