"""Bad files: each is one clear line, and nothing is loaded that need not be."""

import gzip
import io
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from lowerbound.data.sources import open_source

X = np.arange(2000.0).reshape(100, 20)
LABELS = bytes([0, 0, 8, 1]) + struct.pack(">I", 5)


class Boom:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def text(content):
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


def array(x, **more):
    def write(path):
        np.save(path, x, **more) if path.suffix == ".npy" else np.savez(path, x=x)

    return write


def cut(write):
    def short(path):
        write(path)
        path.write_bytes(path.read_bytes()[:-500])

    return short


def columns(**named):
    return lambda path: parquet.write_table(pa.table(named), path)


def promise(shape):
    """A `.npy` whose header is all there is."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def zipped(content, size=None):
    """A `.npz` whose only member says that it has `size` bytes."""

    def write(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", content)
        if size is not None:
            whole = path.read_bytes()
            entry = whole.rindex(b"PK\x01\x02")
            path.write_bytes(whole[: entry + 24] + struct.pack("<I", size) + whole[entry + 28 :])

    return write


def images(*described):
    def write(path):
        path.mkdir()
        for i, (mode, size) in enumerate(described):
            Image.new(mode, size).save(path / f"{i}.png")

    return write


def broken_image(path):
    images(("L", (64, 64)))(path)
    (path / "0.png").write_bytes((path / "0.png").read_bytes()[:60])


def two_frames(path):
    path.mkdir()
    Image.new("L", (4, 4)).save(path / "a.tif", save_all=True, append_images=[Image.new("L", (4, 4), 9)])


FAULTS = [
    # Arrays.
    ("x.npy", array(np.full((2, 2), np.nan)), "expected finite numbers, found nan in row 0, column 0"),
    ("x.npy", array(np.full((2, 2), np.inf)), "expected finite numbers, found inf in row 0, column 0"),
    ("x.npy", array(np.array([["a", "b"]])), "expected numbers, found .a. in row 0, column 0"),
    ("x.npy", array(np.ones((2, 2)) * 1j), "expected an array of real numbers, found complex numbers"),
    ("x.npy", array(np.ones((0, 3))), "expected at least one row and one column"),
    ("x.npy", array(np.ones(3)), r"expected rows, an array of shape \(n, d\), found shape \(3,\)"),
    ("x.npy", array(np.array([Boom()], object), allow_pickle=True), "could run code and is not loaded"),
    ("x.npz", array(np.array([Boom()], object)), "could run code and is not loaded"),
    ("x.npy", text(pickle.dumps(Boom())), "could run code and is not loaded"),
    (
        "x.npy",
        text("1,2\n3,4\n"),
        r"expected a whole .npy file, found one that is not \(it begins with b'1,2",
    ),
    ("x.npy", text(""), r"expected a whole .npy file, found one that is not \(it is empty\)"),
    ("x.npy", text(b"\x93NUMPY\x01\x00\x10"), "expected a whole .npy file"),
    ("x.npy", text(b"\x93NUMPY\x03\x00\x10\0"), "its format is 3.0, and 1.0 and 2.0 are read"),
    (
        "x.npy",
        cut(array(X)),
        r"100 × 20 values that its header promises, 16,000 bytes, found a file that can hold 15,500",
    ),
    (
        "x.npy",
        text(promise((10**9, 125))),
        "1000000000 × 125 values that its header promises, 1,000,000,000,000 bytes",
    ),
    ("x.npy", text(promise((-1, 125))), "its header is wrong"),
    ("x.npy", lambda path: path.mkdir(), "expected a file, found a folder"),
    ("x.npz", cut(array(X)), "expected a whole .npz file"),
    ("x.npz", text("no"), "expected a whole .npz file"),
    ("x.npz", lambda path: np.savez(path, a=X, b=X), "2 arrays in it; name one: :a, :b"),
    (
        "x.npz:c",
        lambda path: np.savez(path, a=X, b=X),
        "expected an array 'c', found 2 arrays in it; name one: :a, :b",
    ),
    ("x.npz", lambda path: np.savez(path), "0 arrays in it"),
    ("x.npz", zipped(promise((10**9, 125))), "1000000000 × 125 values that its header promises"),
    ("x.npz", zipped(promise((10**7, 50)), size=0xFFFFFFF0), "10000000 × 50 values that its header promises"),
    # Tables.
    ("x.csv", text(""), r"expected a whole .csv file, found one that is not \(it is empty\)"),
    ("x.csv", text("\n\n"), r"expected a whole .csv file, found one that is not \(it is empty\)"),
    ("x.csv", text("a,b\n"), "expected at least one row, found none .columns: 2."),
    ("x.csv", text("a,b\n1,2\n3,x\n"), "expected numbers, found 'x' in row 1, column 'b'; make"),
    ("x.csv", text("1,2\n3,x\n"), "expected numbers, found 'x' in row 1, column 1; make"),
    ("x.csv", text("a,b\n1,2\n3,4,5\n"), "2 cells in each line, as in the first, found 3 in line 3: '3,4,5'"),
    ("x.csv", text("1,2\n3\n"), "expected 2 cells in each line, as in the first, found 1 in line 2: '3'"),
    ("x.csv", text("a,b\n1,2\n3,-inf\n"), "expected finite numbers, found -inf in row 1, column 'b'"),
    ("x.csv", text(promise((2, 2)) + b"\0\xff"), "bytes that are not text"),
    ("x.csv", text(b"a,b\n" + b"1,2\n" * 20_000 + b"3,\xf6\n"), "found 'ö' in row 20000, column 'b'"),
    ("x.csv", text('a,"' + "b" * 200_000), "expected a whole .csv file"),
    ("x.parquet", columns(a=[1, 2], b=["3", "y"]), "expected numbers, found 'y' in row 1, column 'b'"),
    ("x.parquet", columns(a=pa.array([], "int64")), "expected at least one row, found none .columns: 1."),
    ("x.parquet", cut(columns(a=np.arange(1000))), "expected a whole .parquet file"),
    ("x.parquet", text("PAR1"), "expected a whole .parquet file"),
    # IDX.
    (
        "x.idx",
        text(LABELS + b"1234"),
        "5 values that its header promises, 5 bytes, found a file that can hold 4 at most",
    ),
    ("x.idx", text(LABELS + b"123456"), "expected 5 bytes after its header, found more"),
    ("x.idx", text(b"\0\0\x08\x03\0\0"), "it ends within the sizes of its 3 dimensions"),
    ("x-ubyte", text(b"\0\0\x07\x01" + bytes(9)), "expected two zero bytes, a type of"),
    (
        "x.idx",
        text(bytes([0, 0, 8, 3]) + b"\xff" * 12),
        "the 4294967295 × 4294967295 × 4294967295 values that",
    ),
    ("x-ubyte.gz", text(gzip.compress(LABELS + b"1234")), "expected 5 bytes after its header, found 4"),
    ("x-ubyte.gz", text(gzip.compress(LABELS + b"12345")[:-9]), "expected a whole gzip or IDX file"),
    (
        "x-ubyte.gz",
        text(LABELS + b"12345"),
        "expected a whole gzip or IDX file, found one that is not .Not a gzipped file",
    ),
    (
        "x-ubyte.gz",
        text(gzip.compress(bytes([0, 0, 8, 2]) + b"\xff" * 8)),
        "the 4294967295 × 4294967295 values that",
    ),
    # Images.
    ("folder", lambda path: path.mkdir(), r"expected a folder of images \(.png, .jpg, .* found none in it"),
    (
        "folder",
        images(("L", (4, 4)), ("L", (4, 5))),
        r"1.png: expected 4 × 4 in mode L, as 0.png is, found 4 × 5",
    ),
    ("folder", images(("L", (4, 4)), ("RGB", (4, 4))), "1.png: expected 4 × 4 in mode L, as 0.png is, found"),
    (
        "folder",
        images(("RGBA", (4, 4))),
        "0.png: expected a grey or an RGB image, found mode RGBA; --mode grey or --mode colour converts it",
    ),
    (
        "folder",
        images(("1", (10_000, 9_000))),
        "0.png: expected a whole image file, found one that is not .Image size .90000000 pixels",
    ),
    ("folder", broken_image, "0.png: expected a whole image file"),
    ("folder", two_frames, "a.tif: expected one image a file, found 2; save each by itself"),
    # Names.
    ("nowhere.npy", lambda path: None, "no such file$"),
    ("nowhere", lambda path: None, r"no such file; known are digits\[:train\|:test\], .npy, "),
    ("x.qqq", text("1"), r"found '.qqq'; known are digits\[:train\|:test\], .npy, "),
    ("x.rds", text("1"), r"found '.rds'; in R: write.csv\(table, 'x.csv', row.names = FALSE\)"),
    ("x.csv.gz", text("1"), r"expected a whole .csv file, found one that is not \(Not a gzipped file"),
    ("x.csv.zip", text("1"), "expected a whole .zip file"),
]


@pytest.mark.parametrize(("name", "write", "message"), FAULTS)
def test_a_broken_file_is_one_clear_line(tmp_path, name, write, message):
    write(tmp_path / name.split(":")[0])
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=message) as caught:
        open_source(str(tmp_path / name))
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value).replace(str(tmp_path), "")) < 330


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("x.npy", text(promise((10**9, 125)))),
        ("x.npz", zipped(promise((10**7, 50)), size=0xFFFFFFF0)),
        ("x.idx", text(bytes([0, 0, 8, 3]) + b"\xff" * 12)),
        ("x-ubyte.gz", text(gzip.compress(bytes([0, 0, 8, 1, 0, 1, 0, 0])))),
    ],
)
def test_no_memory_is_taken_for_a_promise(tmp_path, name, write):
    write(tmp_path / name)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"promises|expected 65,536 bytes"):
            open_source(str(tmp_path / name))
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_the_digits_have_two_parts():
    with pytest.raises(ValueError, match="expected one of digits, digits:train, digits:test"):
        open_source("digits:validation")
