"""The formats by their endings: which reader is for which, and what to do about the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lowerbound.archive.records import Reading
from lowerbound.data.errors import DataError
from lowerbound.data.sources import arff, arrow, delimited, foreign, json_document, libsvm, molecules
from lowerbound.data.sources.arrays import read_npy, read_npz
from lowerbound.data.sources.contents import Contents
from lowerbound.data.sources.file import CONTAINERS, File
from lowerbound.data.sources.idx import is_idx, read_idx
from lowerbound.data.sources.images import IMAGE_ENDINGS, read_image, read_images
from lowerbound.data.sources.mat import read_mat
from lowerbound.data.tables import Columns

__all__ = ["format_of", "is_table", "read_source"]

_TEXT = (
    *(".csv", ".tsv", ".tab", ".txt", ".dat", ".data", ".psv", ".ssv", ".asc", ".prn"),
    *(".train", ".test", ".trn", ".tst", ".all-data"),
)
_FEATHER = (".feather", ".arrow", ".ipc")
_READERS: dict[str, Callable[[File, Reading], np.ndarray | Columns | Contents]] = {
    **dict.fromkeys(_TEXT, delimited.read_delimited),
    ".parquet": arrow.read_parquet,
    **dict.fromkeys(_FEATHER, arrow.read_feather),
    ".orc": arrow.read_orc,
    **dict.fromkeys((".jsonl", ".ndjson"), arrow.read_json_lines),
    ".json": json_document.read_json,
    ".arff": arff.read_arff,
    **dict.fromkeys((".libsvm", ".svmlight", ".svm"), libsvm.read_libsvm),
    **dict.fromkeys((".xlsx", ".xlsm"), foreign.read_excel),
    **dict.fromkeys((".smi", ".smiles"), molecules.read_smiles),
    ".sdf": molecules.read_sdf,
    ".mtx": foreign.read_matrix_market,
    ".dta": foreign.read_stata,
    ".sav": foreign.read_spss,
    **dict.fromkeys((".sas7bdat", ".xpt"), foreign.read_sas),
    ".h5ad": foreign.read_anndata,
}
# Formats that hold several things, of which one may be named.
_WITH_MEMBERS = (".npz", ".mat")
_KNOWN = (
    "digits[:train|:test], .npy, .npz[:name], .csv, .tsv, .txt, .data, .parquet, .feather, .json, .jsonl, "
    ".xlsx, .arff, .libsvm, .mat, .smi, .sdf, IDX (.idx, train-images-idx3-ubyte; .gz), an image, a folder "
    "of images or of 10x Genomics"
)
_CONVERT = {
    **dict.fromkeys((".xls", ".xlsb", ".ods", ".numbers"), "save the sheet as .csv or .xlsx"),
    **dict.fromkeys((".rds", ".rda", ".rdata"), "in R: write.csv(table, 'x.csv', row.names = FALSE)"),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), "a pickle could run code: table.to_parquet('x.parquet')"),
    **dict.fromkeys((".h5", ".hdf5", ".hdf"), "python: numpy.save('x.npy', h5py.File('x.h5')[name][:])"),
    **dict.fromkeys((".nc", ".cdf"), "python: xarray.open_dataset(x).to_dataframe().to_parquet('x.parquet')"),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), "sqlite3 -header -csv x.db 'select * from t' > x.csv"),
    **dict.fromkeys((".tar", ".tgz"), "tar xf it, and name a file of it"),
    **dict.fromkeys((".7z", ".rar"), "unpack it, and name a file of it"),
    **dict.fromkeys((".htm", ".html", ".xml"), "python: pandas.read_html(x)[0].to_csv('x.csv', index=False)"),
    **dict.fromkeys((".yaml", ".yml", ".toml"), "write its records as .json"),
    **dict.fromkeys((".shp", ".geojson", ".gpkg"), "write its table without the shapes as .csv"),
    **dict.fromkeys((".fits", ".fit"), "python: astropy.table.Table.read(x).write('x.csv')"),
    **dict.fromkeys((".pt", ".pth", ".ckpt"), "python: numpy.save('x.npy', torch.load(x).numpy())"),
    **dict.fromkeys((".wav", ".mp3", ".mp4", ".pdf", ".docx"), "make a table or an array of it"),
}


def read_source(data: str, reading: Reading) -> Contents:
    """What the file or folder at `data` holds, by its ending.

    **Raises:** `FileNotFoundError`; [`DataError`][lowerbound.data.errors.DataError] for a format that is not
    read, with the line that converts it.
    """
    path, member = _named(data)
    file = File(path, path.name)
    if is_idx(path.name):
        known, ending = True, ".idx"
    else:
        known = _is_known(path)
        if known and path.is_file():
            file = File.at(path)
        ending = file.ending
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file{'' if known else f'; known are {_KNOWN}'}")
    if path.is_dir():
        if known:
            raise DataError(path, "a file", "a folder")
        counts = foreign.read_10x(path, reading)
        return read_images(path, reading) if counts is None else Contents(counts)
    if not path.is_file():
        raise DataError(path, "a file", "a device or a pipe")
    if ending in IMAGE_ENDINGS and not file.container:
        return read_image(path, reading)
    if reading.size is not None or reading.mode is not None:
        raise DataError(path, "images, to which --size and --mode belong", f"{ending or 'no'} ending")
    if is_idx(path.name):
        return Contents(read_idx(path))
    if ending == ".npy":
        return Contents(read_npy(file.plain("NumPy")))
    if ending == ".npz":
        return read_npz(file.plain("NumPy"), member)
    if ending == ".mat":
        return read_mat(file, member)
    if ending not in _READERS:
        raise _unknown(path, ending)
    found = _READERS[ending](file, reading)
    return found if isinstance(found, Contents) else Contents(found)


def format_of(path: Path) -> str | None:
    """What files of rows are alike in, by a file's name: text, Arrow's two, `.npy`, IDX, or another ending;
    None of images, of what holds several things, and of what is not read.

    >>> format_of(Path("a.csv.gz")), format_of(Path("a.tsv")), format_of(Path("a.png"))
    ('delimited text', 'delimited text', None)
    """
    if is_idx(path.name):
        return "IDX"
    if not _is_known(path):
        return None
    ending = File.at(path).ending
    if ending in _TEXT:
        return "delimited text"
    if ending in _FEATHER:
        return "Feather"
    return ending if ending in (*_READERS, ".npy") else None


def _named(data: str) -> tuple[Path, str]:
    """The path in `data`, and what is named in it.

    >>> _named("faces.npz:x")[1], _named("a:b.csv")[1]
    ('x', '')
    """
    for ending in _WITH_MEMBERS:
        file, found, member = data.partition(f"{ending}:")
        if found:
            return Path(f"{file}{ending}"), member
    return Path(data), ""


def _is_known(path: Path) -> bool:
    """Whether a file of this name may be read, in a container too, whose name need not say of what."""
    endings = [suffix.lower() for suffix in path.suffixes]
    if endings and endings[-1] in CONTAINERS:
        if endings[-1] == ".zip" or len(endings) == 1:
            return endings[-1] == ".zip"
        endings = endings[:-1]
    return bool(endings) and endings[-1] in (*_READERS, ".npy", *_WITH_MEMBERS, *IMAGE_ENDINGS)


def is_table(path: Path) -> bool:
    """Whether a file of this name is read as a table or an array, by its ending.

    >>> [is_table(Path(name)) for name in ("a.parquet", "b.csv.gz", "c.npy", "d.png", "_SUCCESS")]
    [True, True, True, False, False]
    """
    endings = {suffix.lower() for suffix in path.suffixes}
    return is_idx(path.name) or (_is_known(path) and endings.isdisjoint(IMAGE_ENDINGS))


def _unknown(path: Path, ending: str) -> DataError:
    held = ending if path.suffix.lower() == ending else f"{ending} in {path.suffix}"
    way_out = _CONVERT.get(ending) or _CONVERT.get(path.suffix.lower()) or f"known are {_KNOWN}"
    if ".tar" in path.suffixes:
        held, way_out = "".join(path.suffixes), _CONVERT[".tar"]
    return DataError(path, "a known ending", repr(held), way_out=way_out)
