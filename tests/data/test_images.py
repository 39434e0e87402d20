"""Images as people have them: of several sizes and modes, turned, in folders by class, in pages of a file."""

import numpy as np
import pytest
from PIL import Image

import lowerbound as lb
from lowerbound.archive.records import Reading
from lowerbound.data.errors import DataError
from lowerbound.data.sources import open_source

X = np.arange(4 * 6, dtype=np.uint8).reshape(4, 6) * 10
COLOUR = np.stack([X, 255 - X, X // 2], axis=-1)


def read(path, **asked):
    return open_source(str(path), reading=Reading.of(**asked))


def test_images_of_several_sizes_are_refused_with_the_option_that_makes_them_one(tmp_path):
    Image.new("L", (6, 4), 90).save(tmp_path / "a.png")
    Image.new("L", (12, 8), 30).save(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"found 12 × 8 in mode L; --size 6x4 makes all images alike"):
        read(tmp_path)
    source = read(tmp_path, size=(3, 2))
    assert source.image_shape == (2, 3)
    np.testing.assert_array_equal(source.x, np.repeat([[90], [30]], 6, axis=1))


@pytest.mark.parametrize(
    ("image", "grey"),
    [
        (Image.new("RGBA", (6, 4), (0, 0, 0, 0)), 255),  # on white
        (Image.new("LA", (6, 4), (40, 255)), 40),
        (Image.new("I;16", (6, 4), 257 * 99), 99),
        (Image.new("RGB", (6, 4), (77, 77, 77)), 77),
        (Image.new("1", (6, 4), 1), 255),
    ],
    ids=lambda value: getattr(value, "mode", ""),
)
def test_every_mode_is_grey_where_that_is_asked_for(tmp_path, image, grey):
    image.save(tmp_path / "a.png")
    source = read(tmp_path, mode="grey")
    np.testing.assert_array_equal(source.x, np.full((1, 24), grey))
    assert (source.x.dtype, source.image_shape) == (np.uint8, (4, 6))
    assert read(tmp_path, mode="colour").image_shape == (4, 6, 3)


def test_what_is_no_grey_or_rgb_image_is_refused_with_the_option(tmp_path):
    Image.new("CMYK", (6, 4), (0, 0, 0, 0)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match="found mode CMYK; --mode grey or --mode colour converts it"):
        read(tmp_path)
    np.testing.assert_array_equal(read(tmp_path, mode="colour").x, np.full((1, 72), 255))
    Image.new("L", (6, 4)).save(tmp_path / "b.tif")
    with pytest.raises(DataError, match="found mode CMYK"):
        read(tmp_path)


def test_one_mode_for_grey_and_colour(tmp_path):
    Image.fromarray(X).save(tmp_path / "a.png")
    Image.fromarray(COLOUR).save(tmp_path / "b.png")
    with pytest.raises(DataError, match="--mode colour makes all images alike"):
        read(tmp_path)
    x = read(tmp_path, mode="colour").x
    np.testing.assert_array_equal(x, [np.repeat(X.ravel(), 3), COLOUR.ravel()])


def test_an_image_is_the_way_up_that_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(X).save(tmp_path / "a.png", exif=exif)
    source = read(tmp_path)
    assert source.image_shape == (6, 4)
    np.testing.assert_array_equal(source.x[0].reshape(6, 4), np.rot90(X, -1))


def test_folders_of_images_are_classes(tmp_path):
    for name, level in (("rose", 10), ("lily", 20)):
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.new("L", (2, 2), level + i).save(tmp_path / name / f"{i}.png")
    (tmp_path / "empty").mkdir()
    source = read(tmp_path)
    assert source.x[:, 0].tolist() == [20, 21, 10, 11]
    assert source.labels.tolist() == ["lily", "lily", "rose", "rose"]
    assert source.notes == ("the names of 2 folders are labels, not data",)


def test_one_file_is_one_row_and_its_pages_are_a_row_each(tmp_path):
    Image.fromarray(X).save(tmp_path / "one.png")
    np.testing.assert_array_equal(read(tmp_path / "one.png").x, X.reshape(1, -1))
    pages = [Image.fromarray(X + i) for i in range(3)]
    pages[0].save(tmp_path / "scan.tiff", save_all=True, append_images=pages[1:])
    source = read(tmp_path / "scan.tiff")
    np.testing.assert_array_equal(source.x, [(X + i).ravel() for i in range(3)])
    assert lb.read(str(tmp_path / "scan.tiff"), size=(3, 2)).num_columns == 6


def test_size_and_mode_are_of_images(tmp_path):
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(DataError, match="expected images, to which --size and --mode belong"):
        read(tmp_path / "x.npy", mode="grey")
    with pytest.raises(ValueError, match="mode: expected grey or colour, found 'gray'"):
        Reading.of(mode="gray")
    with pytest.raises(ValueError, match=r"a width and a height of at least 1, found \(3,\)"):
        Reading.of(size=[3])
