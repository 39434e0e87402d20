"""Pixels in whatever numbers: bytes, whole numbers, numbers from 0 to 1; told by a shape or by names."""

import numpy as np
import pytest

import lowerbound as lb
from lowerbound.data.likelihood import choose
from lowerbound.data.sources import open_source

RNG = np.random.default_rng(0)
LEVELS = RNG.integers(0, 256, (30, 16)).astype(np.uint8)
LEVELS[:, 0] = 0  # a pixel that never varies


@pytest.mark.parametrize(
    "x",
    [LEVELS, LEVELS.astype(int), LEVELS.astype(float), LEVELS / 255, (LEVELS / 255).astype(np.float32)],
    ids=["bytes", "int64", "float64", "shares", "float32 shares"],
)
def test_images_are_levels_of_8_bits_in_any_type(x):
    schema = lb.Schema.of(x, image_shape=(4, 4))
    assert {column.kind for column in schema.encoded} == {"grey"}
    assert str(schema).startswith("grey images of 4×4, 8-bit levels from 0 to ")
    encoded = schema.encode(x)
    np.testing.assert_array_equal(encoded, LEVELS)
    back = schema.decode(encoded)
    assert back.dtype == x.dtype
    np.testing.assert_array_equal(back, x)
    choice = choose(encoded, image="grey")
    assert isinstance(choice.family, lb.DiscretizedLogistic)
    assert choice.family.levels == 256


def test_what_lies_between_two_levels_has_probability_0():
    schema = lb.Schema.of(LEVELS / 255, image_shape=(4, 4))
    x = LEVELS[:3] / 255
    x[1, 5] = 0.5
    assert schema.rows(x).impossible.tolist() == [1]
    with pytest.raises(lb.DataError, match=r"expected multiples of 1/255, found 0\.5 in row 1, column 5"):
        schema.encode(x)


@pytest.mark.parametrize(
    ("x", "kinds"),
    [
        (RNG.random((30, 16)), {"number"}),
        (LEVELS[:, 1:].repeat(2, axis=1)[:, :16].astype(int) * 2, {"whole"}),
        (RNG.integers(0, 17, (30, 16)), {"whole"}),
        (RNG.integers(0, 2, (30, 16)).astype(float), {"bit"}),
    ],
    ids=["no levels", "more than 255", "few", "bits"],
)
def test_other_images_are_numbers(x, kinds):
    assert {column.kind for column in lb.Schema.of(x, image_shape=(4, 4)).columns} == kinds


def test_images_with_several_values_a_pixel_are_in_colour():
    x = RNG.integers(0, 256, (9, 12)).astype(np.uint8)
    assert str(lb.Schema.of(x, image_shape=(2, 2, 3))).startswith("colour images of 2×2, 8-bit levels")
    assert choose(x, image="colour").words.startswith("8-bit colour, whole numbers from ")


def written(path, names):
    lines = [",".join(names), *(",".join(map(str, row)) for row in LEVELS[:, : len(names)])]
    path.write_text("\n".join(lines) + "\n")
    return open_source(str(path))


@pytest.mark.parametrize(
    ("names", "shape"),
    [
        ([f"pixel{i}" for i in range(16)], (4, 4)),
        ([f"{i}x{j}" for i in range(1, 3) for j in range(1, 9)], (2, 8)),
        ([f"pixel{i}" for i in range(15)], None),
        ([f"x{i}" for i in range(16)], None),
        ([f"{j}x{i}" for i in range(1, 3) for j in range(1, 9)], None),  # columns first
    ],
    ids=["numbered", "placed", "no square", "other names", "another order"],
)
def test_a_table_is_of_images_where_its_names_say_so(tmp_path, names, shape):
    source = written(tmp_path / "images.csv", names)
    assert source.image_shape == shape
    assert any("pixels of images" in note for note in source.notes) == (shape is not None)


def test_a_pixel_that_never_varied_costs_no_thousand_nats():
    """At most log(256/ε) = 14.8, ε = 1e-4, however far a decoder has gone."""
    family = choose(LEVELS, image="grey").family
    sure = np.concatenate([np.full(16, -1.0), np.full(16, -100.0)])
    x = np.zeros(16)
    there, x[0] = float(family(sure).log_prob(x).sum()), 255.0
    assert there == pytest.approx(16 * np.log1p(-1e-4), abs=1e-4)
    assert there - float(family(sure).log_prob(x).sum()) == pytest.approx(np.log(256 / 1e-4), abs=1e-3)
