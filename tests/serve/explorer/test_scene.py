"""What a row is shown as, and its columns."""

import numpy as np
import orjson

from lowerbound.serve.explorer.scene import Scene


def test_images_have_their_shape_and_their_grey_scale(of_images):
    scene = Scene.of(of_images)
    assert (scene.form, scene.image_shape) == ("images", (4, 4))
    low, high, _ = scene.grey
    assert (low, high) == (0, 16)
    assert [each["key"] for each in scene.colourings] == ["label"]


def test_counts_are_bars_that_any_column_colours(of_counts):
    scene = Scene.of(of_counts)
    assert scene.form == "counts"
    assert [each["key"] for each in scene.colourings] == [*"012345"]


def test_a_table_is_in_its_own_units(of_table):
    scene = Scene.of(of_table)
    assert scene.form == "table"
    mass, color, born, one = scene.to_json()["columns"]
    assert color["levels"] == ("blue", "green", "red")
    assert (born["kind"], born["low"][:4], one["encoded"], mass["whole"]) == ("date", "2001", False, False)
    order = np.array([3, 1])
    table = of_table.source.table
    np.testing.assert_allclose(scene.values_of("0", order), table.arrays[0][order], rtol=1e-6)
    for place, column in enumerate(table.arrays[1:3], 1):
        np.testing.assert_array_equal(scene.values_of(str(place), order), np.asarray(column)[order])


def test_a_scene_is_json_without_a_path(of_images, of_table, of_counts):
    for service in (of_images, of_table, of_counts):
        text = orjson.dumps(Scene.of(service).to_json()).decode()
        assert str(service.run.path.parent) not in text


def test_there_are_no_other_colourings(of_table):
    scene = Scene.of(of_table)
    assert [scene.values_of(key, np.array([0])) for key in ("label", "3", "9", "-1", "x")] == [None] * 5
