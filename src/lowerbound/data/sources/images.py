"""A folder of images, one a row."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.sources.held import whole

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["image_paths", "read_images"]

_ENDINGS = {
    **{".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP"},
    **{".tif": "TIFF", ".tiff": "TIFF", ".gif": "GIF"},
}
# What Pillow calls them: one bit, grey of 8 and of 16 bits, colour.
_MODES = {"1": "bool", "L": "uint8", "I;16": "uint16", "RGB": "uint8"}


def image_paths(folder: Path) -> list[Path]:
    """The images in `folder`, sorted by name; other files and hidden ones are left alone."""
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS and path.name[0] != "."
    )


def read_images(folder: Path) -> np.ndarray:
    """The images in `folder`, sorted by name: (n, height, width), and (n, height, width, 3) in colour.

    All are looked at before any is decoded. Other files, hidden ones and folders within are left alone.
    """
    paths = image_paths(folder)
    if not paths:
        raise DataError(folder, f"a folder of images ({', '.join(_ENDINGS)})", "none in it")
    size, mode = (0, 0), ""
    for path in paths:
        with _image(path) as image:
            found = (image.size, _mode(image))
        if path is paths[0]:
            size, mode = found
        if found != (size, mode):
            expected = f"{_words(size, mode)}, as {paths[0].name} is"
            way_out = "make all images of one size and mode"
            raise DataError(path, expected, _words(*found), way_out=way_out)
    colour = (3,) if mode == "RGB" else ()
    images = np.empty((len(paths), size[1], size[0], *colour), _MODES[mode])
    for row, path in zip(images, paths, strict=True):
        with _image(path) as image:
            row[...] = np.asarray(image if image.mode == mode else image.convert(mode))
    return images


@contextmanager
def _image(path: Path) -> Iterator[Image]:
    """The one image in `path`, opened and not yet decoded."""
    from PIL import Image

    with warnings.catch_warnings(), whole(path, "image"):
        warnings.simplefilter("ignore")  # of odd metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=sorted(set(_ENDINGS.values()))) as image:
            if (frames := getattr(image, "n_frames", 1)) > 1:
                raise DataError(path, "one image a file", f"{frames}", way_out="save each by itself")
            if _mode(image) not in _MODES:
                way_out = 'convert it (Pillow: image.convert("RGB"))'
                raise DataError(path, "a grey or an RGB image", f"mode {image.mode}", way_out=way_out)
            yield image


def _mode(image: Image) -> str:
    """The image's mode; of a palette, as every GIF may have, what its colours amount to."""
    if image.mode != "P":
        return image.mode
    colours = np.reshape(image.getpalette("RGB") or [], (-1, 3))
    return "L" if (colours == colours[:, :1]).all() else "RGB"


def _words(size: tuple[int, int], mode: str) -> str:
    return f"{size[0]} × {size[1]} in mode {mode}"
