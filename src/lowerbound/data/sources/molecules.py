"""Files of molecules: SMILES a line, and structure data (SDF); and what is no molecule, or no text of the
tokens that a column is said to have, left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.data.errors import DataError
from lowerbound.data.molecules import rdkit
from lowerbound.data.sources.contents import Contents
from lowerbound.data.sources.file import File
from lowerbound.data.sources.held import whole
from lowerbound.data.tables import Columns, columns_of
from lowerbound.data.tokens import TOKENIZERS, unsplit
from lowerbound.text import counted, listed

__all__ = ["read_sdf", "read_smiles", "unreadable", "without"]

# Of what is left out so many are named.
_NAMED = 5
_SMILES, _NAME = "smiles", "name"


def read_smiles(file: File, reading: Reading = AS_FOUND) -> Contents:
    """A molecule a line, `smiles`, and behind it its `name` where each has one; empty lines are none, and
    counted."""
    with whole(file.path, "text"), file.whole() as stream:
        lines = stream.read().decode("utf-8-sig").splitlines()
    cells = [line.split(None, 1) for line in lines if line.strip()]
    empty = [number for number, line in enumerate(lines, 1) if not line.strip()]
    notes = (f"{counted(len(empty), 'empty line')} left out: {listed(empty)}",) if empty else ()
    if cells and cells[0][0].lower() == _SMILES:  # a header
        cells = cells[1:]
    if not cells:
        raise DataError(file.path, "a molecule a line", "none")
    kinds = {_SMILES: "molecule", _NAME: "identifier"}
    if not all(len(each) == 2 for each in cells):
        cells, kinds = [each[:1] for each in cells], {_SMILES: "molecule"}
    rows = [dict(zip(kinds, map(str.strip, each), strict=True)) for each in cells]
    return Contents(columns_of(rows), kinds=kinds, notes=notes)


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
    return Contents(columns_of(rows), kinds={_SMILES: "molecule"})


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
        values = read.arrays[read.place(name)]
        if values.dtype.kind != "O":
            continue
        odd = [row for row in np.flatnonzero(unsplit(values, kind)).tolist() if isinstance(values[row], str)]
        if odd:
            wrong[odd] = True
            named = ", ".join(f"{values[row]!r} in row {row}" for row in odd[:_NAMED])
            more = f" and {len(odd) - _NAMED:,} more" if len(odd) > _NAMED else ""
            told = f"{counted(len(odd), 'row')} left out, whose {name!r} is no text of"
            notes.append(f"{told} {TOKENIZERS[kind].words}: {named}{more}")
    return np.flatnonzero(wrong), tuple(notes)


def without(found: Contents, read: Columns, rows: np.ndarray) -> tuple[Contents, Columns]:
    """What a file holds, and its columns, without some rows."""
    kept = np.setdiff1d(np.arange(read.length), rows)
    labels = None if found.labels is None else found.labels[kept]
    files = None if found.files is None else tuple(found.files[row] for row in kept)
    return replace(found, labels=labels, files=files), read.of_rows(kept)
