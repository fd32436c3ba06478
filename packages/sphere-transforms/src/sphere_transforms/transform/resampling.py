"""Resampling of a field on another grid, through its coefficients."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from sphere_transforms.fields import (
    Field,
    change_band_limit,
    check_mapping,
)
from sphere_transforms.grids import DEFAULT_ITERATIONS, Grid, HealpixGrid
from sphere_transforms.transform.spin_transform import SpinTransform


def resample(
    field: Field,
    source: Grid | SpinTransform,
    target: Grid | SpinTransform,
    band_limit: int | None = None,
    *,
    iterations: int | None = None,
) -> dict[int, jax.Array]:
    """Computes the values of a field on another grid.

    A field below the band limits of both grids is resampled exactly, to rounding error. Degrees
    from the band limit of the target up to that of the source are dropped. Degrees from the band
    limit of the source on cause aliasing. On HEALPix the quadrature of the source is approximate,
    and the result has the error of `SpinTransform.forward` with these iterations.

    Args:
      field: mapping from spin to (batch, *source.shape, channel).
      source: the grid of the field, or a transform on that grid with the spins of the field. Pass
        transforms if you resample many fields, because they keep their tables; under `jit`, pass
        them as arguments.
      target: the new grid, or a transform on it with the spins of the field.
      band_limit: keep only the degrees below it. None means the smaller of the two band limits.
      iterations: refinement steps of the forward transform. None means 3 on HEALPix and 0 on other
        grids.

    Returns:
      Mapping from the same spins to (batch, *target.shape, channel). A real field of spin 0 stays
      real.

    Raises:
      ValueError: the source or the target is neither a grid nor a transform, the band limit is
        above that of one of them, |spin| is not below it, a given transform lacks a spin, or the
        field does not have the shape of the source.
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
    if iterations is None:
        iterations = DEFAULT_ITERATIONS if isinstance(analysis.grid, HealpixGrid) else 0
    coefficients = analysis.forward(field, iterations=iterations)
    coefficients = change_band_limit(coefficients, band_limit)
    padded = change_band_limit(coefficients, synthesis.band_limit)
    scalars_are_real = 0 in field and not jnp.iscomplexobj(field[0])
    return synthesis.inverse(padded, real_scalars=scalars_are_real)


def _transform(place: Grid | SpinTransform, field: Field, band_limit: int) -> SpinTransform:
    if isinstance(place, SpinTransform):
        return place
    return SpinTransform(place, tuple(field), band_limit)
