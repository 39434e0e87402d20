"""Kinds of file, each by a small one made by hand: read as a person would, or refused in one line that says
what to do."""

import datetime
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import lowerbound as lb
from lowerbound.archive.records import Reading
from lowerbound.data.sources import open_source

TABLES = Path(__file__).parent / "tables"
TREES = {"sort": ["oak", "elm", "ash"], "height": [3.5, 12, 7.25], "age": [12, 40, 9]}
COUNTED = {"sort": TREES["sort"], "age": TREES["age"]}
ROW_NUMBERS = "numbers of rows left out"


def read(name, **options):
    """The columns of a file, as Python's own, and what was said of it."""
    table = lb.read(str(TABLES / name), **options)
    return table.to_pydict(), json.loads(table.schema.metadata[b"lowerbound"])["notes"]


@pytest.mark.parametrize(
    "name",
    [
        # Separators.
        *("comma.csv", "tab.tsv", "pipe.psv"),
        # Lines.
        *("crlf.csv", "cr.csv", "blank_lines.csv", "comments.csv", "percent_comments.csv"),
        # Encodings and containers.
        *("marked.csv", "comma.csv.gz", "comma.csv.bz2", "comma.csv.xz", "comma.csv.zst", "comma.zip"),
        # Formats.
        *("records.json", "columns.json", "pandas_columns.json", "split.json", "lines.json", "lines.jsonl"),
        *("trees.parquet", "trees.feather", "stream.arrow", "trees.orc"),
    ],
)
def test_a_table_is_the_same_in_every_kind_of_file(name):
    assert read(name) == (TREES, [])


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("semicolon.csv", "numbers have a decimal comma"),
        ("utf16_unmarked.csv", "its bytes are text in UTF-16-LE"),
        ("title.csv", "1 line above the table left out, 'Trees of the park'"),
        ("trailing_separator.csv", "a last column without a name or a value left out"),
        ("trailing_in_rows.csv", "a last column without a name or a value left out"),
    ],
)
def test_and_where_something_was_decided_it_is_said(name, note):
    assert read(name) == (TREES, [note])


@pytest.mark.parametrize(
    ("name", "columns", "note"),
    [
        # White space.
        ("blanks.data", {"x0": TREES["sort"], "x1": TREES["height"], "x2": TREES["age"]}, ""),
        (
            "blanks_quoted.txt",
            {
                "x0": [18, 15, 36.1],
                "x1": [8, 8, 4],
                "x2": ["chevrolet chevelle", "buick skylark", "honda civic"],
            },
            "",
        ),
        (
            "blanks_and_tabs.dat",
            {"x0": [15.26, 14.88, 17.63], "x1": [14.84, 14.57, 15.98], "x2": [1, 1, 2]},
            "",
        ),
        # Numbers as they are written elsewhere.
        (
            "semicolon_thousands.csv",
            {
                "city": ["Ulm", "Köln", "Bonn"],
                "people": [126405, 1073096, 335789],
                "area": [118.69, 405.01, 141.06],
            },
            "thousands are marked in 'people'",
        ),
        (
            "thousands.csv",
            {"city": ["Ulm", "Köln", "Rust"], "people": [126405, 1073096, 4405]},
            "thousands are",
        ),
        ("decimal_commas_throughout.csv", {"x0": [1.5, 3.5], "x1": [2.25, 4.75]}, "decimal comma"),
        # Encodings.
        ("utf16.csv", {**TREES, "sort": ["oak", "elm", "Äsche"]}, "its bytes are text in UTF-16"),
        ("latin1.csv", {"straße": ["Königsallee", "Große Freiheit"], "länge": [812, 350]}, "text in Latin-1"),
        # Quotation marks.
        (
            "quoted_newline.csv",
            {"name": ["Ann", "Bob"], "note": ["likes\ntrees", 'says "no"'], "age": [30, 41]},
            "",
        ),
        ("quoted_header.csv", {"height,\nin m": [1.5, 1.75], "age": [30, 41]}, ""),
        (
            "single_quotes.csv",
            {
                "age": ["40-49", "50-59", "60-69"],
                "size": ["15-19", "35-39", "0-4"],
                "left": ["yes, both", "no", "no"],
            },
            "",
        ),
        (
            "sentences.csv",
            {"text": ["Good, but slow", "Bad; never again", "Fine"], "stars": [3, 1, 4]},
            "",
        ),
        # What stands above the rows.
        (
            "comment_is_header.txt",
            {"height": TREES["height"], "age": TREES["age"]},
            "those of the comment above",
        ),
        ("count_of_rows.csv", {"x0": [5.1, 6.2, 5.9], "x1": [3.5, 3.4, 3], "x2": [0, 1, 2]}, "1 line above"),
        ("excel_sep.csv", {"sort": ["oak", "elm"], "age": [12, 40]}, ""),
        # Header or none.
        (
            "no_header.csv",
            {"x0": [5.1, 6.2, 5.9], "x1": [3.5, 3.4, 3], "x2": ["setosa", "virginica", "virginica"]},
            "",
        ),
        (
            "no_header_text_first.data",
            {
                "x0": [39, 50, 38],
                "x1": ["State-gov", "Self-emp", None],
                "x2": [77516, 83311, 215646],
                "x3": ["<=50K", "<=50K", ">50K"],
            },
            "",
        ),
        ("no_header_all_text.data", {"x0": ["R", "M", "R"], "x1": ["M", "R", "R"]}, ""),
        ("value_lacks_in_first_row.csv", {"x0": ["oak", "elm", "ash"], "x1": [None, 3.5, 7]}, ""),
        (
            "rows_like_comments.csv",
            {"x0": ["#1", "#2", "oak"], "x1": [2.5, 3.5, 4.5], "x2": [3, 4, 5]},
            "",
        ),
        ("numbers_only.csv", {"x0": [1, 4, 7], "x1": [2, 5, 8], "x2": [3, 6, 9]}, ""),
        ("names_and_numbers.csv", {"class": [1, 2], "0": [5, 6], "1": [2, 4], "2": [9, 8]}, ""),
        (
            "years.csv",
            {"country": ["Norway", "Peru"], "1990": [4.2, 22.1], "2000": [4.5, 26.5], "2010": [4.9, 29.0]},
            "",
        ),
        (
            "years_apart.csv",
            {
                "place": ["Ulm", "Bonn"],
                "unit": ["kg", "kg"],
                "1990": [4.2, 2.2],
                "1995": [4.1, 2.6],
                "2000": [4.9, 2.4],
                "2001": [5, 2.5],
            },
            "",
        ),
        (
            "classes.csv",
            {
                "index": [71, 70, 69],
                "16.5": [0, 0, 1],
                "16.75": [0, 2, 0],
                "17.25": [3, 0, 4],
                "17.75": [1, 1, 2],
            },
            "has no name and is called 'index'",
        ),
        (
            "wavelengths.csv",
            {
                "400": [0.12, 0.22],
                "402": [0.15, 0.19],
                "404": [0.11, 0.25],
                "406": [0.19, 0.21],
                "408": [0.2, 0.23],
            },
            "",
        ),
        (
            "wavelengths_decreasing.csv",
            {
                "sample": ["a", "b"],
                "4000.0": [0.12, 0.22],
                "3996.1": [0.15, 0.19],
                "3992.2": [0.11, 0.25],
                "3988.3": [0.19, 0.21],
            },
            "",
        ),
        (
            "dates_in_header.csv",
            {"place": ["Ulm", "Bonn"], "Lat": [48.4, 50.7], "1/22/20": [0, 2], "1/23/20": [1, 3]},
            "",
        ),
        ("formulas.txt", {"x0": ["CC(C)=O", "c1ccc(N)cc1", "CC(=O)O", "CCO", "C=C"]}, ""),
        ("one_column_of_decimals.csv", {"height": [1.5, 1.75, 12.625]}, "numbers have a decimal comma"),
        ("one_column_of_text.txt", {"remark": ["good", "slow, but kind", "bad"]}, ""),
        ("one_column.txt", {"height": [1.5, 1.75, 1.62]}, ""),
        # Names.
        ("pandas_index.csv", COUNTED, ROW_NUMBERS),
        ("r_index.csv", COUNTED, ROW_NUMBERS),
        ("rownames.csv", COUNTED, ROW_NUMBERS),
        ("index_of_some_rows.csv", {"a": [i / 2 for i in range(30)]}, ROW_NUMBERS),
        (
            "years_in_index.csv",
            {"index": list(range(1990, 2020)), "a": [i / 2 for i in range(30)]},
            "has no name and is called 'index'",
        ),
        (
            "names_in_index.csv",
            {"index": ["Mazda RX4", "Datsun 710", "Fiat 128"], "mpg": [21, 22.8, 32.4], "cyl": [6, 4, 4]},
            "has no name and is called 'index'",
        ),
        (
            "r_row_names.txt",
            {"index": ["Mazda RX4", "Datsun 710", "Fiat 128"], "mpg": [21, 22.8, 32.4], "cyl": [6, 4, 4]},
            "has no name and is called 'index'",
        ),
        (
            "unnamed_in_the_middle.csv",
            {"sort": ["oak", "elm"], "x1": [3.5, 12], "age": [12, 40]},
            "column 1 has no name and is called 'x1'",
        ),
        ("duplicate_names.csv", {"a": [1, 5], "b": [2, 6], "a.1": [3, 7], "a.2": [4, 8]}, "is called 'a.1'"),
        # Missing values, truth values, dates.
        (
            "missing.csv",
            {
                "age": [39, None, 50, None],
                "work": [None, "State", None, None],
                "weight": [70.5, None, None, 80],
            },
            "",
        ),
        ("nothing_in_a_column.csv", {"a": [1, 2, 4], "b": [None] * 3, "c": [3, 5, 7]}, ""),
        ("truth.csv", {"a": [True, False, True], "b": [1, 0, None], "c": [1, 0, 1]}, ""),
        (
            "dates.csv",
            {
                "date": [datetime.date(2004, 3, 10), datetime.date(2004, 3, 11)],
                "time": [datetime.time(11, 34), datetime.time(12, 5)],
                "when": [
                    datetime.datetime(2004, 3, 10, 11, 34),
                    datetime.datetime(2004, 3, 11, 12, 5, 30),
                ],
                "count": [1, 2],
            },
            "",
        ),
        (
            "dates_day_first.csv",
            {
                "seen": [datetime.date(2004, 3, 10), datetime.date(2004, 3, 25), None],
                "by": ["ann", "bob", "ann"],
                "n": [1, 2, 3],
            },
            "'seen' has the day before the month",
        ),
        (
            "dates_ambiguous.csv",
            {"seen": ["10/03/2004", "11/03/2004"], "n": [1, 2]},
            "'seen' may be dates, whose day and month cannot be told apart",
        ),
        # Other formats.
        ("trees.arff", {"sort": TREES["sort"], "height in m": TREES["height"], "age": [12, None, 9]}, ""),
        ("quoted.arff", {"place": ["Ulm, Donau", "Bonn"], "n": [3, 4]}, ""),
        (
            "escaped.arff",
            {"text": ["one's own, 100%", "two"], "a name": ["b c", "a"], "n": [3, None]},
            "",
        ),
        ("mixed.json", {"a": ["1", "two"], "b": ["x", None]}, ""),
        ("nested.jsonl", {"sort": ["oak", "elm"], "place.lat": [1.5, 2.5], "place.lon": [2, 3]}, ""),
        (
            "counts.libsvm",
            {"x0": [3, 0, 1], "x1": [0, 2, 0], "x2": [0, 0, 5], "x3": [1, 0, 0], "label": [1, -1, 1]},
            "libsvm's text",
        ),
        (
            "counts.txt",
            {"x0": [3, 0, 1], "x1": [0, 2, 0], "x2": [0, 0, 5], "x3": [0.5, 0, 0], "label": [1, 0, 1]},
            "libsvm's text",
        ),
        ("matrix.mtx", {"x0": [5, 0, 1], "x1": [0, 7, 0]}, ""),
        ("one.mat", {"x0": [1.5, 3, 5], "x1": [2, 4, 6]}, ""),
        ("several.mat:b", {"x0": [1.5, 3, 5], "x1": [2, 4, 6]}, ""),
        (
            "x_and_y.mat",
            {"x0": [1.5, 3, 5], "x1": [2, 4, 6], "y": [0, 1, 1]},
            "X is the rows, y their labels",
        ),
        (
            "x_and_y.npz",
            {"x0": [1.5, 3, 5], "x1": [2, 4, 6], "y": [0, 1, 1]},
            "X is the rows, y their labels",
        ),
    ],
)
def test_a_file_is_read_as_a_person_would(name, columns, note):
    found, notes = read(name)
    assert found == columns
    assert list(found) == list(columns)
    assert any(note in said for said in notes) if note else not notes


def test_bytes_that_are_no_utf_8_may_come_late():
    found, notes = read("latin1_late.csv")
    assert found["name"][-1] == "Würm"
    assert found["length"][-1] == 40
    assert notes == ["its bytes are text in Latin-1 (Windows-1252)"]


def test_what_a_library_at_hand_reads_is_read():
    pytest.importorskip("pandas")
    assert read("trees.dta") == (TREES, [])


def test_a_sheet_of_excel_is_read():
    pytest.importorskip("openpyxl")
    found, notes = read("trees.xlsx")
    planted = [datetime.datetime(2010, 1, 2), None, datetime.datetime(2011, 5, 6)]
    assert found == {**TREES, "planted": planted}
    assert notes == ["sheet 'trees' of 2"]


def test_every_file_of_the_folder_is_named_in_a_test():
    """So that none is left without one."""
    text = Path(__file__).read_text("utf-8")
    assert [path.name for path in TABLES.iterdir() if f'"{path.name}' not in text] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "ragged.csv",
            "expected 2 cells in each line, as in the first, found 3 in line 3: '3,4,5'; mend the",
        ),
        (
            "ragged_blanks.txt",
            "expected 3 cells in each line, as in the first, found 2 in line 3: '7 8'; mend",
        ),
        ("empty.csv", "it is empty"),
        ("header_alone.csv", r"expected at least one row, found none \(columns: 2\)"),
        ("bytes.csv", "it holds bytes that are not text"),
        (
            "two_files.zip",
            "expected a zip of one file, found 2: a.csv, b.csv; unpack it, and name one of them",
        ),
        ("lists.json", "found lists in 'b'; make a column of each value, or leave them out: --drop b"),
        ("mixed_lists.json", "column 'a' has lists or records beside other values"),
        ("no_table.json", "it is no table: expected a list of records, or columns by name"),
        ("sparse.arff", "save it as a dense ARFF or as CSV"),
        ("several.mat", "found 3 in it; name one: :a, :b, :c"),
        ("trees.rds", "found '.rds'; in R: write.csv"),
        ("trees.nc", "found '.nc'; python: xarray.open_dataset"),
        ("trees.xls", "found '.xls'; save the sheet as .csv or .xlsx"),
        ("trees.tar.gz", "found '.tar.gz'; tar xf it, and name a file of it"),
        ("notes.qqq", "found '.qqq'; known are digits"),
        (
            "two_faults.csv",
            r"expected columns that are each of one kind, found 3 that are not: 'a' \('x1' in row 1\), "
            r"'b' \(inf in row 2\), 'd' \('.' in row 1\); leave them out \(--drop a,b,d\), or, where '.' "
            "and 'x1' stand for no value, --missing-values ,NA,\\?,.,x1",
        ),
    ],
)
def test_or_is_refused_in_one_line_that_says_what_to_do(name, message):
    with pytest.raises(lb.DataError, match=message) as caught:
        open_source(str(TABLES / name))
    assert str(caught.value).startswith(str(TABLES))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "library"), [("trees.xlsx", "openpyxl"), ("trees.sav", "pyreadstat"), ("trees.h5ad", "anndata")]
)
def test_a_format_whose_library_is_not_at_hand_says_what_to_do(name, library, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(lb.DataError, match=rf"found no {library} that reads .*; install it, or "):
        read(name)


@pytest.mark.parametrize(
    ("name", "options", "columns"),
    [
        ("no_header_all_text.data", {"header": True}, {"R": ["M", "R"], "M": ["R", "R"]}),
        ("names_and_numbers.csv", {"header": False, "columns": [0]}, {"x0": ["class", "1", "2"]}),
        (
            "codes.csv",
            {"missing_values": [-9999, -200]},
            {"age": [39, None, 50], "weight": [None, 70.5, 71]},
        ),
        ("codes.csv", {"missing_values": ["-9999"], "drop": ["age"]}, {"weight": [None, 70.5, 71]}),
        (
            "trees.parquet",
            {"missing_values": [40, "ash"], "drop": ["height"]},
            {"sort": ["oak", "elm", None], "age": [12, None, 9]},
        ),
        ("comma.csv", {"columns": ["age", 0]}, {"age": TREES["age"], "sort": TREES["sort"]}),
        ("one.mat", {"drop": [0]}, {"x1": [2, 4, 6]}),
        (
            "two_faults.csv",
            {"missing_values": ["x1", "."], "drop": ["b"]},
            {"a": [1, None, 3], "c": ["x", "y", "z"], "d": [5, None, 6]},
        ),
    ],
)
def test_a_person_says_how_it_is_read(name, options, columns):
    found, _ = read(name, **options)
    assert found == columns
    assert list(found) == list(columns)


def test_a_column_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(
        lb.DataError, match="the column 'size' that --drop names, found 3 columns: 'sort', 'h"
    ):
        read("comma.csv", drop=["size"])


def test_the_labels_that_a_format_sets_apart_are_labels():
    for name, labels in (("x_and_y.npz", [0, 1, 1]), ("counts.libsvm", [1, -1, 1])):
        source = open_source(str(TABLES / name))
        assert source.labels.tolist() == labels
        assert source.label is not None
        assert source.x.shape[1] == (2 if name.endswith("npz") else 4)


def test_numbers_of_float64_keep_their_last_bit(tmp_path):
    values = np.random.default_rng(0).normal(size=200) * 10.0 ** np.arange(-100, 100)
    path = tmp_path / "x.csv"
    path.write_text("a;b\n" + "".join(f"{v!r};1\n".replace(".", ",") for v in values.tolist()))
    assert lb.read(str(path))["a"].to_pylist() == values.tolist()


def test_holes_in_a_table_of_numbers_are_seen():
    """In its file empty cells say so; NaN in an array may be a fault of what made it."""
    source = open_source(str(TABLES / "codes.csv"), reading=Reading.of(missing_values=[-9999, -200]))
    assert source.schema.missing
    assert [column.holes for column in source.schema.columns] == [1, 1]
    assert not open_source(str(TABLES / "codes.csv")).schema.missing


WORDS = [
    "oak",
    "New York",
    "a, b",
    "x;y",
    'he said "no"',
    "O'Hara",
    "naïve",
    "line\nbreak",
    "#1",
    "tab\there",
]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_what_pandas_writes_in_any_dialect_is_read_back(tmp_path, separator, index, header):
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    columns = {
        "words": [WORDS[i % len(WORDS)] for i in range(1, 31)],
        "real": rng.normal(1e3, 1e4, 30).tolist(),
        "whole": rng.integers(-5, 2000, 30).tolist(),
        "holes": [None if i % 3 else i / 4 for i in range(30)],
    }
    path = tmp_path / "x.csv"
    decimals = ".," if separator in ";\t" else "."
    for encoding, quoting, decimal in product(("utf-8", "utf-16", "cp1252"), (0, 1, 2), decimals):
        layout = {"sep": separator, "decimal": decimal, "encoding": encoding, "quoting": quoting}
        pandas.DataFrame(columns).to_csv(path, index=index, header=header, **layout)
        table = lb.read(str(path)).to_pydict()
        # Without a header nothing says that the first column is no data.
        assert [*table.values()][index and not header :] == [*columns.values()]
        assert not header or [*table] == [*columns]


def test_a_folder_of_10x_is_cells_by_their_counts():
    assert read("cells")[0] == {"ENSG1": [5, 0], "ENSG2": [0, 7], "ENSG3": [300, 0]}
    assert open_source(str(TABLES / "cells")).x.dtype == np.uint16


def test_a_number_that_may_stand_for_no_value_is_asked_about():
    """It is no outlier, stands often, and apart; what is said of it is no longer said when it is missing."""
    _, notes = read("insulin.csv")
    assert notes == [
        "-9999 stands 3 times in 'age', far from the others: if for no value, --missing-values ,NA,?,-9999"
    ]
    assert read("insulin.csv", missing_values=[-9999])[1] == []
    assert read("codes.csv")[1] == []
