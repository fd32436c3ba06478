"""Arrows, lines and stars that show the direction of a field of nonzero spin."""

from __future__ import annotations

from typing import Any

import numpy as np

from sphere_transforms.drawing.interpolation import interpolate
from sphere_transforms.drawing.projections import Orthographic, Projection
from sphere_transforms.grids import Grid, unit_vectors

# Length of the longest glyph, in units of the distance between glyphs.
_LENGTH = 1.1
_ARROW_HEAD = {"headwidth": 4.0, "headlength": 4.0, "headaxislength": 3.5, "minlength": 0.5}
_NO_HEAD = {"headwidth": 0.0, "headlength": 0.0, "headaxislength": 0.0, "minlength": 0.0}


def draw_glyphs(
    ax: Any,
    values: np.ndarray,
    grid: Grid,
    spin: int,
    projection: Projection,
    count: int,
    largest: float,
) -> list[Any]:
    """Draws |spin| spokes (for spin 1 and -1, an arrow) at points spread evenly over the sphere.

    Args:
      ax: matplotlib axes.
      values: one channel of a field, shape grid.shape.
      grid: the grid of the values.
      spin: the spin weight, not zero.
      projection: the projection of the drawing.
      count: number of glyphs on the whole sphere.
      largest: the modulus that is drawn as the longest glyph.

    Returns:
      The matplotlib artists.
    """
    theta, phi = _even_points(count)
    x, y, visible = projection.to_plane(theta, phi)
    # Leave out glyphs at the rim of the globe, where foreshortening makes them unreadable.
    visible &= np.hypot(x, y) < 0.97 if isinstance(projection, Orthographic) else True
    theta, phi, x, y = theta[visible], phi[visible], x[visible], y[visible]
    shown = interpolate(values, grid, spin, theta, phi)
    # The drawn area, divided among the glyphs that it shows; a globe shows half of them.
    width, height = projection.extent
    shown_count = count / 2 if isinstance(projection, Orthographic) else count
    spacing = np.sqrt(np.pi * width * height / shown_count)
    length = _LENGTH * spacing * np.abs(shown) / (largest or 1.0)
    arrow = abs(spin) == 1
    artists = []
    for spoke in range(abs(spin)):
        direction = np.angle(shown) / spin + 2 * np.pi * spoke / abs(spin)
        across, up = _directions(projection, theta, phi, direction)
        size = length if arrow else length / 2
        glyphs = ax.quiver(
            x,
            y,
            size * across,
            size * up,
            angles="xy",
            scale_units="xy",
            scale=1,
            units="xy",
            width=spacing * 0.08,
            pivot="mid" if arrow else "tail",
            color="black",
            zorder=3,
            **(_ARROW_HEAD if arrow else _NO_HEAD),
        )
        artists.append(glyphs)
    return artists


def _directions(
    projection: Projection, theta: np.ndarray, phi: np.ndarray, direction: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Unit tangent vectors in the plane: projected on the globe, scaled to length one on maps."""
    point, southward, eastward = unit_vectors(theta, phi)
    step = 1e-4
    cosine, sine = np.cos(direction)[:, None], np.sin(direction)[:, None]
    ahead = point + step * (cosine * southward + sine * eastward)
    ahead_theta = np.arctan2(np.hypot(ahead[:, 0], ahead[:, 1]), ahead[:, 2])
    ahead_phi = np.arctan2(ahead[:, 1], ahead[:, 0])
    x, y, _ = projection.to_plane(theta, phi)
    ahead_x, ahead_y, _ = projection.to_plane(ahead_theta, ahead_phi)
    across, up = (ahead_x - x) / step, (ahead_y - y) / step
    if isinstance(projection, Orthographic):
        return across, up
    size = np.maximum(np.hypot(across, up), 1e-12)
    # A step across the edge of the map ends at the opposite edge: draw nothing.
    size[size * step > projection.extent[0] / 2] = np.nan
    return across / size, up / size


def _even_points(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points spread evenly over the sphere, on a Fibonacci spiral."""
    index = np.arange(count) + 0.5
    theta = np.arccos(1 - 2 * index / count)
    return theta, np.pi * (1 + np.sqrt(5)) * index % (2 * np.pi)
