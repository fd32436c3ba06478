"""How far a function is from equivariant: a number for a layer, and one for a whole network."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

import sphere_transforms as st


def equivariance_error(
    function: Callable[[dict[int, jax.Array]], Mapping[int, jax.Array]],
    grid: st.Grid,
    coefficients: st.Coefficients,
    *,
    key: jax.Array,
    output_grid: st.Grid | None = None,
) -> jax.Array:
    """Relative difference between "rotate, then apply" and "apply, then rotate".

    The inputs are given by their coefficients, so that rotating them is exact. Both outputs are
    compared by their coefficients below the output grid's band limit, where a rotation is exact as
    well: || c(f(R x)) - D c(f(x)) || / || c(f(x)) ||, in the L2 norm over all spins.

    Args:
      function: from a field to a field, each a mapping from spin to (batch, lat, long, channel).
      grid: of the input.
      coefficients: of the inputs, each of which is turned by a random rotation of its own; those of
        `sphere_transforms.random_coefficients`, say. The function gets the real part of spin 0.
      key: a JAX random key, for the rotations.
      output_grid: of the output, the input's if None.

    Returns:
      Shape (batch,): the relative error of each input.
    """
    turned, straight, angles = _rotated_pairs(grid, coefficients, key)
    output_grid = grid if output_grid is None else output_grid
    return field_difference(function(turned), function(straight), output_grid, angles)


def field_difference(
    turned: Mapping[int, jax.Array],
    straight: Mapping[int, jax.Array],
    grid: st.Grid,
    angles: st.EulerAngles,
) -> jax.Array:
    """Relative difference of a field from another one turned, below the grid's band limit.

    Args:
      turned: mapping from spin to (batch, lat, long, channel): what should be the other, turned.
      straight: the other.
      grid: of both.
      angles: Euler angles of the rotation, each a number or of shape (batch,).

    Returns:
      Shape (batch,): || c(turned) - D c(straight) || / || c(straight) ||, in the L2 norm over all
      spins.
    """
    transform = st.SpinTransform(grid, tuple(straight))
    expected = st.rotate_coefficients(transform.forward(straight), angles)
    found = transform.forward(turned)
    error = sum(_sum_of_squares(found[spin] - expected[spin]) for spin in expected)
    size = sum(_sum_of_squares(values) for values in expected.values())
    return jnp.sqrt(error / size)


def invariance_error(
    function: Callable[[dict[int, jax.Array]], jax.Array],
    grid: st.Grid,
    coefficients: st.Coefficients,
    *,
    key: jax.Array,
) -> jax.Array:
    """Change of an output that should not change, relative to its spread across inputs.

    The figure depends on the inputs: rough fields alias more at every nonlinearity, and fields that
    are all alike have a small spread to compare with.

    Args:
      function: from a field, a mapping from spin to (batch, lat, long, channel), to (batch, n): the
        logits of a network in evaluation mode, say.
      grid: of the input.
      coefficients: of the inputs, two at least, each of which is turned by a random rotation of its
        own. The function gets the real part of spin 0.
      key: a JAX random key, for the rotations.

    Returns:
      Scalar: the root mean square of f(R x) - f(x), divided by the standard deviation of f(x) over
      the inputs (root mean square over the n components).
    """
    turned, straight, _ = _rotated_pairs(grid, coefficients, key)
    after, before = function(turned), function(straight)
    spread = jnp.sqrt(jnp.mean(jnp.var(before, axis=0)))
    return jnp.sqrt(jnp.mean((after - before) ** 2)) / spread


def _rotated_pairs(
    grid: st.Grid, coefficients: st.Coefficients, key: jax.Array
) -> tuple[dict[int, jax.Array], dict[int, jax.Array], st.EulerAngles]:
    transform = st.SpinTransform(grid, tuple(coefficients))
    (count,) = {len(values) for values in coefficients.values()}
    angles = st.random_euler_angles(key, (count,))
    turned = transform.inverse(st.rotate_coefficients(coefficients, angles))
    straight = transform.inverse(coefficients)
    return _with_real_scalars(turned), _with_real_scalars(straight), angles


def _with_real_scalars(field: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
    return {spin: values.real if spin == 0 else values for spin, values in field.items()}


def _sum_of_squares(values: jax.Array) -> jax.Array:
    return jnp.sum(values.real**2 + values.imag**2, axis=(1, 2, 3))
