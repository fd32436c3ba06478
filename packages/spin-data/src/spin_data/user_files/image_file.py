"""Reads image files as fields on the sphere."""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sphere_transforms import Grid
from spin_data.image_reading import ImageReading
from spin_data.projection.panorama import sample_panorama
from spin_data.projection.stereographic import project_images
from spin_data.user_files.libtiff_messages import captured_libtiff_messages

__all__ = [
    "IMAGE_ENDINGS",
    "OTHER_IMAGE_ENDINGS",
    "field_of_image",
    "image_size",
    "is_image",
    "read_image",
    "read_panorama",
]

IMAGE_ENDINGS = (
    *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
OTHER_IMAGE_ENDINGS = (
    *(".avif", ".dng", ".exr", ".fits", ".hdr", ".heic", ".heif", ".j2k", ".jp2", ".jxl", ".pcx"),
    *(".psd", ".raw", ".svg", ".tga"),
)
"""Endings of images that are not read. They are refused: other files beside images are ignored."""

# A panorama is twice as wide as high, up to this share of its width or this number of pixels.
_STRETCH = 0.05
_ROUNDING = 2

_EXIF_ORIENTATION = 0x0112
_QUARTER_TURNS = (5, 6, 7, 8)  # orientations in which rows and columns are exchanged

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"}


def field_of_image(
    file: str | os.PathLike[str],
    grid: Grid,
    reading: ImageReading,
    *,
    grayscale: bool = False,
    angles: Sequence[ArrayLike] | None = None,
) -> np.ndarray:
    """Reads an image as a field of spin 0, as records contain it.

    Args:
      file: the image.
      grid: the field's grid; finer pixels are averaged.
      reading: how the image becomes a field.
      grayscale: return one channel, instead of red, green and blue.
      angles: as for `read_image`; only for flat images.

    Returns:
      uint8 (*grid.shape, channel): values in [0, 1], times 255.

    Raises:
      ValueError: as for `read_image`, or the image is not a panorama.
      OSError: the file cannot be opened.
    """
    options: dict[str, Any] = {"grayscale": grayscale, "inverted": reading.inverted}
    if reading.projection == "panorama":
        values = read_panorama(file, grid, **options)
    else:
        values = read_image(file, grid, angles=angles, **options)
    return np.rint(values).astype(np.uint8)


def read_image(
    file: str | os.PathLike[str],
    grid: Grid,
    *,
    grayscale: bool = False,
    inverted: bool = False,
    angles: Sequence[ArrayLike] | None = None,
) -> np.ndarray:
    """Reads a flat image and projects it onto the sphere with `project_images`.

    Args:
      file: the image; an image that is not square is padded with black.
      grid: the field's grid; finer pixels are averaged.
      grayscale: return one channel, instead of red, green and blue.
      inverted: invert the brightness first. Use it for dark ink on bright paper if the model was
        trained on bright digits on black, such as MNIST.
      angles: ZYZ Euler angles of a rotation, as for `project_images`, each (1,).

    Returns:
      float32 (*grid.shape, channel) in [0, 255].

    Raises:
      ValueError: the file is not an image, is damaged, has too many pixels, or its pixels are not
        grey or colour values of eight bits.
      OSError: the file cannot be opened.
    """
    from PIL import ImageOps

    image = _open(Path(file), grayscale, inverted)
    resolution = int(max(grid.ring_lengths))
    if (longest := max(image.size)) > resolution:
        scale = resolution / longest
        image = _averaged(image, *(max(1, round(scale * pixels)) for pixels in image.size))
    side = max(image.size)
    image = ImageOps.pad(image, (side, side)) if image.width != image.height else image
    return project_images(_channels(image)[None], grid, angles)[0]


def read_panorama(
    file: str | os.PathLike[str], grid: Grid, *, grayscale: bool = False, inverted: bool = False
) -> np.ndarray:
    """Reads an equirectangular panorama and samples it with `sample_panorama`.

    Args:
      file: the image.
      grid: the field's grid; finer pixels are averaged.
      grayscale: return one channel, instead of red, green and blue.
      inverted: invert the brightness first.

    Returns:
      float32 (*grid.shape, channel) in [0, 255].

    Raises:
      ValueError: as for `read_image`, or the image is not about twice as wide as high.
      OSError: the file cannot be opened.
    """
    image = _open(Path(file), grayscale, inverted)
    if abs(image.width - 2 * image.height) > max(_ROUNDING, _STRETCH * image.width):
        raise ValueError(
            f"{file}: {image.width} x {image.height} pixels, but a panorama of the whole sphere is "
            "twice as wide as high; add the missing part (in black, say), or use it as a flat image"
        )
    rows, columns = len(grid.ring_lengths), int(max(grid.ring_lengths))
    if image.height > 2 * rows or image.width > 2 * columns:
        # The averaged areas do not extend across the edge of the image.
        image = _averaged(image, 2 * columns, 2 * rows)
    return sample_panorama(_channels(image), grid)


def is_image(file: Path) -> bool:
    """Returns whether a path is a file with an image's ending."""
    return file.suffix.lower() in IMAGE_ENDINGS and file.is_file()


def image_size(file: str | os.PathLike[str]) -> tuple[int, int]:
    """Returns the width and the height of an image in pixels, without reading its pixels.

    They are those of the upright image, which its EXIF data may turn by 90 degrees.

    Raises:
      ValueError: the file is not an image, is damaged, or has too many pixels.
      OSError: the file cannot be opened.
    """
    with _reading(Path(file)) as image:
        width, height = image.size
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
        return (height, width) if orientation in _QUARTER_TURNS else (width, height)


def _open(file: Path, grayscale: bool, inverted: bool) -> Any:
    """Opens an image, orients it by its EXIF data, and converts it to one or three channels.

    Transparent pixels are black in the result, also if it is inverted.

    Raises:
      ValueError: the file is not an image, is damaged, has too many pixels, or its pixels are not
        grey or colour values of eight bits.
    """
    from PIL import Image, ImageOps

    with _reading(file) as image:
        if image.mode not in _MODES:
            raise _UnusablePixelsError(
                f"{file}: pixels of mode {image.mode!r}; save it as RGB or grey with eight bits, "
                "or save its values as fields (see the dataset `fields`)"
            )
        image.load()
        upright: Any = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            paper = 255 if inverted else 0
            behind = Image.new("RGBA", upright.size, (paper, paper, paper, 255))
            upright = Image.alpha_composite(behind, upright.convert("RGBA"))
        converted = upright.convert("L" if grayscale else "RGB")
        return ImageOps.invert(converted) if inverted else converted


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[Any]:
    """Opens an image of one of the formats that are read; errors name the file.

    Pillow knows many more formats, by their contents. One starts another program (PostScript),
    others fail in ways of their own on damaged files.

    Raises:
      ValueError: the file is not an image of these formats, is damaged, or has too many pixels.
      OSError: the file cannot be opened.
    """
    from PIL import Image, UnidentifiedImageError

    if not stat.S_ISREG(os.stat(file).st_mode):  # reading a pipe would wait for its writer
        raise ValueError(f"{file}: not a regular file; replace or remove it")
    messages: list[str] = []
    try:
        with file.open("rb") as content, contextlib.ExitStack() as stack:
            if content.read(4) in _TIFF_STARTS:
                messages = stack.enter_context(captured_libtiff_messages())
            content.seek(0)
            with Image.open(content, formats=_FORMATS) as image:
                yield image
    except _UnusablePixelsError:
        raise
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{file}: more than {2 * (Image.MAX_IMAGE_PIXELS or 0)} pixels; make it smaller"
        ) from error
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{file}: cannot be read (not an image of the formats {', '.join(_FORMATS)}); "
            "replace or remove it"
        ) from error
    except Exception as error:  # damaged files cause exceptions of many types in decoders
        why = "; ".join([str(error) or type(error).__name__, *messages[:1]])
        raise ValueError(f"{file}: cannot be read ({why}); replace or remove it") from error


class _UnusablePixelsError(ValueError):
    """An intact image whose pixels are not grey or colour values of eight bits."""


def _averaged(image: Any, width: int, height: int) -> Any:
    from PIL import Image

    size = min(image.width, width), min(image.height, height)
    return image.resize(size, Image.Resampling.BOX)


def _channels(image: Any) -> np.ndarray:
    array = np.asarray(image, np.float32)
    return array if array.ndim == 3 else array[..., None]
