"""How many channels each spin has, checked once where it enters."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

import sphere_transforms as st

Channels = Mapping[int, int]


def checked_channels(channels: Channels, what: str) -> dict[int, int]:
    """The mapping with its spins in increasing order.

    Raises:
      ValueError: it is empty, a spin is no whole number, or a number of channels not positive.
    """
    wrong = [spin for spin, count in channels.items() if not isinstance(spin, int) or count < 1]
    if not channels or wrong:
        raise ValueError(
            f"{what} is {dict(channels)}; it must map at least one spin weight to a positive "
            "number of channels, for example {0: 16, 1: 16}."
        )
    return {spin: int(channels[spin]) for spin in sorted(channels)}


def check_field(
    field: Mapping[int, jax.Array], channels: Channels, layer: str, grid: st.Grid | None = None
) -> None:
    """Raises ValueError unless the field has these spins and channels, on the grid, as floats."""
    found = {spin: values.shape for spin, values in sorted(field.items())}
    sides = grid.shape if grid else next(iter(found.values()), (0, 0, 0))[1:3]
    wanted = {spin: (*sides, count) for spin, count in channels.items()}
    if {spin: shape[1:] for spin, shape in found.items()} != wanted:
        shapes = ", ".join(
            f"{spin}: (batch, {', '.join(map(str, shape))})" for spin, shape in wanted.items()
        )
        raise ValueError(
            f"{layer}: the field has shapes {found} by spin; this one takes {{{shapes}}}."
        )
    for spin, values in field.items():
        if not jnp.issubdtype(values.dtype, jnp.inexact):
            raise ValueError(
                f"{layer}: spin {spin} has dtype {values.dtype}; give floating-point or complex "
                "values, for example uint8 pixels divided by 255."
            )
        st.check_x64(values.dtype, f"{layer}: spin {spin}")
