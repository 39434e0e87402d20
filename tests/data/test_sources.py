"""Sources: every format is read, and each in its own way."""

import gzip
import struct

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as parquet
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import lowerbound as lb
from lowerbound.data.sources import open_labels, open_source


def write_idx(path, array, kind):
    header = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype(array.dtype.newbyteorder(">")).tobytes())


def test_the_digits_split_is_fixed_and_whole():
    train, test, both = (open_source(name) for name in ("digits:train", "digits:test", "digits"))
    assert (len(train.x), len(test.x), len(both.x)) == (1437, 360, 1797)
    np.testing.assert_array_equal(np.concatenate([train.x, test.x]), both.x)
    assert train.image_shape == (8, 8)
    assert train.x.dtype == np.uint8
    assert train.x.max() == 16
    assert len(test.labels) == 360
    assert train.columns is None


def test_the_digits_are_those_of_scikit_learn():
    ours, theirs = open_source("digits"), load_digits()
    order = np.lexsort(ours.x.T), np.lexsort(theirs.data.T)
    np.testing.assert_array_equal(ours.x[order[0]], theirs.data[order[1]])
    np.testing.assert_array_equal(ours.labels[order[0]], theirs.target[order[1]])


def test_arrays_and_images_are_read(tmp_path):
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.save(tmp_path / "x.npy", x)
    np.savez_compressed(tmp_path / "x.npz", a=x, b=np.ones((5, 2)))
    source = open_source(str(tmp_path / "x.npy"))
    np.testing.assert_array_equal(source.x, x.reshape(2, 12))
    assert source.image_shape == (3, 4)
    assert open_source(f"{tmp_path}/x.npz:b").x.shape == (5, 2)
    np.savez(tmp_path / "one.npz", a=x)
    np.testing.assert_array_equal(open_source(f"{tmp_path}/one.npz").x, x.reshape(2, 12))


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_owns_its_memory_so_that_its_file_may_be_written_anew(tmp_path, order):
    path = tmp_path / "x.npy"
    x = np.asarray(np.arange(12.0, dtype=np.float32).reshape(3, 4), order=order)
    np.save(path, x)
    source = open_source(str(path))
    path.write_bytes(b"")
    np.testing.assert_array_equal(source.x, x)


@pytest.mark.parametrize(
    ("text", "x", "columns"),
    [
        ("1,2.5\n3,4\n", [[1, 2.5], [3, 4]], None),
        ("height,age\n1,2\n3,4\n", [[1, 2], [3, 4]], ("height", "age")),
        ('"height, in m";age\n1;2\n', [[1, 2]], ("height, in m", "age")),
        ("\ufeff\n\na\tb\r\n 1\t2e3 \r\n", [[1, 2000]], ("a", "b")),
        ("0,1,2\n5,6,7\n", [[5, 6, 7]], ("0", "1", "2")),  # as pandas writes columns without names
        ("0,1\n1,1\n", [[0, 1], [1, 1]], None),
        ("-1\n.5\n+2\n", [[-1], [0.5], [2]], None),
    ],
)
def test_csv_finds_its_header_and_its_delimiter(tmp_path, text, x, columns):
    path = tmp_path / "x.csv"
    path.write_text(text, "utf-8")
    source = open_source(str(path))
    np.testing.assert_array_equal(source.x, x)
    assert source.columns == columns
    assert source.image_shape is None


def test_csv_keeps_its_types_over_blocks_and_long_lines(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1,1\n" * 300_000 + "2,0.5\n")
    source = open_source(str(path))
    assert source.x.shape == (300_001, 2)
    assert source.x[-1].tolist() == [2, 0.5]
    path.write_text(",".join(["0." + "1" * 400] * 3000) + "\n")
    assert open_source(str(path)).x.shape == (1, 3000)


def test_parquet_has_names_and_leaves_the_index_of_pandas(tmp_path):
    path = tmp_path / "x.parquet"
    table = pa.table({"a": [1, 2], "b": [0.5, 1.5], "__index_level_0__": [7, 8]})
    table = table.replace_schema_metadata({"pandas": '{"index_columns": ["__index_level_0__"]}'})
    parquet.write_table(table, path)
    source = open_source(str(path))
    assert source.columns == ("a", "b")
    assert source.x.tolist() == [[1, 0.5], [2, 1.5]]


@pytest.mark.parametrize(
    ("kind", "dtype"), [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")]
)
def test_idx_has_six_types(tmp_path, kind, dtype):
    x = np.arange(24).reshape(2, 3, 4).astype(dtype)
    write_idx(tmp_path / "x.idx", x, kind)
    source = open_source(str(tmp_path / "x.idx"))
    np.testing.assert_array_equal(source.x, x.reshape(2, 12))
    assert source.x.dtype.isnative
    assert source.image_shape == (3, 4)


@pytest.mark.parametrize(
    ("ending", "mode", "dtype"),
    [
        (".png", "L", "uint8"),
        (".png", "1", "bool"),
        (".png", "I;16", "uint16"),
        (".png", "RGB", "uint8"),
        (".bmp", "L", "uint8"),
        (".tif", "RGB", "uint8"),
        (".gif", "L", "uint8"),
    ],
)
def test_a_folder_of_images_is_read_by_name(tmp_path, ending, mode, dtype):
    shape = (4, 5, 6, 3) if mode == "RGB" else (4, 5, 6)
    x = np.random.default_rng(0).integers(0, 2 if mode == "1" else 256, shape).astype(dtype)
    for i in (2, 0, 3, 1):
        Image.fromarray(x[i]).save(tmp_path / f"image-{i}{ending}")
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / f"._image-0{ending}").write_text("what a Mac leaves")
    source = open_source(str(tmp_path))
    np.testing.assert_array_equal(source.x, x.reshape(4, -1))
    assert source.x.dtype == dtype
    assert source.image_shape == shape[1:]


def test_a_palette_is_read_as_colour(tmp_path):
    x = np.zeros((4, 4, 3), np.uint8)
    x[:2, :, 0] = 255
    Image.fromarray(x).quantize(4).save(tmp_path / "a.png")
    np.testing.assert_array_equal(open_source(str(tmp_path)).x, x.reshape(1, -1))


def test_jpeg_is_near(tmp_path):
    Image.new("L", (8, 8), 100).save(tmp_path / "a.JPG", "JPEG")
    np.testing.assert_allclose(open_source(str(tmp_path)).x, 100, atol=2)


def test_labels_are_one_a_row(tmp_path):
    np.save(tmp_path / "y.npy", np.arange(3))
    write_idx(tmp_path / "y-idx1-ubyte", np.arange(3, dtype=np.uint8), 8)
    (tmp_path / "y.csv").write_text("kind\nrose\nlily\nrose\n")
    (tmp_path / "two.csv").write_text("1,2\n")
    assert open_labels(str(tmp_path / "y.npy"), 3).tolist() == [0, 1, 2]
    assert open_labels(str(tmp_path / "y-idx1-ubyte"), 3).tolist() == [0, 1, 2]
    assert open_labels(str(tmp_path / "y.csv"), 3).tolist() == ["rose", "lily", "rose"]
    with pytest.raises(ValueError, match=r"a label for each of 4 rows, found shape \(3,\)"):
        open_labels(str(tmp_path / "y.npy"), 4)
    with pytest.raises(ValueError, match="one column of labels, found 2 columns"):
        open_labels(str(tmp_path / "two.csv"), 1)
    (tmp_path / "named.csv").write_text("image,kind\n1.png,rose\n2.png,lily\n")
    assert open_labels(f"{tmp_path}/named.csv:kind", 2).tolist() == ["rose", "lily"]
    with pytest.raises(ValueError, match=r"found 2 columns; name one: .*named.csv:kind"):
        open_labels(str(tmp_path / "named.csv"), 2)
    with pytest.raises(ValueError, match="expected one column 'sort', found none"):
        open_labels(f"{tmp_path}/named.csv:sort", 2)


@pytest.mark.parametrize(
    ("name", "member", "shape", "image_shape", "first"),
    [
        ("winequality-white.csv", "", (4898, 12), None, [7, 0.27, 0.36]),
        ("banknote_authentication.csv", "", (1372, 5), None, [3.6216, 8.6661, -2.8073]),
        ("mnist.npz", ":x_test", (10_000, 784), (28, 28), [0, 0, 0]),
        ("frey_faces.npz", "", (1965, 560), (28, 20), None),
        ("adbench_38_thyroid.npz", ":X", (3772, 6), None, None),
    ],
)
def test_real_data_are_read(shared_data, name, member, shape, image_shape, first):
    source = open_source(f"{shared_data(name)}{member}")
    assert source.x.shape == shape
    assert source.image_shape == image_shape
    assert source.columns is None  # the tables have no header
    if first is not None:
        np.testing.assert_allclose(source.x[0, :3], first, rtol=1e-6)


def test_mnist_is_the_same_in_idx_and_in_gzip(shared_data, tmp_path):
    with np.load(shared_data("mnist.npz")) as mnist:
        x = mnist["x_test"]
    plain = tmp_path / "t10k-images-idx3-ubyte"
    write_idx(plain, x, 8)
    (tmp_path / "t10k-images.idx3-ubyte.gz").write_bytes(gzip.compress(plain.read_bytes(), 1))
    for name in ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte.gz"):
        source = open_source(str(tmp_path / name))
        np.testing.assert_array_equal(source.x, x.reshape(-1, 784))
        assert source.image_shape == (28, 28)


def test_seconds_since_1970_keep_their_digits(tmp_path):
    """Distinct values stay distinct; today's own columns are taken out of another file by name."""
    seconds = 1_700_000_000 + np.arange(600)
    weight = np.linspace(0, 1, 600)
    table = pa.table({"t": seconds, "weight": weight, "site": [7.5] * 600, "species": ["a", "b"] * 300})
    csv.write_csv(table.select(["t", "weight", "site"]), tmp_path / "train.csv")
    csv.write_csv(table.select(["species", "weight", "site", "t"]), tmp_path / "later.csv")
    parquet.write_table(table.select(["species", "weight", "site", "t"]), tmp_path / "later.parquet")
    train = open_source(str(tmp_path / "train.csv"))
    assert train.columns == ("t", "weight")
    assert len(np.unique(train.x[:, 0])) == 600
    np.testing.assert_array_equal(train.schema.in_own_units(train.x)[:, 0], seconds)
    for name in ("later.csv", "later.parquet"):
        assert open_source(str(tmp_path / name)).columns == ("species", "weight", "t")
        later = open_source(str(tmp_path / name), schema=train.schema)
        np.testing.assert_array_equal(later.x, train.x)
        labelled = open_source(str(tmp_path / name), "species")
        np.testing.assert_array_equal(labelled.under(train.schema).x, train.x)
    csv.write_csv(table.select(["weight", "site"]), tmp_path / "short.csv")
    with pytest.raises(lb.DataError, match=r"short.csv: expected the columns .*, found no 't'"):
        open_source(str(tmp_path / "short.csv"), schema=train.schema)


def test_the_labels_of_a_parquet_may_be_text(tmp_path):
    parquet.write_table(pa.table({"a": [1, 2], "species": ["x", "y"]}), tmp_path / "x.parquet")
    source = open_source(str(tmp_path / "x.parquet"), "species")
    assert source.labels.tolist() == ["x", "y"]
    assert source.x.tolist() == [[1], [2]]


def test_any_source_is_read_as_a_table(tmp_path):
    """Text as well; an array, and images flattened, have the columns x0, x1, …"""
    table = pa.table({"a": [1, 2], "species": ["x", "y"]})
    csv.write_csv(table, tmp_path / "x.csv")
    parquet.write_table(table, tmp_path / "x.parquet")
    for name in ("x.csv", "x.parquet"):
        assert lb.read(str(tmp_path / name)).to_pydict() == table.to_pydict()
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.save(tmp_path / "x.npy", images)
    read = lb.read(str(tmp_path / "x.npy"))
    assert read.column_names == [f"x{j}" for j in range(12)]
    np.testing.assert_array_equal(lb.Schema.of(read).encode(read), images.reshape(2, 12))
