"""Measures of equivariance error for a layer, and of invariance error for a whole network."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

import sphere_transforms as st
from spin_layers.modulus import safe_root


def equivariance_error(
    function: Callable[[dict[int, jax.Array]], Mapping[int, jax.Array]],
    grid: st.Grid,
    coefficients: st.Coefficients,
    *,
    key: jax.Array,
    output_grid: st.Grid | None = None,
) -> jax.Array:
    """Computes the relative difference between "rotate, then apply" and "apply, then rotate".

    The inputs are given by their coefficients, so they are rotated exactly. The outputs are
    compared by their coefficients below the output grid's band limit, where the rotation is also
    exact: || c(f(R x)) - D c(f(x)) || / || c(f(x)) ||, in the L2 norm over all spins.

    Args:
      function: maps a field to a field. Both are mappings from spin to (batch, lat, long, channel).
      grid: grid of the input.
      coefficients: coefficients of the inputs, for example from
        `sphere_transforms.random_coefficients`. Each input is rotated by its own random rotation.
        The function is given the real part of spin 0.
      key: JAX random key for the rotations.
      output_grid: grid of the output; None for the input grid.

    Returns:
      Shape (batch,): the relative error of each input.
    """
    rotated, original, angles = _rotated_pairs(grid, coefficients, key)
    output_grid = grid if output_grid is None else output_grid
    return field_difference(function(rotated), function(original), output_grid, angles)


def field_difference(
    rotated: Mapping[int, jax.Array],
    original: Mapping[int, jax.Array],
    grid: st.Grid,
    angles: st.EulerAngles,
) -> jax.Array:
    """Computes how far one field is from the rotation of another, below the grid's band limit.

    Args:
      rotated: mapping from spin to (batch, lat, long, channel): what should be `original`, rotated.
      original: the field that is not rotated, a mapping of the same form.
      grid: grid of both fields.
      angles: ZYZ Euler angles of the rotation, each a number or an array of shape (batch,).

    Returns:
      Shape (batch,): || c(rotated) - D c(original) || / || c(original) ||, in the L2 norm over all
      spins. It is 0 for two fields of zeros, and infinite if only `original` is zero. Any finite
      size of the fields is possible, because both are divided by their largest value first.

    Raises:
      ValueError: the fields have different spins.
    """
    if set(rotated) != set(original):
        raise ValueError(
            f"field_difference: the fields have spins {sorted(rotated)} and {sorted(original)}; "
            "they must be the same."
        )
    transform = st.SpinTransform(grid, tuple(original))
    found, unrotated = _scaled_coefficients(transform, dict(rotated), dict(original))
    # Outside the two programs: numbers in `angles` are used in float64.
    return _relative_difference(found, st.rotate_coefficients(unrotated, angles))


def invariance_error(
    function: Callable[[dict[int, jax.Array]], jax.Array],
    grid: st.Grid,
    coefficients: st.Coefficients,
    *,
    key: jax.Array,
) -> jax.Array:
    """Computes how much an output changes under rotation, relative to its spread across inputs.

    The result depends on the inputs. Rough fields alias more at every nonlinearity. If all inputs
    are similar, the spread that the change is divided by is small.

    Args:
      function: maps a field, a mapping from spin to (batch, lat, long, channel), to an array
        (batch, n), for example the logits of a network in evaluation mode.
      grid: grid of the input.
      coefficients: coefficients of at least two inputs. Each input is rotated by its own random
        rotation. The function is given the real part of spin 0.
      key: JAX random key for the rotations.

    Returns:
      Scalar: the root mean square of f(R x) - f(x), divided by the standard deviation of f(x) over
      the inputs (root mean square over the n components).
    """
    rotated, original, _ = _rotated_pairs(grid, coefficients, key)
    return output_difference(function(rotated), function(original))


def output_difference(rotated: jax.Array, original: jax.Array) -> jax.Array:
    """Computes how much outputs change, relative to their spread across inputs.

    Args:
      rotated: outputs for the rotated inputs, (batch, n).
      original: outputs for the original inputs, (batch, n).

    Returns:
      Scalar: the root mean square of the change, divided by the standard deviation of the original
      outputs over the batch (root mean square over the n components). Infinite or NaN if the
      outputs do not vary.
    """
    return _output_difference(rotated, original)


# Programs, because each operation on a new shape would be compiled by itself, and a report measures
# every layer.
@functools.partial(jax.jit, inline=True)
def _output_difference(rotated: jax.Array, original: jax.Array) -> jax.Array:
    spread = jnp.sqrt(jnp.mean(jnp.var(original, axis=0)))
    return jnp.sqrt(jnp.mean((rotated - original) ** 2)) / spread


@functools.partial(jax.jit, inline=True)
def _scaled_coefficients(
    transform: st.SpinTransform, rotated: dict[int, jax.Array], original: dict[int, jax.Array]
) -> tuple[dict[int, jax.Array], dict[int, jax.Array]]:
    """The coefficients of both fields, each example divided by the largest value of the two."""
    largest = jnp.maximum(_largest(rotated), _largest(original))
    scale = jnp.where(largest > 0, largest, 1)
    return (
        transform.forward(_divided(rotated, scale)),
        transform.forward(_divided(original, scale)),
    )


@functools.partial(jax.jit, inline=True)
def _relative_difference(found: dict[int, jax.Array], expected: dict[int, jax.Array]) -> jax.Array:
    differences = {spin: found[spin] - expected[spin] for spin in expected}
    return _quotient(_norm(differences), _norm(expected))


def _quotient(error: jax.Array, size: jax.Array) -> jax.Array:
    """Divides, with 0 / 0 = 0 and an infinite result where only the size is zero."""
    is_zero = size == 0
    ratio = error / jnp.where(is_zero, 1, size)
    return jnp.where(is_zero, jnp.where(error == 0, 0, jnp.inf), ratio)


def _largest(field: Mapping[int, jax.Array]) -> jax.Array:
    """Returns the largest absolute component of each example, (batch,), without a gradient."""
    # Without the imaginary component of a real array: XLA would fold its zeros for seconds.
    components = [
        part
        for values in field.values()
        for part in ((values.real, values.imag) if jnp.iscomplexobj(values) else (values,))
    ]
    largest = [jnp.max(jnp.abs(part), axis=tuple(range(1, part.ndim))) for part in components]
    return jax.lax.stop_gradient(functools.reduce(jnp.maximum, largest))


def _divided(field: Mapping[int, jax.Array], scale: jax.Array) -> dict[int, jax.Array]:
    def divide(values: jax.Array) -> jax.Array:
        divisor = scale.reshape(-1, *[1] * (values.ndim - 1))
        if not jnp.iscomplexobj(values):
            return (values / divisor.astype(values.dtype)).astype(values.dtype)
        # By components, because strict promotion refuses complex / real.
        return jax.lax.complex(values.real / divisor, values.imag / divisor).astype(values.dtype)

    return {spin: divide(values) for spin, values in field.items()}


def _rotated_pairs(
    grid: st.Grid, coefficients: st.Coefficients, key: jax.Array
) -> tuple[dict[int, jax.Array], dict[int, jax.Array], st.EulerAngles]:
    transform = st.SpinTransform(grid, tuple(coefficients))
    (count,) = {len(values) for values in coefficients.values()}
    angles = st.random_euler_angles(key, (count,))
    rotated = transform.inverse(st.rotate_coefficients(coefficients, angles))
    original = transform.inverse(coefficients)
    return _with_real_scalars(rotated), _with_real_scalars(original), angles


def _with_real_scalars(field: Mapping[int, jax.Array]) -> dict[int, jax.Array]:
    return {spin: values.real if spin == 0 else values for spin, values in field.items()}


def _norm(coefficients: Mapping[int, jax.Array]) -> jax.Array:
    return safe_root(jnp.asarray(sum(map(_sum_of_squares, coefficients.values()))))


def _sum_of_squares(values: jax.Array) -> jax.Array:
    return jnp.sum(values.real**2 + values.imag**2, axis=(1, 2, 3))
