"""How far a function is from equivariant: a number for a layer, and one for a whole network."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

import sphere_transforms as st
from spin_layers.channels import Channels


def equivariance_error(
    function: Callable[[dict[int, jax.Array]], Mapping[int, jax.Array]],
    grid: st.Grid,
    channels: Channels,
    *,
    key: jax.Array,
    rotations: int = 4,
    output_grid: st.Grid | None = None,
) -> jax.Array:
    """Relative difference between "rotate, then apply" and "apply, then rotate".

    Inputs are random band-limited fields, so that the rotation of the input is exact. Both outputs
    are compared by their coefficients below the output grid's band limit, where a rotation is exact
    as well: || c(f(R x)) - D c(f(x)) || / || c(f(x)) ||, in the L2 norm over all spins.

    Args:
      function: from a field to a field, each a mapping from spin to (batch, lat, long, channel).
      grid: of the input.
      channels: channels per spin of the input; spin 0 is real.
      key: a JAX random key.
      rotations: how many random rotations (and inputs) to try.
      output_grid: of the output, the input's if None.

    Returns:
      Shape (rotations,): the relative error of each.
    """
    turned, straight, angles = _rotated_pairs(grid, channels, key, rotations)
    output_grid = grid if output_grid is None else output_grid
    after, before = function(turned), function(straight)
    transform = st.SpinTransform(output_grid, tuple(before))
    expected = st.rotate_coefficients(transform.forward(before), angles)
    found = transform.forward(after)
    error = sum(_sum_of_squares(found[spin] - expected[spin]) for spin in expected)
    size = sum(_sum_of_squares(values) for values in expected.values())
    return jnp.sqrt(error / size)


def invariance_error(
    function: Callable[[dict[int, jax.Array]], jax.Array],
    grid: st.Grid,
    channels: Channels,
    *,
    key: jax.Array,
    rotations: int = 16,
) -> jax.Array:
    """Change of an output that should not change, relative to its spread across inputs.

    Args:
      function: from a field, a mapping from spin to (batch, lat, long, channel), to (batch, n): the
        logits of a network in evaluation mode, say.
      grid: of the input.
      channels: channels per spin of the input; spin 0 is real.
      key: a JAX random key.
      rotations: how many random band-limited inputs, each with a random rotation, at least 2.

    Returns:
      Scalar: the root mean square of f(R x) - f(x), divided by the standard deviation of f(x) over
      the inputs (root mean square over the n components).
    """
    turned, straight, _ = _rotated_pairs(grid, channels, key, rotations)
    after, before = function(turned), function(straight)
    spread = jnp.sqrt(jnp.mean(jnp.var(before, axis=0)))
    return jnp.sqrt(jnp.mean((after - before) ** 2)) / spread


def _rotated_pairs(
    grid: st.Grid, channels: Channels, key: jax.Array, count: int
) -> tuple[dict[int, jax.Array], dict[int, jax.Array], st.EulerAngles]:
    key_coefficients, key_angles = jax.random.split(key)
    transform = st.SpinTransform(grid, tuple(channels))
    coefficients = st.random_coefficients(
        key_coefficients, channels, grid.band_limit, batch=count, real_scalars=True
    )
    angles = st.random_euler_angles(key_angles, (count,))
    turned = transform.inverse(st.rotate_coefficients(coefficients, angles))
    straight = transform.inverse(coefficients)
    return _with_real_scalars(turned), _with_real_scalars(straight), angles


def _with_real_scalars(field: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
    return {spin: values.real if spin == 0 else values for spin, values in field.items()}


def _sum_of_squares(values: jax.Array) -> jax.Array:
    return jnp.sum(values.real**2 + values.imag**2, axis=(1, 2, 3))
