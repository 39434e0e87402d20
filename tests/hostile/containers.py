"""Files under every ending that hold something else, and containers that are bombs, cut short or nested."""

import bz2
import gzip
import io
import lzma
import zipfile
from contextlib import ExitStack

import pyarrow as pa

from lowerbound.data.sources.formats import _READERS
from lowerbound.data.sources.images import IMAGE_ENDINGS

from .hostile import NOISE, PICKLE, Hostile, content

ENDINGS = (*_READERS, ".npy", ".npz", ".mat", ".idx", "-ubyte", "-ubyte.gz", *IMAGE_ENDINGS)
# Read by libraries that need not be there, which is an error of its own.
PACKED = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
    ".zip": lambda data: zipped({"x.csv": data}),
}


def zipped(members, method=zipfile.ZIP_DEFLATED):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return written.getvalue()


OPENERS = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lambda path, mode: lzma.open(path, mode, preset=0),  # noqa: SIM115
    ".zst": lambda path, _: pa.CompressedOutputStream(str(path), "zstd"),
}


def bomb(ending, megabytes, piece):
    """A file that unpacks to so many megabytes, of which no more are held when it is written."""

    def write(path):
        with ExitStack() as stack:
            if ending == ".zip":
                archive = stack.enter_context(zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED))
                stream = stack.enter_context(archive.open("x.csv", "w", force_zip64=True))
            else:
                stream = stack.enter_context(OPENERS[ending](path, "wb"))
            for _ in range(megabytes):
                stream.write(piece)

    return write


ROWS = b"0,1\n" * (1 << 18)

FILES = [
    *(Hostile(f"x{ending}", content(PICKLE), "a pickle") for ending in ENDINGS),
    *(Hostile(f"x{ending}", content(b""), "nothing") for ending in ENDINGS),
    *(Hostile(f"x{ending}", content(NOISE), "noise") for ending in ENDINGS),
    *(Hostile(f"x{ending}", lambda path: path.mkdir(), "a folder") for ending in ENDINGS),
    *(Hostile(f"x.csv{end}", content(PICKLE), "a pickle") for end in PACKED),
    *(Hostile(f"x.csv{end}", content(pack(PICKLE)), "a pickle, packed") for end, pack in PACKED.items()),
    *(Hostile(f"x.csv{end}", content(pack(NOISE)), "noise, packed") for end, pack in PACKED.items()),
    *(Hostile(f"x.csv{end}", content(pack(b"")), "nothing, packed") for end, pack in PACKED.items()),
    *(
        Hostile(f"x.csv{end}", content(pack(NOISE.hex().encode() * 40)[:-900]), "cut short")
        for end, pack in PACKED.items()
    ),
    *(
        Hostile(
            f"x.csv{end}", bomb(end, 48, ROWS), "48 MB of rows", mentions="LOWERBOUND_UNPACKED", heavy=True
        )
        for end in PACKED
    ),
    *(
        Hostile(f"x.csv{end}", bomb(end, 100, bytes(1 << 20)), "100 MB of zeros", heavy=True)
        for end in (".gz", ".zst", ".zip")
    ),
    *(
        Hostile(f"x.csv{end}", bomb(end, 40, b"a" * (1 << 20)), "a line of 40 MB", heavy=True)
        for end in (".gz", ".zst", ".bz2")
    ),
    *(
        Hostile(f"x.json{end}", bomb(end, 48, b"[],[]," * 170_000), "48 MB of lists", heavy=True)
        for end in (".gz", ".zst")
    ),
    Hostile(
        "x.xlsx",
        content(lambda: zipped({"xl/workbook.xml": bytes(100 << 20)})),
        "100 MB of zeros",
        mentions="UNPACKED",
        heavy=True,
    ),
    Hostile("x.pkl", content(PICKLE), "a pickle", mentions="could run code"),
    Hostile("x.joblib", content(PICKLE), "a pickle", mentions="could run code"),
    Hostile("x.pt", content(PICKLE), "a pickle"),
    Hostile(
        "x.csv.zip", content(zipped({"a.csv": b"1\n", "b.csv": b"2\n"})), "two files", mentions="2: a.csv"
    ),
    Hostile("x.csv.zip", content(zipped({"../../x.csv": b""})), "a path that leads out of it, empty"),
    Hostile("x.csv.zip", content(zipped({"x.csv.gz": gzip.compress(b"1,2\n")})), "a container in it"),
    Hostile("x.csv.zip", content(zipped({"x.pkl": PICKLE})), "a pickle in it"),
    Hostile(
        "x.csv.zip",
        content(zipped({"x.csv": b"1,2\n" * 99}, zipfile.ZIP_STORED).replace(b"1,2", b"9,9")),
        "changed after",
    ),
    Hostile("x.csv.gz.gz", content(gzip.compress(gzip.compress(b"1,2\n"))), "twice packed"),
    Hostile(
        "x.csv.xz",
        content(lzma.compress(NOISE, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}])),
        "noise, of a dictionary of 1 GB",
    ),
    Hostile(
        "x.csv.gz", content(gzip.compress(b"1,2\n" * 999)[:-4] + b"\0\0\0\0"), "another length at its end"
    ),
    Hostile("x.csv.gz", content(gzip.compress(b"1,2\n3,4\n") + NOISE), "noise behind it"),
]
