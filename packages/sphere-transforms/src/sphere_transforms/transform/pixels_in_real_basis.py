"""The transforms of the real basis on grids of unequal rings, by `SpinTransform`.

`real_basis` defines the coefficients E and B. This module converts between them and the complex
coefficients a of `SpinTransform`, and between fields (1, pixel, batch, channel) and (batch, pixel,
channel).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sphere_transforms.grids import Grid
from sphere_transforms.transform.spin_transform import SpinTransform

# The real and the imaginary component of a field, or E and B; or only the first of the two.
Components = tuple[jax.Array, ...]


@jax.tree_util.register_pytree_with_keys_class
class PixelTransform:
    """Analysis and synthesis as those of `RealBasisTransform`, on a grid of any rings."""

    def __init__(
        self, grid: Grid, spins: Iterable[int], band_limit: int, dtype: str, precision: Any
    ):
        """Makes the tables, with the arguments of `SpinTransform`."""
        self._transform = SpinTransform(grid, spins, band_limit, dtype=dtype, precision=precision)

    def analyze(self, spin: int, field: Components) -> Components:
        """Computes E and B, each (ell, m, 2, batch, channel); of a real scalar only E."""
        values = _joined(tuple(jnp.transpose(part[0], (1, 0, 2)) for part in field))
        return real_basis_coefficients(
            self._transform.forward({spin: values})[spin], with_b=len(field) == 2
        )

    def synthesize(self, spin: int, coefficients: Components) -> Components:
        """Computes the field from E and B, each component (1, pixel, batch, channel)."""
        is_real = len(coefficients) == 1
        values = self._transform.inverse(
            {spin: complex_coefficients(coefficients)}, real_scalars=is_real
        )[spin]
        parts = (values,) if is_real else (values.real, values.imag)
        return tuple(jnp.transpose(part, (1, 0, 2))[None] for part in parts)

    def tree_flatten_with_keys(self) -> tuple[Any, Any]:
        """Returns the transform as the only child."""
        return ((jax.tree_util.GetAttrKey("_transform"), self._transform),), None

    @classmethod
    def tree_unflatten(cls, static: Any, children: Any) -> PixelTransform:
        """The inverse of `tree_flatten_with_keys`."""
        del static
        self = object.__new__(cls)
        (self._transform,) = children
        return self


def real_basis_coefficients(coefficients: jax.Array, *, with_b: bool) -> Components:
    """Converts complex coefficients (batch, ell, m, channel), all m, to E and B, or only to E."""
    band_limit = coefficients.shape[1]
    plus = coefficients[:, :, band_limit - 1 :]
    minus = coefficients[:, :, band_limit - 1 :: -1]
    mirrored = _signs(band_limit, plus.dtype) * jnp.conj(minus)
    both = [(plus + mirrored) / 2]
    if with_b:
        both.append((plus - mirrored) / 2j)
    return tuple(
        jnp.transpose(
            jnp.stack([part.real, part.imag], 3) * _scales(band_limit, part.real.dtype),
            (1, 2, 3, 0, 4),
        )
        for part in both
    )


def complex_coefficients(components: Components) -> jax.Array:
    """Converts E and B, or only E, to complex coefficients (batch, ell, m, channel), all m."""
    band_limit = components[0].shape[0]
    scales = _scales(band_limit, components[0].dtype)
    # The second entry of m = 0 has no effect: its scale is zero.
    inverse = jnp.where(scales > 0, 1 / jnp.where(scales > 0, scales, 1), 0)
    parts = [jnp.transpose(values, (3, 0, 1, 2, 4)) * inverse for values in components]
    both = [jax.lax.complex(part[:, :, :, 0], part[:, :, :, 1]) for part in parts]
    mirrored = [_signs(band_limit, part.dtype) * jnp.conj(part) for part in both]
    plus, minus = _sum(both), _sum(mirrored)
    return jnp.concatenate([minus[:, :, :0:-1], plus], 2)


def _sum(both: list[jax.Array]) -> jax.Array:
    """E + i B, or E."""
    return both[0] + 1j * both[1] if len(both) == 2 else both[0]


def _joined(components: Components) -> jax.Array:
    return jax.lax.complex(*components) if len(components) == 2 else components[0]


def _signs(band_limit: int, dtype: Any) -> jax.Array:
    """(-1)^m for m >= 0, in a shape to multiply (batch, ell, m, channel)."""
    return jnp.asarray((-1.0) ** np.arange(band_limit), dtype)[None, None, :, None]


def _scales(band_limit: int, dtype: Any) -> jax.Array:
    """The factors of the real and the imaginary part of each order, (1, 1, m, 2, 1)."""
    scales = np.full((band_limit, 2), math.sqrt(2))
    scales[0] = 1, 0
    return jnp.asarray(scales, dtype)[None, None, :, :, None]
