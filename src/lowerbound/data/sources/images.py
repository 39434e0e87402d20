"""Images, one a row: a folder of them, folders by class, one file, the pages of one file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lowerbound.archive.records import Reading
from lowerbound.data.errors import DataError
from lowerbound.data.sources.contents import Contents
from lowerbound.data.sources.held import check_unpacked, whole

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["IMAGE_ENDINGS", "read_image", "read_images"]

_FORMATS = {
    **{".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP"},
    **{".tif": "TIFF", ".tiff": "TIFF", ".gif": "GIF"},
}
IMAGE_ENDINGS = tuple(_FORMATS)
# What Pillow calls them: one bit, grey of 8 and of 16 bits, colour; and the modes by the names of the option.
_MODES = {"1": "bool", "L": "uint8", "I;16": "uint16", "RGB": "uint8"}
_ASKED = {"grey": "L", "colour": "RGB"}
_PILLOW = sorted(set(_FORMATS.values()))
_ORIENTATION = 0x0112  # the tag of EXIF


class _Frame(NamedTuple):
    """An image in a file: the only one, or that of a number."""

    path: Path
    page: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.page is None else f"{self.path}, page {self.page}"


def read_images(folder: Path, reading: Reading) -> Contents:
    """The images in `folder`, sorted by name: (n, height, width), and (n, height, width, 3) in colour. Of a
    folder that has none but folders of images, these are classes, whose names are the labels.

    All are looked at before any is decoded, and shown the way up that their camera says. Other files and
    hidden ones are left alone. `reading` may say of what size and mode all are to be.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for no images, and for images of several sizes
    or of a mode that has more than values of grey or of three colours, with the option that converts them.
    """
    paths = _images_in(folder)
    if paths:
        stacked = _stacked([_Frame(path) for path in paths], reading)
        return Contents(stacked, files=tuple(path.name for path in paths))
    classes = {
        inner.name: found
        for inner in sorted(folder.iterdir())
        if inner.is_dir() and inner.name[0] != "." and (found := _images_in(inner))
    }
    if not classes:
        raise DataError(folder, f"a folder of images ({', '.join(_FORMATS)})", "none in it")
    frames = [_Frame(path) for found in classes.values() for path in found]
    labels = np.repeat(list(classes), [len(found) for found in classes.values()])
    note = f"the names of {len(classes)} folders are labels, not data"
    files = tuple(f"{frame.path.parent.name}/{frame.path.name}" for frame in frames)
    return Contents(_stacked(frames, reading), labels, "folder", (note,), files)


def read_image(path: Path, reading: Reading) -> Contents:
    """The one image in a file, or each of its pages, a row each."""
    from PIL import Image

    with warnings.catch_warnings(), whole(path, "image"):
        warnings.simplefilter("ignore")  # of size, which is looked at below
        with Image.open(path, formats=_PILLOW) as image:
            pages = getattr(image, "n_frames", 1)
            _check_size(path, image, pages)
    frames = [_Frame(path)] if pages == 1 else [_Frame(path, number) for number in range(pages)]
    return Contents(_stacked(frames, reading))


def _images_in(folder: Path) -> list[Path]:
    return sorted(
        p for p in folder.iterdir() if p.suffix.lower() in _FORMATS and p.name[0] != "." and p.is_file()
    )


def _check_size(path: Path, image: Image, pages: int) -> None:
    """Whether a file may hold so many pages of the size of an image that is opened and not yet decoded."""
    pixels = image.size[0] * image.size[1] * pages * len(image.getbands())
    check_unpacked(path, path.stat().st_size, pixels, "make it smaller")


def _stacked(frames: Sequence[_Frame], reading: Reading) -> np.ndarray:
    """The images as one array, of one size and mode, which are looked at before any is decoded."""
    size: tuple[int, ...] = ()
    mode = ""
    for frame in frames:
        with _opened(frame) as image:
            found = (reading.size or image.size, _mode(image, frame, reading.mode))
        if frame is frames[0]:
            size, mode = found
        if found != (size, mode):
            expected = f"{_words(size, mode)}, as {frames[0].path.name} is"
            way_out = f"--size {size[0]}x{size[1]}" if found[0] != size else "--mode colour"
            raise DataError(frame, expected, _words(*found), way_out=f"{way_out} makes all images alike")
    colour = (3,) if mode == "RGB" else ()
    images = np.empty((len(frames), size[1], size[0], *colour), _MODES[mode])
    for row, frame in zip(images, frames, strict=True):
        with _opened(frame) as image:
            row[...] = _values(image, mode, size)
    return images


@contextmanager
def _opened(frame: _Frame) -> Iterator[Image]:
    """An image, the way up that its camera says, decoded where it has to be turned alone."""
    from PIL import Image, ImageOps

    with warnings.catch_warnings(), whole(frame.path, "image"):
        warnings.simplefilter("ignore")  # of odd metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(frame.path, formats=_PILLOW) as image:
            _check_size(frame.path, image, 1)
            if frame.page is not None:
                image.seek(frame.page)
            elif (pages := getattr(image, "n_frames", 1)) > 1:
                way_out = "save each by itself, or name the file alone, of which each is a row"
                raise DataError(frame, "one image a file", f"{pages}", way_out=way_out)
            turned = image.getexif().get(_ORIENTATION, 1) != 1
            yield ImageOps.exif_transpose(image) if turned else image


def _mode(image: Image, frame: _Frame, asked: str | None) -> str:
    """The mode in which an image is read: the one that was asked for, or its own; of a palette, as every GIF
    may have, what its colours amount to."""
    if asked is not None and image.mode != "F":
        return _ASKED[asked]
    if image.mode == "P":
        colours = np.reshape(image.getpalette("RGB") or [], (-1, 3))
        return "L" if (colours == colours[:, :1]).all() else "RGB"
    if image.mode not in _MODES:
        way_out = "--mode grey or --mode colour converts it"
        if image.mode == "F":
            way_out = "save its numbers as an array, .npy"
        raise DataError(frame, "a grey or an RGB image", f"mode {image.mode}", way_out=way_out)
    return image.mode


def _values(image: Image, mode: str, size: tuple[int, ...]) -> np.ndarray:
    """The pixels in another mode and size: of what is transparent, on white; of 16 bits, as 8."""
    from PIL import Image

    if image.mode != mode:
        if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
            above = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
        elif image.mode.startswith("I"):
            image = Image.fromarray(np.rint(np.asarray(image, np.float64) / 257).astype(np.uint8))
        image = image.convert(mode)
    if image.size == size:
        return np.asarray(image)
    if mode == "I;16":  # which Pillow does not average
        return np.rint(np.asarray(Image.fromarray(np.asarray(image, np.float32)).resize((size[0], size[1]))))
    return np.asarray(image.resize((size[0], size[1]), Image.Resampling.LANCZOS))


def _words(size: tuple[int, ...], mode: str) -> str:
    return f"{size[0]} × {size[1]} in mode {mode}"
