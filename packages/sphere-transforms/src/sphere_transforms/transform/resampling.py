"""A field moved from one grid to another, through its coefficients."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from sphere_transforms.fields import (
    Field,
    change_band_limit,
    check_mapping,
)
from sphere_transforms.grids import Grid
from sphere_transforms.transform.spin_transform import SpinTransform


def resample(
    field: Field,
    source: Grid | SpinTransform,
    target: Grid | SpinTransform,
    band_limit: int | None = None,
) -> dict[int, jax.Array]:
    """The field's values on another grid.

    A field that the source carries exactly, and whose degrees the target carries too, is the same
    field there to rounding error, at every point. Degrees that the source carries and the target
    does not are dropped; those that the source does not carry alias. All this is as exact as the
    source's quadrature: on HEALPix, approximately.

    Args:
      field: mapping from spin to (batch, *source.shape, channel).
      source: the grid that the field is on, or a transform on it with the field's spins. Many calls
        with one transform build no tables anew; under `jit`, pass transforms as arguments.
      target: the grid to move to, or a transform on it with the field's spins.
      band_limit: keep degrees below it; None is the smaller of the two band limits.

    Returns:
      Mapping from the same spins to (batch, *target.shape, channel). Real spin 0 stays real.

    Raises:
      ValueError: the source or target is neither, a band limit above that of one of them, a spin
        that does not exist below it or that a given transform lacks, or a field that is not on the
        source.
    """
    check_mapping(field, "resample")
    limits = {}
    for name, place in (("source", source), ("target", target)):
        if not isinstance(place, SpinTransform | Grid):
            raise ValueError(
                f"resample: {name} is {place!r}; give a grid object such as EquiangularGrid(64), "
                "or a SpinTransform."
            )
        limits[name] = place.band_limit
    if band_limit is None:
        band_limit = min(limits.values())
    for name, limit in limits.items():
        if band_limit > limit:
            raise ValueError(
                f"resample: band_limit is {band_limit}, but the {name} carries degrees below "
                f"{limit}: take at most {min(limits.values())}, or a finer {name}."
            )
    analysis, synthesis = (_transform(place, field, band_limit) for place in (source, target))
    coefficients = change_band_limit(analysis.forward(field), band_limit)
    padded = change_band_limit(coefficients, synthesis.band_limit)
    scalars_are_real = 0 in field and not jnp.iscomplexobj(field[0])
    return synthesis.inverse(padded, real_scalars=scalars_are_real)


def _transform(place: Grid | SpinTransform, field: Field, band_limit: int) -> SpinTransform:
    if isinstance(place, SpinTransform):
        return place
    return SpinTransform(place, tuple(field), band_limit)
