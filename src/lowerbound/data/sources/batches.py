"""Rows of files some at a time, in bounded memory, as often as they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from lowerbound.archive.records import Reading
from lowerbound.data.errors import DataError, Place
from lowerbound.data.joined import Form, form_of, joined, rows_of
from lowerbound.data.refused import listed
from lowerbound.data.sources.contents import Contents
from lowerbound.data.sources.file import File
from lowerbound.data.sources.formats import read_source
from lowerbound.data.sources.names import Naming
from lowerbound.data.tables import Columns

__all__ = ["CELLS", "Batches", "MixedError", "WholeFiles", "all_of", "steadily"]

Found = TypeVar("Found")
# Cells of a batch: 16 MB of numbers.
CELLS = 1 << 21


class MixedError(Exception):
    """A column that was taken for something else in the rows before holds text, by its place."""

    def __init__(self, place: int):
        super().__init__(place)
        self.place = place


@dataclass
class Batches(ABC):
    """The rows of some files, one below the other, a few at a time: each look begins anew.

    The files have the same columns, by name where they have names, and each column is of one form: numbers,
    text, or dates. `texts` are the places of columns whose cells are text whatever they look like.

    **Raises** while they are read: [`DataError`][lowerbound.data.errors.DataError] with the first file that
    differs from the first.
    """

    files: tuple[Path, ...]
    reading: Reading
    texts: set[int] = field(default_factory=set)

    @property
    def rows(self) -> int | None:
        """How many rows there are, where that is known before they are read."""
        return None

    @property
    @abstractmethod
    def size(self) -> int:
        """About how many bytes the rows are when they are encoded."""

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """The shape of a row, where it is an image."""
        return None

    @property
    def label(self) -> str | None:
        """The column that holds labels, where a format says so."""
        return None

    @abstractmethod
    def of_file(self, file: File) -> Iterator[Columns]:
        """The rows of one file, a few at a time, with its own names."""

    def as_text(self, place: int) -> None:
        """Take the cells of a column for text from now on.

        **Raises:** `MixedError` for those of a format whose cells have types.
        """
        raise MixedError(place)

    def __iter__(self) -> Iterator[Columns]:
        naming: Naming | None = None
        forms: list[Form | None] = []
        of: Columns | None = None
        for path in self.files:
            file = File.at(path)
            for batch in self.of_file(file):
                if of is None or naming is None:
                    of, naming = batch, Naming.of(batch)
                    forms = [None] * batch.width
                batch = self._in_order(batch, of, path)
                self._check_forms(batch, forms, path)
                yield naming.given_to(batch)

    def _in_order(self, batch: Columns, of: Columns, path: Path) -> Columns:
        """The columns of a batch in the order of the first file's."""
        if batch.names == of.names and batch.width == of.width:
            return batch
        first = f"the columns of {self.files[0]}"
        if batch.names is None or of.names is None or len(set(batch.names)) != len(batch.names):
            found = f"{batch.width} of them, {'without' if batch.names is None else 'with'} names"
            raise DataError(path, f"{first}, {of.width}", found)
        if lacking := [name for name in of.names if name not in batch.names]:
            raise DataError(path, first, f"no {listed(lacking)}")
        if more := [name for name in batch.names if name not in of.names]:
            raise DataError(path, first, f"{listed(more)} besides", way_out="leave out what some files lack")
        return batch.taken([batch.names.index(name) for name in of.names])

    def _check_forms(self, batch: Columns, forms: list[Form | None], path: Path) -> None:
        """Whether each column goes on as it was."""
        if isinstance(batch.arrays, np.ndarray):
            return
        for place, array in enumerate(batch.arrays):
            form = form_of(array)
            if form is None or form == forms[place]:
                continue
            if forms[place] is None:
                forms[place] = form
                continue
            try:
                self.as_text(place)
            except MixedError:
                label = batch.names[place] if batch.names else place
                words = f"{_WORDS[forms[place] or 'text']} in column {label!r}, as the files before it hold"
                raise DataError(path, words, _WORDS[form], Place(column=label)) from None
            raise MixedError(place)


_WORDS = {"numbers": "numbers", "text": "text", "date": "dates", "time": "times", "span": "time spans"}


def steadily(batches: Batches, look: Callable[[Iterable[Columns]], Found]) -> Found:
    """What a look at all rows finds, begun anew where a column of numbers turns out to be text."""
    while True:
        try:
            return look(batches)
        except MixedError:
            continue


@dataclass
class WholeFiles(Batches):
    """Files of any format, each of which is read whole: as much memory is taken as the largest needs."""

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.files)

    @cached_property
    def label(self) -> str | None:
        return read_source(str(self.files[0]), self.reading).label

    def of_file(self, file: File) -> Iterator[Columns]:
        found = read_source(str(file.path), self.reading)
        table = _columns(found)
        step = max(1, CELLS // max(table.width, 1))
        for first in range(0, table.length, step):
            yield rows_of(table, slice(first, first + step))


def _columns(found: Contents) -> Columns:
    """Contents as columns, the labels that a format sets apart last."""
    table = found.data
    if isinstance(table, np.ndarray):
        table = Columns(table.reshape(len(table), -1).T, None)
    if found.labels is None or found.label is None:
        return table
    if table.names is None:
        table = Columns([*table.arrays], tuple(f"x{place}" for place in range(table.width)))
    return Columns([*table.arrays, found.labels], (*(table.names or ()), found.label), notes=table.notes)


def all_of(batches: Batches) -> Columns:
    """All rows at once."""
    return steadily(batches, lambda looked: joined(list(looked)))
