"""Arrays: headers that promise what is not there, types that are none, images that are bombs."""

import gzip
import io
import struct
import warnings
import zipfile
import zlib

import numpy as np
import scipy.io
from PIL import Image

from .containers import zipped
from .hostile import NOISE, PICKLE, Boom, Hostile, content


def npy(header, data=b"", version=(1, 0)):
    """A `.npy` with this text as its header."""
    text = header.encode() + b" " * (-len(header) % 16) + b"\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text + data


def described(descr="'<f8'", order="False", shape="(2, 2)", more=""):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}{more}}}"


HEADERS = {
    "10¹² elements": described(shape="(1000000, 1000000)"),
    "10¹² elements of one byte": described("'|u1'", shape="(10**12,)".replace("10**12", "1000000000000")),
    "a product beyond 64 bits": described(shape="(4294967296, 4294967296)"),
    "a negative shape": described(shape="(-2, 2)"),
    "two negative shapes": described(shape="(-2, -2)"),
    "a negative shape and none": described(shape="(-1, 0)"),
    "a shape of real numbers": described(shape="(2.0, 2)"),
    "a shape that is a number": described(shape="4"),
    "a shape of text": described(shape="('2', 2)"),
    "a shape of 100 dimensions": described(shape="(" + "1, " * 100 + ")"),
    "objects": described("'|O'"),
    "objects in a record": described("[('a', '|O'), ('b', '<f8')]"),
    "an array of objects in a record": described("[('a', '|O', (2,))]"),
    "records of numbers beyond it": described("[('a', '<f8', (1000000,))]", shape="(1000000,)"),
    "an unknown type": described("'<q9'"),
    "a type of no size": described("'|V0'", shape="(1000000000000,)"),
    "code": "__import__('os').system('touch a-pickle-was-loaded')",
    "code in a field": described("__import__('os').system('touch a-pickle-was-loaded')"),
    "a call": described("dict(a=1)"),
    "deep brackets": described(descr="(" * 300 + ")" * 300),
    "a field too many": described(more=", 'more': 1"),
    "a list": "['descr', 'shape']",
    "no header": "",
    "10,000 blanks": described() + " " * 20_000,
}


def npz(header, data=b""):
    return zipped({"x.npy": npy(header, data)})


def saved(x, **options):
    written = io.BytesIO()
    np.save(written, x, **options)
    return written.getvalue()


def lying(name, size):
    """A zip of a member that says of itself that it has `size` bytes."""

    def write(path):
        path.write_bytes(zipped({name: npy(described(shape=f"({size // 8 - 100},)"))}))
        whole = path.read_bytes()
        entry = whole.rindex(b"PK\x01\x02")
        path.write_bytes(whole[: entry + 24] + struct.pack("<I", size) + whole[entry + 28 :])

    return write


def zeros(path):
    """A `.npz` of 100 MB of zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as stream:
        stream.write(npy(described("'|u1'", shape="(100, 1048576)")))
        for _ in range(100):
            stream.write(bytes(1 << 20))


def idx(kind, *sizes, data=b""):
    return bytes([0, 0, kind, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + data


def element(kind, data, declared=None):
    return (
        struct.pack("<II", kind, len(data) if declared is None else declared)
        + data
        + b"\0" * (-len(data) % 8)
    )


def mat(*elements, compressed=False):
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    if compressed:
        elements = [struct.pack("<II", 15, len(z := zlib.compress(each, 9))) + z for each in elements]
    return head + b"".join(elements)


def matrix(kind, shape, data, declared=None):
    """A variable of MATLAB's: its class, dimensions, name, and values of 64 bits."""
    inside = element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, inside + element(1, b"x") + element(9, data, declared))


def cells(depth):
    """A cell in a cell in a cell …"""
    inside = matrix(6, (1, 1), bytes(8))
    for _ in range(depth):
        head = element(6, struct.pack("<II", 1, 0)) + element(5, struct.pack("<2i", 1, 1)) + element(1, b"x")
        inside = element(14, head + inside)
    return inside


def sparse():
    """A sparse matrix whose places lie beyond it."""
    written = io.BytesIO()
    scipy.io.savemat(written, {"x": scipy.sparse.csc_array(np.eye(4))})
    return written.getvalue().replace(struct.pack("<4i", 0, 1, 2, 3), struct.pack("<4i", 0, 1, 2**28, 3))


def png(width, height, data=b"", depth=8, colour=0):
    def chunk(name, inside):
        return struct.pack(">I", len(inside)) + name + inside + struct.pack(">I", zlib.crc32(name + inside))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def bmp(width, height):
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


def picture(kind, size=(8, 8), mode="L", **options):
    written = io.BytesIO()
    Image.new(mode, size).save(written, kind, **options)
    return written.getvalue()


def black(size, mode):
    def write(path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.new(mode, size).save(path, compress_level=9)

    return write


def frames(path):
    """A GIF of 20,000 frames of a megapixel, nearly all of them nothing new."""
    one = picture("GIF", (2000, 2000))
    start = one.index(b"\x2c")
    path.write_bytes(one[:start] + one[start:-1] * 1000 + b";")


def folder(**files):
    def write(path):
        path.mkdir()
        for name, data in files.items():
            (path / name.replace("_", ".")).write_bytes(data)

    return write


FILES = [
    *(Hostile("x.npy", content(npy(text)), about) for about, text in HEADERS.items()),
    *(Hostile("x.npz", content(npz(text)), f"{about}, in a zip") for about, text in HEADERS.items()),
    Hostile(
        "x.npy",
        content(saved(np.array([Boom(), 1], object), allow_pickle=True)),
        "a pickle of NumPy's",
        mentions="could run code",
    ),
    Hostile("x.npz", content(zipped({"x.npy": PICKLE})), "a pickle in a zip", mentions="could run code"),
    Hostile("x.npy", content(npy(described(), version=(3, 0))), "a version that is not read"),
    Hostile("x.npy", content(npy(described(), version=(9, 9))), "a version that there is not"),
    Hostile("x.npy", content(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}"), "a header of 4 GB"),
    Hostile("x.npy", content(saved(np.ones((9, 9)))[:-1]), "a byte cut off"),
    Hostile("x.npy", content(saved(np.ones((9, 9)))[:70]), "cut off in its header"),
    Hostile("x.npy", content(saved(np.array([["1", "x"]]))), "text"),
    Hostile("x.npy", content(saved(np.full((2, 2), np.nan))), "NaN"),
    Hostile("x.npy", content(saved(np.ones((2, 2), complex))), "complex numbers"),
    Hostile("x.npz", lying("x.npy", 0xFFFFFFF0), "a member that says it has 4 GB"),
    Hostile("x.npz", zeros, "100 MB of zeros", mentions="UNPACKED", heavy=True),
    Hostile("x.npz", content(zipped({f"{i}.npy": b"" for i in range(2000)})), "2,000 arrays"),
    Hostile("x.npz", content(zipped({"../x.npy": b""})), "a path that leads out of it"),
    Hostile("x.npz", content(npz(described(), NOISE)[:-60]), "cut short"),
    Hostile("x.idx", content(idx(8, *[2**32 - 1] * 3)), "10²⁸ elements"),
    Hostile("x.idx", content(idx(14, 1_000_000, 1_000_000)), "10¹² elements"),
    Hostile("x.idx", content(idx(8, *[1] * 255)), "255 dimensions"),
    Hostile("x.idx", content(idx(8, 2, 2, data=b"123")), "a byte too few"),
    Hostile("x.idx", content(idx(8, 2, 2, data=b"12345")), "a byte too many"),
    Hostile("x.idx", content(idx(7, 2)), "an unknown type"),
    Hostile("x.idx", content(b"\x02\0\0\0\x02\x03\x08\0" + bytes(10)), "the wrong byte order"),
    Hostile("x-ubyte.gz", content(gzip.compress(idx(8, 1024, 2**20))), "1 GB that is not there"),
    Hostile(
        "x-ubyte.gz",
        content(lambda: gzip.compress(idx(8, 100, 2**20) + bytes(100 << 20))),
        "100 MB of zeros",
        heavy=True,
    ),
    Hostile("x.mat", content(mat(matrix(6, (2**31 - 1, 2**31 - 1), bytes(8)))), "10¹⁸ elements"),
    Hostile("x.mat", content(mat(matrix(6, (-3, 3), bytes(8)))), "a negative shape"),
    Hostile("x.mat", content(mat(matrix(6, (1, 1), bytes(8), declared=2**32 - 8))), "an element of 4 GB"),
    Hostile("x.mat", content(mat(cells(20_000))), "cells in cells", mentions="expected"),
    Hostile(
        "x.mat",
        lambda path: path.write_bytes(mat(matrix(6, (100, 2**17), bytes(100 << 20)), compressed=True)),
        "100 MB of zeros",
        mentions="UNPACKED",
        heavy=True,
    ),
    Hostile("x.mat", content(sparse()), "places beyond a sparse matrix"),
    Hostile(
        "x.mat", content(struct.pack("<5i", 0, 2**30, 2**30, 0, 2) + b"x\0"), "10¹⁸ elements of version 4"
    ),
    Hostile("x.mat", content(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + NOISE), "HDF5"),
    Hostile("x.png", content(png(2**31 - 1, 2**31 - 1)), "10¹⁸ pixels"),
    Hostile("x.png", content(png(30_000, 30_000)), "900 megapixels"),
    Hostile("x.png", content(png(12_000, 7_000)), "84 megapixels, which Pillow takes", mentions="UNPACKED"),
    Hostile("x.png", content(png(0, 0)), "no pixels"),
    Hostile("x.png", content(png(8, 8, b"\0" * 30)), "pixels cut short"),
    Hostile("x.png", content(picture("PNG")[:40]), "cut short"),
    Hostile("x.png", black((9000, 9000), "RGB"), "243 MB of black", mentions="UNPACKED", heavy=True),
    Hostile("x.bmp", content(bmp(30_000, 30_000)), "900 megapixels"),
    Hostile("x.bmp", content(bmp(-8, 8)), "a negative width"),
    Hostile("x.bmp", content(bmp(8, -(2**31))), "a height below all numbers"),
    Hostile(
        "x.tif",
        content(
            picture("TIFF").replace(
                struct.pack("<HHIHH", 256, 4, 1, 8, 0), struct.pack("<HHII", 256, 4, 1, 2**31 - 1)
            )
        ),
        "a width of 2³¹",
    ),
    Hostile("x.tif", content(b"II*\0\x08\0\0\0\0\0\x08\0\0\0"), "a directory that points at itself"),
    Hostile("x.tif", content(picture("TIFF", mode="F")), "real numbers"),
    Hostile("x.gif", content(picture("GIF")[:20]), "cut short"),
    Hostile("x.gif", frames, "4,000 megapixels in frames", mentions="UNPACKED"),
    Hostile("x.jpg", content(picture("JPEG", (64, 64))[:300]), "cut short"),
    Hostile("x.jpg", content(picture("PNG")[:20] + NOISE), "the head of another format"),
    Hostile("x.png", content(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n"), "PostScript"),
    Hostile("images", folder(a_png=picture("PNG"), b_png=PICKLE), "a pickle among images"),
    Hostile("images", folder(a_png=picture("PNG"), b_png=png(60_000, 60_000)), "a bomb among images"),
    Hostile("images", folder(a_png=picture("PNG"), b_png=picture("PNG", (9, 9))), "another size"),
    Hostile("images", folder(), "no images"),
]
