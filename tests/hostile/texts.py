"""Tables: lines, cells and documents that are too long, too deep or broken; what Arrow's formats declare."""

import io
import json
import struct

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.orc as orc
import pyarrow.parquet as parquet

from .hostile import NOISE, Hostile, content

TABLE = pa.table({"a": np.arange(300), "b": [f"text {i}" for i in range(300)], "c": np.linspace(0, 1, 300)})


def deep(opened, closed, depth=50_000, inside="1"):
    return opened * depth + inside + closed * depth


def written(table, form, **options):
    stream = io.BytesIO()
    if form == "parquet":
        parquet.write_table(table, stream, **options)
    elif form == "orc":
        orc.write_table(table, stream)
    elif form == "feather":
        feather.write_feather(table, stream, **options)
    return stream.getvalue()


def stream_of(*arrays):
    """Arrow's IPC of arrays that are not as they should be."""
    batch = pa.record_batch([*arrays], names=[f"x{i}" for i in range(len(arrays))])
    with pa.ipc.new_stream(kept := io.BytesIO(), batch.schema) as writer:
        writer.write_batch(batch)
    return kept.getvalue()


def patched(array, old, new):
    """Arrow's IPC of an array, of which some 32-bit numbers are others."""
    return stream_of(array).replace(struct.pack(f"<{len(old)}i", *old), struct.pack(f"<{len(new)}i", *new))


def repeated(text, rows):
    """A column that holds one text, so many times: a few bytes of a Parquet or a Feather file."""
    codes = pa.array(np.zeros(rows, np.int32))
    return pa.table({"x": pa.DictionaryArray.from_arrays(codes, pa.array([text]))})


def changed(data, old, new):
    assert old in data
    return data.replace(old, new)


BROKEN = {
    "parquet": written(TABLE, "parquet"),
    "feather": written(TABLE, "feather"),
    "orc": written(TABLE, "orc"),
}
TEXT = pa.array(["a", "b"])
LEVELS = pa.DictionaryArray.from_arrays(pa.array([7, 8, 9], pa.int32()), pa.array([*"abcdefghij"]))
NONE = pa.nulls(2_000_000_000)
LONG = "a" * 1_000_000

FILES = [
    # Delimited text.
    Hostile("x.csv", content("0," * 200_000 + "1\n"), "200,000 columns", mentions="65,536"),
    Hostile("x.txt", content("0 " * 200_000 + "1\n"), "200,000 columns between blanks"),
    Hostile("x.csv", content("a" * 9_000_000), "a line of 9 MB", mentions="bytes"),
    Hostile("x.csv", content("a,b\n" + "1" * 200_000 + ",2\n"), "a cell of 200,000 digits"),
    Hostile("x.csv", content("a,b\n" + "1" * 100_000 + "x,2\n3,4\n"), "100,000 digits and a letter"),
    Hostile("x.csv", content("a,b\n1,2\n" + "1" * 100_000 + "-,2\n"), "100,000 digits and a sign"),
    Hostile("x.csv", content("a,b\n" + "1e999,2\n" * 9), "numbers beyond all"),
    Hostile("x.csv", content('"' * 99_999), "quotation marks alone"),
    Hostile("x.csv", content("a,b\n1,2\n3,4,5,6\n"), "a line of other cells"),
    Hostile("x.csv", content("a,b\n1,2\n\x003,4\n"), "a byte that is no text"),
    Hostile("x.csv", content("a,b\n1,2\n".encode("utf-16")[:-1]), "half a character of UTF-16"),
    Hostile("x.csv", content("a,b\n1,2\n".encode("utf-32-be")), "UTF-32 without a mark"),
    Hostile("x.csv", content(b"a,b\n1,2\n" * 9000 + NOISE), "noise behind a table"),
    Hostile("x.csv", content("a,a\n1,x\n2,3\n"), "mixed types"),
    Hostile("x.csv", content("\n" * 200_000), "blank lines"),
    Hostile("x.csv", content("# nothing\n" * 50_000), "comments"),
    Hostile("x.csv", content(";" * 20_000), "separators"),
    # JSON.
    Hostile("x.json", content(deep("[", "]")), "lists in lists", mentions="deep"),
    Hostile("x.json", content(deep('{"a":', "}")), "records in records", mentions="deep"),
    Hostile("x.json", content("[" * 200_000), "lists without an end", mentions="deep"),
    Hostile("x.json", content(deep("[", "]", 200)), "lists in lists, 200 deep", mentions="deep"),
    Hostile(
        "x.json", content(deep("[", "]", 3000).encode("utf-16")), "lists in lists of UTF-16", mentions="deep"
    ),
    Hostile("x.json", content('["]' + '", ["]' * 300), "lists whose ends are text", mentions="deep"),
    Hostile("x.json", content('{"a": [' + "1" * 5000 + "]}"), "a number of 5,000 digits"),
    Hostile("x.json", content('{"a": [1, 2], "b": [1]}'), "columns of two lengths"),
    Hostile("x.json", content('{"a": [1, [2]]}'), "numbers and lists"),
    Hostile("x.json", content(json.dumps([{f"c{i}": 1 for i in range(70_000)}])), "70,000 columns"),
    Hostile("x.json", content("NaN"), "no table"),
    Hostile("x.json", content('{"a": [1'), "cut short"),
    Hostile("x.jsonl", content(deep('{"a":', "}")), "records in records", mentions="deep"),
    Hostile("x.jsonl", content('{"a": ' + deep("[", "]") + "}"), "lists in lists", mentions="deep"),
    Hostile("x.jsonl", content('{"a": 1}\n' + deep('{"a":', "}")), "the second record deep", mentions="deep"),
    Hostile("x.jsonl", content('{"a": "' + "\n" + deep('{"a":', "}")), "a text without an end, and deep"),
    Hostile("x.jsonl", content('{"a":\n' * 20_000), "records in records by lines", mentions="deep"),
    Hostile("x.jsonl", content('{"a": 1}\n{"a": "x"}\n'), "numbers and text"),
    Hostile("x.jsonl", content('{"a": "' + "x" * 9_000_000 + '"}'), "a line of 9 MB"),
    Hostile("x.jsonl", content('{"a": 1'), "cut short"),
    Hostile("x.json", content('{"a": 1} ' + deep('{"a":', "}")), "two documents, of which one is deep"),
    # Arrow's formats.
    *(Hostile(f"x.{form}", content(data[: len(data) // 2]), "cut short") for form, data in BROKEN.items()),
    *(
        Hostile(f"x.{form}", content(data[:40] + data[-40:]), "without a middle")
        for form, data in BROKEN.items()
    ),
    *(
        Hostile(f"x.{form}", content(data[:8] + NOISE + data[-8:]), "noise inside")
        for form, data in BROKEN.items()
    ),
    Hostile(
        "x.parquet",
        content(lambda: written(repeated("a", 20_000_000), "parquet", store_schema=False)),
        "20,000,000 rows in a few bytes",
        mentions="UNPACKED",
        heavy=True,
    ),
    Hostile(
        "x.parquet",
        content(lambda: written(repeated(LONG, 100_000), "parquet", store_schema=False)),
        "100 GB of text in a few bytes",
        mentions="UNPACKED",
    ),
    Hostile(
        "x.parquet",
        content(
            lambda: written(
                pa.table({"x": [LONG] * 100}), "parquet", use_dictionary=False, compression="zstd"
            )
        ),
        "100 MB of text",
        mentions="UNPACKED",
    ),
    Hostile(
        "x.parquet",
        content(lambda: written(pa.table({"x": [[1], [2, 3]]}), "parquet")),
        "lists",
        mentions="lists",
    ),
    Hostile("x.parquet", content(b"PAR1" + b"\xff" * 60 + b"\xff\xff\xff\x7fPAR1"), "a footer of 2 GB"),
    Hostile(
        "x.feather",
        content(lambda: written(pa.table({"x": [LONG] * 100}), "feather", compression="zstd")),
        "100 MB of text",
        mentions="UNPACKED",
    ),
    Hostile(
        "x.feather",
        content(lambda: written(pa.table({"x": np.zeros(20_000_000)}), "feather", compression="zstd")),
        "160 MB of zeros",
        mentions="UNPACKED",
        heavy=True,
    ),
    Hostile("x.arrow", content(lambda: stream_of(NONE)), "2·10⁹ rows of nothing", mentions="UNPACKED"),
    Hostile("x.arrow", content(lambda: patched(TEXT, [0, 1, 2], [0, 1, 2**30])), "text beyond its end"),
    Hostile("x.arrow", content(lambda: patched(TEXT, [0, 1, 2], [0, -5, 2])), "text before its beginning"),
    Hostile(
        "x.arrow", content(lambda: patched(LEVELS, [7, 8, 9], [7, 8, 2**30])), "a level that there is not"
    ),
    Hostile("x.arrow", content(b"\xff\xff\xff\xff\xff\xff\xff\x7f"), "a message of 2 GB"),
    Hostile("x.arrow", content(stream_of(pa.array([1, 2]))[:-40]), "cut short"),
    Hostile("x.orc", content(b"ORC" + b"\xff" * 90), "a footer of nothing"),
    # Others.
    Hostile("x.arff", content("@relation x\n@attribute a numeric\n"), "no rows"),
    Hostile("x.arff", content("@attribute a numeric\n@data\n{0 1, 99999999999 2}\n"), "places"),
    Hostile("x.arff", content("@attribute a numeric\n@data\n" + "1," * 99_999), "cells without an attribute"),
    Hostile("x.arff", content("@attribute '" + "\\'" * 50_000), "a name without an end"),
    Hostile("x.libsvm", content("1 1:1 99999999999999999999:1\n"), "a place beyond 64 bits"),
    Hostile("x.libsvm", content("1 2000000000:1\n" * 100), "2·10⁹ columns"),
    Hostile("x.libsvm", content("1 -5:1\n"), "a negative place"),
    Hostile("x.libsvm", content("1 3:1 2:1\n"), "places that fall"),
    Hostile("x.libsvm", content("1 1:x\n"), "a value that is none"),
    Hostile("x.libsvm", content("1 " + "1:" * 100_000), "marks alone"),
    *(
        Hostile("x.mtx", content(f"%%MatrixMarket matrix {kind}\n{sizes}\n1 1 1\n"), about)
        for kind, sizes, about in (
            ("coordinate real general", "1000000 1000000 1000000000000", "10¹² entries"),
            ("coordinate real general", "1000000000 1000000000 1", "10¹⁸ cells"),
            ("coordinate real general", "2 2 99999999999999999999", "entries beyond 64 bits"),
            ("coordinate real general", "-2 2 1", "a negative shape"),
            ("array real general", "1000000 1000000", "10¹² values"),
            ("array complex general", "1 1", "complex numbers"),
            ("coordinate pattern symmetric", "0 0 1", "an entry of nothing"),
            ("matrix", "1 1 1", "no kind"),
        )
    ),
    Hostile(
        "x.mtx", content("%%MatrixMarket matrix coordinate real general\n2 2 1\n9 9 1\n"), "a place beyond it"
    ),
    *(
        Hostile(
            "x.mtx", content(b"%%MatrixMarket matrix coordinate integer general\n2 2 2\n1 1 5\n" + end), about
        )
        for end, about in (
            (b"2 2 \0", "a byte 0"),
            (b"2 x", "a last line without an end"),
            (b"2", "half a line"),
        )
    ),
    Hostile("10x", lambda path: [path.mkdir(), (path / "matrix.mtx").write_bytes(NOISE)], "noise"),
    Hostile(
        "x.dta",
        content(
            b"<stata_dta><header><release>118</release><byteorder>LSF</byteorder><K>\xff\xff</K>"
            b"<N>" + b"\xff" * 8 + b"</N>"
        ),
        "2⁶⁴ rows",
    ),
    Hostile(
        "x.xpt",
        content(b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!000000000000000000000000000000  "),
        "a header alone",
    ),
]
