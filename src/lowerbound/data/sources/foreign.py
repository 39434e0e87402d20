"""Formats of other programs, read where a library at hand reads them: Excel, Stata, SPSS, SAS, AnnData,
Matrix Market and 10x Genomics."""

from __future__ import annotations

import csv
import datetime
import io
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lowerbound.archive.records import Reading
from lowerbound.data.errors import DataError
from lowerbound.data.sources.contents import Contents
from lowerbound.data.sources.delimited import read_rows_of_text
from lowerbound.data.sources.file import File
from lowerbound.data.sources.held import check_held, check_unpacked, check_width, size_of, whole
from lowerbound.data.sources.names import named
from lowerbound.data.sparse import dense
from lowerbound.data.tables import Columns, columns_of

__all__ = [
    "read_10x",
    "read_anndata",
    "read_excel",
    "read_matrix_market",
    "read_sas",
    "read_spss",
    "read_stata",
]


def read_excel(file: File, reading: Reading) -> Columns:
    """The first sheet of an `.xlsx` that holds anything, by openpyxl."""
    with whole(file.path, ".xlsx"), file.whole() as stream, zipfile.ZipFile(stream) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
        check_unpacked(file.path, size_of(stream), unpacked, "save the sheet as .csv")
    with _at_hand("openpyxl", file, "save the sheet as .csv"):
        import openpyxl
    with whole(file.path, ".xlsx"), file.whole() as stream:
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        sheets = [(sheet.title, rows) for sheet in book.worksheets if (rows := _rows(sheet))]
        book.close()
        if not sheets:
            raise ValueError("its sheets are empty")
        (title, rows), *others = sheets
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows(rows)
        read = read_rows_of_text(file, written.getvalue(), None, reading)
    return _noted(read, f"sheet {title!r} of {len(sheets)}") if others else read


def _rows(sheet: Any) -> list[list[str]]:
    """The rows of a sheet that hold something, as text."""
    rows = [[_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    return [row for row in rows if any(row)]


def _text(cell: Any) -> str:
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ")
    return "" if cell is None else str(cell)


def read_matrix_market(file: File, reading: Reading) -> Contents:
    """The matrix in a `.mtx`, a row a line of it, by SciPy."""
    from scipy.io import mminfo, mmread

    with whole(file.path, ".mtx"), file.open() as stream:
        # Of a stream that is a file, of a last line without an end, and of bytes that are no text SciPy may
        # end the process.
        content = stream.read().rstrip() + b"\n"
        if b"\0" in content:
            raise ValueError("it holds bytes that are not text")
        # An entry takes two bytes at least, a digit and the end of its line.
        check_held(str(file.path), (mminfo(io.BytesIO(content))[2],), 2, len(content))
        matrix = mmread(io.BytesIO(content))
        return Contents(matrix if isinstance(matrix, np.ndarray) else dense(matrix, str(file.path)))


def read_10x(folder: Path, reading: Reading) -> Columns | None:
    """The counts in a folder of 10x Genomics, a row a cell and a column a feature by its identifier: the
    transpose of its matrix. None of a folder without one."""
    paths = {path.name.removesuffix(".gz"): path for path in sorted(folder.iterdir())}
    if "matrix.mtx" not in paths:
        return None
    x = np.asarray(read_matrix_market(File.at(paths["matrix.mtx"]), reading).data)
    names = paths.get("features.tsv") or paths.get("genes.tsv")
    if names is None:
        return Columns(x, None)
    with whole(names, "text"), File.at(names).open() as stream:
        features = tuple(line.split("\t")[0].strip() for line in stream.read().decode().splitlines())
    if len(features) != len(x):
        raise DataError(names, f"a name for each of {len(x)} lines of the matrix", f"{len(features)}")
    return named(Columns(x, features))


def read_stata(file: File, reading: Reading) -> Columns:
    """The columns of Stata's `.dta`, by pandas; labelled values are text."""
    with _at_hand("pandas", file, "in Stata: export delimited"):
        import pandas
    with _quietly(file.path, ".dta"), file.whole() as stream:
        try:
            return _of_frame(pandas.read_stata(stream))
        except ValueError as error:
            if "Value labels for column" not in str(error):
                raise
        stream.seek(0)
        frame = pandas.read_stata(stream, convert_categoricals=False)
    return _noted(_of_frame(frame), "labels of values that are not unique are left as numbers")


def read_spss(file: File, reading: Reading) -> Columns:
    """The columns of SPSS's `.sav`, by pandas and pyreadstat."""
    with _at_hand("pandas", file, "in SPSS: save it as .csv"):
        import pandas
    with _at_hand("pyreadstat", file, "in SPSS: save it as .csv"):
        import pyreadstat  # noqa: F401, by which pandas reads it
    with _quietly(file.path, ".sav"):
        return _of_frame(pandas.read_spss(file.plain("pyreadstat")))


def read_sas(file: File, reading: Reading) -> Columns:
    """The columns of SAS's `.sas7bdat` or `.xpt`, by pandas."""
    with _at_hand("pandas", file, "in SAS: proc export … dbms=csv"):
        import pandas
    form = "xport" if file.ending == ".xpt" else "sas7bdat"
    with _quietly(file.path, file.ending), file.whole() as stream:
        size = size_of(stream)
        with pandas.read_sas(stream, format=form, encoding="latin-1", iterator=True) as reader:
            if form == "sas7bdat":  # which may be packed; pandas counts the rows of the other
                rows, width = reader.row_count, max(reader.row_length, 8 * reader.column_count)
                check_width(file.path, reader.column_count)
                check_unpacked(file.path, size, rows * width, "save it as .csv")
            return _of_frame(reader.read())


def read_anndata(file: File, reading: Reading) -> Columns:
    """The matrix X of an `.h5ad`, dense, with the names of its variables, by anndata."""
    way_out = "python -c \"import anndata; anndata.read_h5ad('x.h5ad').to_df().to_parquet('x.parquet')\""
    with _at_hand("anndata", file, f"where it is: {way_out}"):
        import anndata
    with _quietly(file.path, ".h5ad"):
        held = anndata.read_h5ad(file.plain("anndata"))
        x = dense(held.X, str(file.path)) if hasattr(held.X, "toarray") else np.asarray(held.X)
        if (x == np.rint(x)).all():
            x = x.astype(np.int64)
        return named(Columns([*x.T], tuple(map(str, held.var_names))))


@contextmanager
def _quietly(path: Path, kind: str) -> Iterator[None]:
    """A file that is read whole, without what a library warns of in it."""
    with warnings.catch_warnings(), whole(path, kind):
        warnings.simplefilter("ignore")
        yield


def _of_frame(frame: Any) -> Columns:
    """The columns of a frame that pandas read."""
    read = columns_of(frame)
    return named(replace(read, names=tuple(map(str, frame.columns)), form="array"))


def _noted(read: Columns, note: str) -> Columns:
    return replace(read, notes=(*read.notes, note))


@contextmanager
def _at_hand(name: str, file: File, way_out: str) -> Iterator[None]:
    """Whether a library that reads a format is installed.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] with what to do where it is not.
    """
    try:
        yield
    except ImportError:
        found = f"no {name} that reads {file.ending}"
        raise DataError(file.path, f"{name} at hand", found, way_out=f"install it, or {way_out}") from None
