"""Tangent vector fields as fields of spin 1 and -1."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.fields import Field


def vector_to_spin(v_theta: jax.Array, v_phi: jax.Array) -> dict[int, jax.Array]:
    """The fields of spin 1 and -1 of a tangent vector field.

    Args:
      v_theta: component along increasing colatitude, that is southward, per unit length; any
        shape, real or complex.
      v_phi: component along increasing longitude, eastward, of the same shape.

    Returns:
      {1: v_theta + i v_phi, -1: v_theta - i v_phi}, complex; conjugates of each other where the
      vectors are real. This is linear in complex components too.

    Raises:
      ValueError: the components' shapes differ.
    """
    if np.shape(v_theta) != np.shape(v_phi):
        raise ValueError(
            f"vector_to_spin: v_theta has shape {np.shape(v_theta)} and v_phi {np.shape(v_phi)}; "
            "give both components at the same points, in arrays of one shape."
        )
    v_theta, v_phi = jnp.asarray(v_theta), jnp.asarray(v_phi)
    return {1: v_theta + 1j * v_phi, -1: v_theta - 1j * v_phi}


def spin_to_vector(field: Field, *, real: bool = True) -> tuple[jax.Array, jax.Array]:
    """The components of a tangent vector field: the inverse of `vector_to_spin`.

    Args:
      field: mapping with spins 1 and -1, arrays of one shape. Spin -1 may be left out of a real
        vector field: it is the conjugate of spin 1. Other spins are ignored.
      real: return the components' real parts, which is all there is to a real vector field; False
        returns them complex.

    Returns:
      (v_theta, v_phi), each of the arrays' shape: southward and eastward component.

    Raises:
      ValueError: there is no spin 1.
    """
    if 1 not in field:
        raise ValueError(
            f"spin_to_vector: the field has spins {sorted(field)}; a tangent vector field has "
            "spin 1, and spin -1 besides unless it is real."
        )
    plus = field[1]
    minus = field.get(-1, jnp.conj(plus))
    v_theta, v_phi = (plus + minus) / 2, (plus - minus) / 2j
    return (v_theta.real, v_phi.real) if real else (v_theta, v_phi)
