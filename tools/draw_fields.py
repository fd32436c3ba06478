"""Draws the picture of sphere-transforms' README: a scalar, its gradient, and a field of spin 2.

Usage: python tools/draw_fields.py docs/images/fields.png   (needs matplotlib)
"""

from __future__ import annotations

import sys

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

import sphere_transforms as st
from sphere_transforms.drawing import draw_field

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def main(path: str) -> None:
    """Draws and writes the picture."""
    grid = st.EquiangularGrid(128)
    smooth = jnp.where(jnp.arange(grid.band_limit) < 7, 1.0, 0.0)
    scalar = st.random_coefficients(
        jax.random.key(8),
        {0: 1},
        grid.band_limit,
        real_scalars=True,
        power_spectrum={0: smooth},
    )[0]
    gradient = st.gradient(scalar)[1]
    # Spin 2: one of the components of the second derivatives, like a stress or an image shear.
    coefficients = {0: scalar, 1: gradient, 2: st.raise_spin({1: gradient})[2]}
    field = st.SpinTransform(grid, (0, 1, 2)).inverse(coefficients, real_scalars=True)
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.5), layout="constrained")
    titles = ["spin 0: a scalar", "spin 1: its gradient", "spin 2: raised once more"]
    for axis, (spin, values), title in zip(axes, sorted(field.items()), titles, strict=True):
        draw_field(np.asarray(values)[0, ..., 0], grid, spin=spin, ax=axis, num_glyphs=320)
        axis.set_title(title, fontsize=13)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main(sys.argv[1])
