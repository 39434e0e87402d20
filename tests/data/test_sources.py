"""Sources: what is read, and one clear line for what cannot be."""

import pickle

import numpy as np
import pytest

from lowerbound.data.sources import open_labels, open_source


def test_the_digits_split_is_fixed_and_whole():
    train, test, both = (open_source(name) for name in ("digits:train", "digits:test", "digits"))
    assert (len(train.x), len(test.x), len(both.x)) == (1437, 360, 1797)
    np.testing.assert_array_equal(np.concatenate([train.x, test.x]), both.x)
    assert train.image_shape == (8, 8)
    assert train.x.dtype == np.uint8
    assert train.x.max() == 16
    assert len(test.labels) == 360


def test_arrays_and_images_are_read(tmp_path):
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", a=x, b=np.ones((5, 2)))
    source = open_source(str(tmp_path / "x.npy"))
    assert source.x.shape == (2, 12)
    assert source.image_shape == (3, 4)
    assert open_source(f"{tmp_path}/x.npz:b").x.shape == (5, 2)
    np.savez(tmp_path / "one.npz", a=x)
    assert open_source(f"{tmp_path}/one.npz").x.shape == (2, 12)


class Boom:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def write(path, kind):
    x = np.arange(2000.0).reshape(100, 20)
    if kind == "pickle":
        np.save(path, np.array([Boom()], dtype=object), allow_pickle=True)
    elif kind == "npz pickle":
        np.savez(path, x=np.array([Boom()], dtype=object))
    elif kind == "bare pickle":
        path.write_bytes(pickle.dumps(Boom()))
    elif kind == "text":
        path.write_text("1,2\n3,4\n")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "several":
        np.savez(path, a=x, b=x)
    elif kind == "nan":
        np.save(path, np.full((2, 2), np.nan))
    elif kind == "words":
        np.save(path, np.array([["a", "b"]]))
    else:
        np.save(path, x) if path.suffix == ".npy" else np.savez(path, x=x)
        path.write_bytes(path.read_bytes()[:-500])


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("x.npy", "pickle", "pickle, which could run code and is not loaded"),
        ("x.npz", "npz pickle", "pickle, which could run code and is not loaded"),
        ("x.npy", "bare pickle", "pickle, which could run code and is not loaded"),
        ("x.npy", "text", "pickle|not a whole"),
        ("x.npy", "empty", "not a whole .npy file"),
        ("x.npy", "truncated", "not a whole .npy file"),
        ("x.npz", "truncated", "not a whole .npz file"),
        ("x.npz", "several", "several arrays in it; name one: :a, :b"),
        ("x.npz:c", "several", "no array 'c' in it; name one: :a, :b"),
        ("x.npy", "nan", "found nan in row 0, column 0"),
        ("x.npy", "words", "found text"),
        ("x.csv", "text", "expected digits, or a file .npy"),
    ],
)
def test_a_broken_file_is_one_clear_line(tmp_path, name, kind, message):
    write(tmp_path / name.split(":")[0], kind)
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        open_source(str(tmp_path / name))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.npy: no such file"):
        open_source(str(tmp_path / "nowhere.npy"))
    with pytest.raises(ValueError, match="expected one of digits, digits:train, digits:test"):
        open_source("digits:validation")


def test_labels_are_one_a_row(tmp_path):
    np.save(tmp_path / "y.npy", np.arange(3))
    assert open_labels(str(tmp_path / "y.npy"), 3).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=r"a label for each of 4 rows, found shape \(3,\)"):
        open_labels(str(tmp_path / "y.npy"), 4)
