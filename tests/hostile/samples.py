"""Small sound files of every reader of our own, to be broken: the bytes of each by its name."""

import gzip
from functools import cache
from pathlib import Path

import numpy as np

from . import arrays, compressed, runs, texts

TABLES = Path(__file__).parent.parent / "data" / "tables"
FROM_TABLES = (
    *("comma.csv", "semicolon.csv", "blanks.data", "tab.tsv", "utf16.csv", "single_quotes.csv", "dates.csv"),
    *("comma.csv.gz", "comma.csv.bz2", "comma.csv.xz", "comma.csv.zst", "comma.zip", "quoted.arff"),
    *("counts.libsvm", "matrix.mtx", "one.mat", "x_and_y.npz", "records.json", "columns.json", "lines.jsonl"),
    *("trees.parquet", "trees.feather", "stream.arrow", "trees.dta"),
)


@cache
def samples():
    """The files, by name."""
    found = {name: (TABLES / name).read_bytes() for name in FROM_TABLES}
    found |= {
        "x.npy": arrays.saved(np.arange(12.0).reshape(4, 3)),
        "x.idx": arrays.idx(8, 3, 2, 2, data=bytes(range(12))),
        "x-ubyte.gz": gzip.compress(arrays.idx(8, 3, 2, 2, data=bytes(range(12)))),
        "x.png": arrays.picture("PNG"),
        "x.gif": arrays.picture("GIF"),
        "x.tif": arrays.picture("TIFF"),
        "x.bmp": arrays.picture("BMP"),
        "x.jpg": arrays.picture("JPEG"),
        "x.orc": texts.BROKEN["orc"],
    }
    return (
        found
        | {f"run/{name}": data for name, data in runs.sound().items()}
        | {"rows.lbz": compressed.compressed()}
    )


READERS = {
    "provenance.json": "provenance",
    "schema.json": "schema",
    "metrics.json": "metrics",
    "history.jsonl": "history",
    "rows.safetensors": "trained_on",
    "baselines.safetensors": "baselines",
    "model.safetensors": "model",
}


def reader_of(name):
    """What is to read the sample of this name."""
    if name.startswith("run/"):
        return READERS[Path(name).name]
    return "compressed" if name.endswith(".lbz") else "data"


def path_asked(folder, name):
    """What a reader is given, where the sample lies in a folder."""
    return str(folder / "run") if name.startswith("run/") else str(folder / name)
