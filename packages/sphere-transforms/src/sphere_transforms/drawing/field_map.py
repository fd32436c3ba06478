"""Draws a sampled field in colours and glyphs, on a globe or on a map of the whole sphere."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from sphere_transforms.drawing.glyphs import draw_glyphs
from sphere_transforms.drawing.interpolation import interpolate
from sphere_transforms.drawing.projections import (
    Equirectangular,
    Mollweide,
    Orthographic,
    Projection,
)
from sphere_transforms.grids import Grid

# Direction towards the light: from the upper left and from behind the viewer.
_LIGHT = np.array([-0.35, 0.45, 0.82])


def draw_field(
    values: Any,
    grid: Grid,
    *,
    spin: int = 0,
    ax: Any = None,
    projection: str = "orthographic",
    center: tuple[float, float] = (np.pi / 3, 0.0),
    colormap: Any = None,
    limits: tuple[float, float] | None = None,
    num_glyphs: int = 500,
    nearest: bool = False,
    shading: bool = True,
    graticule: bool = True,
    num_pixels: int = 600,
) -> Any:
    """Draws one channel of a field: on a globe seen from one side, or on a map of the whole sphere.

    For spin 0, the colour shows the value. For other spins, the colour shows the modulus and glyphs
    show the direction:

    - Spin 1 and -1: arrows. The southward and eastward components of the tangent vector are the
      real and imaginary components of the value (for spin -1, of its conjugate).
    - Any other spin s: a value r exp(i a) is unchanged by a rotation by 2 pi / |s|, so it is drawn
      as |s| spokes at equal angles. The first spoke is at the angle a / s from south,
      counterclockwise (towards east). For spin 2 this is a line without an arrowhead, as for a
      polarisation.

    The length of a glyph is proportional to the modulus. On the globe, glyphs are foreshortened.

    The sphere is seen from outside, with east to the right. Values between the samples are
    interpolated for display; they are not exact.

    Args:
      values: shape grid.shape, for example field[spin][0, ..., 0]. Must be real for spin 0.
      grid: the grid of the values.
      spin: the spin weight.
      ax: matplotlib axes. None creates a figure.
      projection: "orthographic" (a globe), "mollweide" (an equal-area ellipse), or
        "equirectangular" (longitude across, colatitude down).
      center: colatitude and longitude of the centre of the drawing, in radians. The maps of the
        whole sphere use only the longitude.
      colormap: a matplotlib colormap. None chooses a diverging one if spin 0 has both signs, else a
        sequential one.
      limits: values at the two ends of the colormap. None uses the extremes for spin 0, symmetric
        about zero if there are both signs; for other spins, zero and the largest modulus.
      num_glyphs: number of glyphs on the whole sphere; 0 draws none.
      nearest: show the nearest sample instead of interpolating, so that the samples are visible.
      shading: shade the globe.
      graticule: draw parallels and meridians every 30 degrees.
      num_pixels: height of the image in pixels.

    Returns:
      The matplotlib image. `plt.colorbar(image)` adds a colour bar; `image.axes` are the axes.

    Raises:
      ImportError: matplotlib is not installed.
      ValueError: the values do not have the shape of the grid, values of spin 0 are complex, or the
        projection is unknown.
    """
    plt = _pyplot()
    values = _checked(values, grid, spin)
    projected = _projection(projection, center)
    if ax is None:
        _, ax = plt.subplots(figsize=(4 * projected.extent[0], 4), layout="constrained")
    image = _draw_colours(ax, values, grid, spin, projected, nearest, num_pixels)
    image.set_cmap(colormap or _default_colormap(values, spin))
    image.set_clim(*(limits or _default_limits(values, spin)))
    if shading and projection == "orthographic":
        _draw_shade(ax, projected, num_pixels)
    if graticule:
        _draw_graticule(ax, projected)
    if spin and num_glyphs:
        glyphs = draw_glyphs(ax, values, grid, spin, projected, num_glyphs, image.get_clim()[1])
        for artist in glyphs:
            _clip(ax, artist, projected)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return image


def _draw_colours(
    ax: Any,
    values: np.ndarray,
    grid: Grid,
    spin: int,
    projection: Projection,
    nearest: bool,
    num_pixels: int,
) -> Any:
    x, y = _pixel_centres(projection, num_pixels)
    theta, phi, _ = projection.to_sphere(x, y)
    # Fill two pixels beyond the outline. The outline clips them, and its edge stays smooth.
    shrink = 1 - 4 / num_pixels
    inside = projection.to_sphere(x * shrink, y * shrink)[2]
    picture = np.ma.masked_all(x.shape)
    shown = interpolate(values, grid, spin, theta[inside], phi[inside], nearest=nearest)
    picture[inside] = np.abs(shown) if spin else shown
    return _show(ax, picture, projection)


def _draw_shade(ax: Any, projection: Projection, num_pixels: int) -> None:
    x, y = _pixel_centres(projection, num_pixels)
    depth = np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    bright = np.maximum(x * _LIGHT[0] + y * _LIGHT[1] + depth * _LIGHT[2], 0)
    shade = np.zeros((*x.shape, 4))
    shade[..., 3] = 0.4 * (1 - bright) ** 1.5
    _show(ax, shade, projection)


def _draw_graticule(ax: Any, projection: Projection) -> None:
    along = np.linspace(0, 1, 361)
    parallels = [(np.full(361, t), 2 * np.pi * along) for t in np.pi / 6 * np.arange(1, 6)]
    # Only every third meridian reaches the poles, so that the lines do not merge there.
    meridians = [
        (margin + (np.pi - 2 * margin) * along, np.full(361, np.pi / 6 * k))
        for k in range(12)
        for margin in [0 if k % 3 == 0 else np.pi / 12]
    ]
    for theta, phi in parallels + meridians:
        x, y, visible = projection.to_plane(theta, phi)
        jump = np.abs(np.diff(x, prepend=x[0])) > projection.extent[0] / 2
        x = np.where(visible & ~jump, x, np.nan)
        ax.plot(x, y, color="black", alpha=0.2, linewidth=0.5, zorder=2)


def _pixel_centres(projection: Projection, num_pixels: int) -> tuple[np.ndarray, np.ndarray]:
    width, height = projection.extent
    columns = round(num_pixels * width / height)
    x = width * ((np.arange(columns) + 0.5) * 2 / columns - 1)
    y = height * (1 - (np.arange(num_pixels) + 0.5) * 2 / num_pixels)
    grid_x, grid_y = np.meshgrid(x, y)
    return grid_x, grid_y


def _show(ax: Any, picture: np.ndarray, projection: Projection) -> Any:
    width, height = projection.extent
    image = ax.imshow(picture, extent=(-width, width, -height, height), interpolation="bilinear")
    ax.set_xlim(-1.02 * width, 1.02 * width)
    ax.set_ylim(-1.02 * height, 1.02 * height)
    _clip(ax, image, projection)
    return image


def _clip(ax: Any, artist: Any, projection: Projection) -> None:
    """Draws the outline of the projection, and clips the artist to it."""
    from matplotlib import patches

    width, height = projection.extent
    if isinstance(projection, Equirectangular):
        outline: Any = patches.Rectangle((-width, -height), 2 * width, 2 * height)
    else:
        outline = patches.Ellipse((0, 0), 2 * width, 2 * height)
    outline.set(facecolor="none", edgecolor="0.3", linewidth=0.8, zorder=4)
    ax.add_patch(outline)
    artist.set_clip_path(outline)


def _default_colormap(values: np.ndarray, spin: int) -> str:
    # viridis is bright where the modulus is large, so the dark arrows stand out there.
    if spin == 0 and values.min() < 0 < values.max():
        return "RdBu_r"
    return "viridis"


def _default_limits(values: np.ndarray, spin: int) -> tuple[float, float]:
    largest = float(np.abs(values).max())
    if spin:
        return 0.0, largest
    if values.min() < 0 < values.max():
        return -largest, largest
    return float(values.min()), float(values.max())


def _projection(name: str, center: tuple[float, float]) -> Projection:
    if name == "orthographic":
        return Orthographic(center)
    if name == "mollweide":
        return Mollweide(center[1])
    if name == "equirectangular":
        return Equirectangular(center[1])
    raise ValueError(
        f"draw_field: projection is {name!r}; choose 'orthographic', 'mollweide' or "
        "'equirectangular'."
    )


def _checked(values: Any, grid: Grid, spin: int) -> np.ndarray:
    values = np.asarray(values)
    if values.shape != tuple(grid.shape):
        raise ValueError(
            f"draw_field: values have shape {values.shape}; {grid!r} holds one map of shape "
            f"{tuple(grid.shape)}: take one example and channel, field[spin][0, ..., 0]."
        )
    if spin == 0 and np.iscomplexobj(values):
        raise ValueError(
            "draw_field: values of spin 0 are complex; draw their .real, .imag or absolute value."
        )
    return values


def _pyplot() -> types.ModuleType:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'draw_field needs matplotlib: pip install "sphere-transforms[plot]"'
        ) from error
    return plt
