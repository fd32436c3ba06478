"""Checks of the number of channels per spin."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

import sphere_transforms as st

Channels = Mapping[int, int]


def checked_channels(channels: Channels, what: str) -> dict[int, int]:
    """Checks a number of channels per spin, and sorts it by spin.

    Args:
      channels: mapping from spin weight to number of channels.
      what: the argument's name; error messages begin with it.

    Raises:
      ValueError: it is no mapping, or an empty one, a spin is not an integer, or a number of
        channels is not a positive integer.
    """
    if (
        not isinstance(channels, Mapping)
        or not channels
        or not all(
            is_whole_number(spin) and is_whole_number(count) for spin, count in channels.items()
        )
        or min(channels.values()) < 1
    ):
        given = dict(channels) if isinstance(channels, Mapping) else repr(channels)
        raise ValueError(
            f"{what} is {given}; it must map at least one spin weight to a positive "
            "number of channels, for example {0: 16, 1: 16}."
        )
    return {int(spin): int(channels[spin]) for spin in sorted(channels)}


def is_whole_number(number: object) -> bool:
    """Returns whether a value is an integer of Python or NumPy, and not a boolean."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def check_field(
    field: Mapping[int, jax.Array], channels: Channels, layer: str, grid: st.Grid | None = None
) -> None:
    """Checks that a field has the right spins, channels, shape and dtype.

    Args:
      field: mapping from spin to (batch, lat, long, channel), or (batch, pixel, channel).
      channels: the expected channels per spin.
      layer: the layer's name; error messages begin with it.
      grid: the expected grid; None accepts any latitudes and longitudes.

    Raises:
      ValueError: the field is no mapping to arrays, spins, channels or shape differ, an array is
        not floating-point or complex, or an array is 64-bit and x64 is not enabled.
    """
    is_mapping = isinstance(field, Mapping)
    if not is_mapping or not all(hasattr(values, "shape") for values in field.values()):
        kinds = {spin: type(v).__name__ for spin, v in field.items()} if is_mapping else None
        raise ValueError(
            f"{layer}: the field is {kinds or f'a {type(field).__name__}'}; expected is a mapping "
            "from spin to array (batch, lat, long, channel), or (batch, pixel, channel), for "
            "example {0: images}."
        )
    found = {spin: values.shape for spin, values in sorted(field.items())}
    sides = grid.shape if grid else _sides(next(iter(found.values()), ()))
    wanted = {spin: (*sides, count) for spin, count in channels.items()}
    if {spin: shape[1:] for spin, shape in found.items()} != wanted:
        shapes = ", ".join(
            f"{spin}: (batch, {', '.join(map(str, shape))})" for spin, shape in wanted.items()
        )
        raise ValueError(
            f"{layer}: the field has shapes {found} by spin; expected are {{{shapes}}}."
        )
    for spin, values in field.items():
        if not jnp.issubdtype(values.dtype, jnp.inexact):
            raise ValueError(
                f"{layer}: spin {spin} has dtype {values.dtype}; give floating-point or complex "
                "values, for example uint8 pixels divided by 255."
            )
        st.check_x64(values.dtype, f"{layer}: spin {spin}")


def along_channels(values: jax.Array, field: jax.Array) -> jax.Array:
    """Returns values (channel,) in a shape to combine with a field of any grid."""
    return values.reshape(*[1] * (field.ndim - 1), values.shape[0])


def _sides(shape: tuple[int, ...]) -> tuple[object, ...]:
    """The axes of the sphere of an array that is to be a field on a grid that is not known."""
    return shape[1:-1] if len(shape) in (3, 4) else ("lat", "long")
