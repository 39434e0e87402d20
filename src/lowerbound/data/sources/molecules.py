"""Files of molecules: SMILES a line, and structure data (SDF); and what is no molecule, or no text of the
tokens that a column is said to have, left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.data.errors import DataError
from lowerbound.data.molecules import rdkit
from lowerbound.data.settled import holes_in, settled_objects
from lowerbound.data.sources.contents import Contents
from lowerbound.data.sources.file import File
from lowerbound.data.sources.held import whole
from lowerbound.data.tables import Columns
from lowerbound.data.tokens import TOKENIZERS

__all__ = ["read_sdf", "read_smiles", "unreadable", "without"]

# Of what is left out so many are named.
_NAMED = 5
_SMILES, _NAME = "smiles", "name"


def read_smiles(file: File, reading: Reading = AS_FOUND) -> Contents:
    """A molecule a line, `smiles`, and behind it its `name` where each has one; empty lines are none."""
    with whole(file.path, "text"), file.whole() as stream:
        lines = stream.read().decode("utf-8-sig").splitlines()
    cells = [line.split(None, 1) for line in lines if line.strip()]
    if cells and cells[0][0].lower() == _SMILES:  # a header
        cells = cells[1:]
    if not cells:
        raise DataError(file.path, "a molecule a line", "none")
    arrays, names = [_texts([each[0] for each in cells])], [_SMILES]
    if all(len(each) == 2 for each in cells):
        arrays, names = [*arrays, _texts([each[1].strip() for each in cells])], [*names, _NAME]
    kinds = {_SMILES: "molecule", **{name: "identifier" for name in names[1:]}}
    return Contents(Columns(arrays, tuple(names), "pyarrow"), kinds=kinds)


def read_sdf(file: File, reading: Reading = AS_FOUND) -> Contents:
    """The molecules of a file of structure data as `smiles`, and what it says of each, a column a property;
    of a structure that RDKit does not read an empty text.

    **Raises:** `ImportError` without `lowerbound[molecules]`.
    """
    package = rdkit()
    rows: list[dict[str, Any]] = []
    with whole(file.path, "structure data"), file.whole() as stream, package.rdBase.BlockLogs():
        for molecule in package.Chem.ForwardSDMolSupplier(stream):
            said = {} if molecule is None else molecule.GetPropsAsDict(autoConvertStrings=True)
            rows.append({_SMILES: "" if molecule is None else package.Chem.MolToSmiles(molecule), **said})
    if not rows:
        raise DataError(file.path, "molecules", "none")
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    cells = [[row.get(name) for row in rows] for name in names]
    return Contents(Columns([*map(_texts, cells)], names, "pyarrow"), kinds={_SMILES: "molecule"})


def _texts(cells: Sequence[Any]) -> np.ndarray:
    array = np.empty(len(cells), object)
    array[:] = cells
    return settled_objects(array)


def unreadable(read: Columns, kinds: Mapping[str, str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The rows of a table whose text is not of the tokens that a column of these kinds has, and what is said
    of them.

    >>> read = Columns([np.array(["CC", "C C", None], object)], ("smiles",))
    >>> unreadable(read, {"smiles": "smiles"})
    (array([1]), ("1 row left out, whose 'smiles' is no text of tokens of SMILES: 'C C' in row 1",))
    """
    wrong, notes = np.zeros(read.length, bool), []
    for name, kind in kinds.items():
        if kind not in TOKENIZERS or name not in (read.names or ()):
            continue
        values, tokenizer = read.arrays[read.place(name)], TOKENIZERS[kind]
        if values.dtype.kind != "O":
            continue
        holes = holes_in(values)
        cells = [(row, values[row]) for row in np.flatnonzero(~holes).tolist()]
        odd = [(row, cell) for row, cell in cells if isinstance(cell, str) and tokenizer.split(cell) is None]
        if odd:
            wrong[[row for row, _ in odd]] = True
            named = ", ".join(f"{cell!r} in row {row}" for row, cell in odd[:_NAMED])
            more = f" and {len(odd) - _NAMED:,} more" if len(odd) > _NAMED else ""
            rows = f"{len(odd):,} row{'s' * (len(odd) > 1)} left out"
            notes.append(f"{rows}, whose {name!r} is no text of {tokenizer.words}: {named}{more}")
    return np.flatnonzero(wrong), tuple(notes)


def without(found: Contents, read: Columns, rows: np.ndarray) -> tuple[Contents, Columns]:
    """What a file holds, and its columns, without some rows."""
    kept = np.setdiff1d(np.arange(read.length), rows)
    labels = None if found.labels is None else found.labels[kept]
    files = None if found.files is None else tuple(found.files[row] for row in kept)
    return replace(found, labels=labels, files=files), read.of_rows(kept)
