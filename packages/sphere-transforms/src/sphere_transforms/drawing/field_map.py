"""One map in colours and glyphs, on a globe or a map of the whole sphere."""

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

# Light falls onto the globe from the upper left, from behind the eye.
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
    """Draws one map: the globe from one side, or the whole sphere.

    Spin 0 is drawn in colour. Of other spins the colour is the modulus, and glyphs show the
    direction: arrows for spin 1 and -1, tangent vectors with the components (southward, eastward) =
    (real, imaginary part), for spin -1 of the conjugate. A value r exp(i a) of another spin s means
    the same when turned by 2 pi / |s|: it is drawn as |s| spokes from the south by a / s
    counterclockwise, towards the east, and so on around, which for spin 2 is a line without a head
    (a polarisation). Lengths are proportional to the modulus, and foreshortened on the globe.

    The sphere is seen from outside, with east to the right. Pictures are interpolated between
    samples, and so are no more than pictures.

    Args:
      values: shape grid.shape, one map: of a field, field[spin][0, ..., 0]. Real for spin 0.
      grid: where it is sampled.
      spin: its spin weight.
      ax: matplotlib axes; None makes a figure.
      projection: "orthographic" (a globe), "mollweide" (an ellipse, areas true), or
        "equirectangular" (longitude across, colatitude down).
      center: colatitude and longitude of the middle, in radians. The maps of the whole sphere heed
        the longitude alone.
      colormap: matplotlib's; None takes one that fits: diverging where spin 0 has both signs.
      limits: values at the ends of the colormap; None are the extremes, symmetric about zero where
        spin 0 has both signs, and from zero to the largest modulus for other spins.
      num_glyphs: on the whole sphere; 0 draws none.
      nearest: show the nearest sample, so that samples are seen, instead of interpolating.
      shading: shade the globe.
      graticule: draw parallels and meridians every 30 degrees.
      num_pixels: height of the picture.

    Returns:
      The matplotlib image; `plt.colorbar(image)` adds its scale, `image.axes` are its axes.

    Raises:
      ImportError: matplotlib is not installed.
      ValueError: the values are not on the grid, or complex for spin 0; or an unknown projection.
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
    # Two pixels more than is seen: the outline cuts them off, without the steps of a mask.
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
    # Only every third meridian reaches the poles, where all would run together.
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
    """Draws the picture's outline, and cuts off what is beyond."""
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
    # Where the modulus is large, viridis is bright and dark arrows are long.
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
