"""Draws a digit on the sphere, the rotated digit, and one spin-1 feature of each.

Usage: python tools/draw_equivariance.py docs/images/equivariance.png   (needs matplotlib)
"""

from __future__ import annotations

import sys

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from flax import nnx

import sphere_transforms as st
import spin_layers as sl
from spin_data.digits import load

matplotlib.use("Agg")
import matplotlib.pyplot as plt

VIEW = (np.deg2rad(-90), np.deg2rad(165), np.deg2rad(90))
ANGLES = (0.3, 0.45, 0.9)


def main(path: str) -> None:
    """Draws and writes the picture."""
    grid = st.EquiangularGrid(64)
    digit = smooth_digit(grid)
    layer = sl.SpinConvolution(grid, {0: 1}, {1: 1}, filter_values=6, rngs=nnx.Rngs(3))
    transform = st.SpinTransform(grid, (0, 1))
    turned = st.rotate_coefficients(transform.forward({0: digit}), ANGLES)
    fields = [digit, transform.inverse(turned)[0].real]
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.4), facecolor="white")
    titles = ["a digit", "its spin-1 feature", "the digit, rotated", "its feature, rotated alike"]
    for index, field in enumerate(fields):
        feature = layer({0: field})[1]
        draw_scalar(axes[2 * index], transform, field)
        draw_vectors(axes[2 * index + 1], transform, field, feature)
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=12)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def smooth_digit(grid: st.EquiangularGrid) -> jax.Array:
    """Returns a real digit with damped high degrees, which would cause ringing."""
    images = load(rotated=False, resolution=64).splits["test"]
    index = next(i for i in range(len(images)) if images[i]["label"] == 5)
    raw = np.asarray(images[index]["input"]["spin_0"])[None].astype(np.float32) / 255
    coefficients = st.SpinTransform(grid, (0,)).forward({0: jnp.asarray(raw)})[0]
    fall = jnp.exp(-((jnp.arange(grid.band_limit) / 22.0) ** 2))[None, :, None, None]
    return st.SpinTransform(grid, (0,)).inverse({0: coefficients * fall})[0].real


def visible_points(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns the points of a disk, and the colatitudes and longitudes that they show."""
    x, y = np.meshgrid(np.linspace(-1, 1, count), np.linspace(1, -1, count))
    inside = x**2 + y**2 < 0.995
    towards = np.stack([x, y, np.sqrt(np.maximum(0, 1 - x**2 - y**2))], -1)
    # The viewer looks down the z axis of a rotated frame.
    points = towards @ st.rotation_matrix(VIEW).T
    theta = np.arccos(np.clip(points[..., 2], -1, 1))
    return x, y, inside, np.stack([theta, np.arctan2(points[..., 1], points[..., 0])])


def evaluate(transform: st.SpinTransform, field: jax.Array, spin: int, angles: np.ndarray):
    """Evaluates the band-limited field at any angles."""
    coefficients = np.asarray(transform.forward({spin: field})[spin][0, :, :, 0])
    harmonics = st.spin_spherical_harmonics(transform.band_limit, spin, *angles)
    return np.einsum("lm,...lm->...", coefficients, harmonics)


def draw_scalar(axis, transform: st.SpinTransform, field: jax.Array) -> None:
    """Draws an orthographic view of a scalar field."""
    _, _, inside, angles = visible_points(180)
    values = np.where(inside, evaluate(transform, field, 0, angles).real, np.nan)
    axis.imshow(values, extent=(-1, 1, -1, 1), cmap="magma", vmin=-0.05, vmax=0.8)
    axis.axis("off")


def draw_vectors(axis, transform: st.SpinTransform, field: jax.Array, feature: jax.Array) -> None:
    """Draws a field of spin 1 as tangent arrows, over a faint scalar field."""
    _, _, inside, angles = visible_points(180)
    values = np.where(inside, evaluate(transform, field, 0, angles).real, np.nan)
    axis.imshow(values, extent=(-1, 1, -1, 1), cmap="Greys", vmin=-0.1, vmax=1.6)
    x, y, inside, angles = visible_points(27)
    theta, phi = angles
    vector = evaluate(transform, feature, 1, angles)
    along_theta = np.stack(
        [np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), -np.sin(theta)], -1
    )
    along_phi = np.stack([-np.sin(phi), np.cos(phi), np.zeros_like(phi)], -1)
    tangent = vector.real[..., None] * along_theta + vector.imag[..., None] * along_phi
    seen = tangent @ st.rotation_matrix(VIEW)
    axis.quiver(
        x[inside],
        y[inside],
        seen[inside][:, 0],
        seen[inside][:, 1],
        color="#b3003c",
        scale=9 * np.abs(vector[inside]).max(),
        width=0.009,
    )
    axis.axis("off")


if __name__ == "__main__":
    main(sys.argv[1])
