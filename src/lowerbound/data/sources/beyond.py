"""Sources larger than memory: their rows encoded once into a file, or taken from where they were."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

import lowerbound
from lowerbound.archive.records import Reading
from lowerbound.data.mapped.encoding import Encoded, UnforeseenError, encode
from lowerbound.data.mapped.memory import Memory
from lowerbound.data.mapped.passed import Told
from lowerbound.data.mapped.survey import ROWS, Survey, survey
from lowerbound.data.schema import Kinds, Schema
from lowerbound.data.sources.array_batches import ArrayBatches
from lowerbound.data.sources.batches import Batches, steadily
from lowerbound.data.sources.codes import likely_codes
from lowerbound.data.sources.doubts import doubts
from lowerbound.data.sources.kept import Kept, Stamp, Wanted
from lowerbound.data.sources.names import kept_columns
from lowerbound.data.sources.pixels import pixels_of
from lowerbound.data.tables import Columns

__all__ = ["Beyond", "plain_labels", "said_of"]

# Shares of the memory that a sample of the table's rows, and one of the encoded rows, may take; the fewest.
_TABLE, _ENCODED, _FEWEST = 4, 16, 1000
# So often a schema is found again with rows that the sample had not.
_AGAIN = 20
_SEED = 0


@dataclass(frozen=True)
class Beyond:
    """A source that is read in batches: its name, how it is read, the column of its labels, and the schema of
    a model, or else what kinds some columns are said to be."""

    batches: Batches
    name: str
    reading: Reading
    label: str | None
    schema: Schema | None
    kinds: Kinds | None

    def encoded(self, memory: Memory, told: Told) -> Kept:
        """Its rows in a file of the memory's folder, which is taken again where it is of the same files, as
        they are now, and of the same schema.

        **Raises:** [`DataError`][lowerbound.data.errors.DataError] for what cannot be encoded, with the
        number of the row; `OSError` where there is no room.
        """
        wanted = Wanted(memory.folder, tuple(map(Stamp.of, self.batches.files)), self._asked(memory))
        found = wanted.found(self.name)
        if found is not None:
            return found
        rows = _Kept(self)
        width = next(iter(rows), Columns([], None)).width or 1
        most = max(_FEWEST, min(ROWS, memory.limit // (_ENCODED * 4 * width)))
        with _room(memory, self.batches.size), wanted.begun() as folder:
            into = partial(self._into, folder, rows, most, told)
            notes: tuple[str, ...] = ()
            if self.schema is not None:
                schema = self.schema
                encoded = steadily(self.batches, lambda _: into(schema, found=False, of=self.batches.rows))
            else:
                drawn = max(_FEWEST, min(ROWS, memory.limit // (_TABLE * 8 * width)))
                looked = steadily(self.batches, lambda _: self._surveyed(rows, drawn, told))
                schema, encoded, looked = self._found(looked, into)
                notes = self._notes(looked, schema)
            array = self._as_it_is(schema)
            Kept.write(folder, wanted, encoded, schema, array=array, labels=rows.labels, notes=notes)
        return Kept.read(wanted, self.name)

    def _asked(self, memory: Memory) -> str:
        """All that the encoding follows from, but for the files."""
        kinds = self.kinds.to_json() if isinstance(self.kinds, Schema) else dict(self.kinds or {})
        schema = None if self.schema is None else self.schema.to_json()
        said = [lowerbound.__version__, asdict(self.reading), self.label, schema, kinds, memory.limit]
        return json.dumps(said)

    def _surveyed(self, rows: Iterable[Columns], most: int, told: Told) -> Survey:
        said = self.kinds if isinstance(self.kinds, Mapping) else {}
        levels = {str(name) for name, kind in said.items() if kind in ("category", "ordered")}
        of = self.batches.rows
        return survey(rows, self.name, most=most, seed=_SEED, levels=levels, told=told, of=of)

    def _found(self, looked: Survey, into: Callable[..., Encoded]) -> tuple[Schema, Encoded, Survey]:
        """The schema of all rows and the rows encoded by it: found again with rows that have no place in
        it."""
        for _ in range(_AGAIN):
            shape = self.batches.image_shape or pixels_of(looked.sample)
            schema = looked.schema(self.name, shape, self.kinds, missing=False)
            try:
                return schema, into(schema, found=True, of=looked.rows), looked
            except UnforeseenError as error:
                looked, fault = looked.with_rows(error.rows), error.fault
        raise fault

    def _into(
        self,
        folder: Path,
        rows: Iterable[Columns],
        most: int,
        told: Told,
        schema: Schema,
        *,
        found: bool,
        of: int | None,
    ) -> Encoded:
        to = folder / "rows.npy" if self._as_it_is(schema) is None else None
        return encode(rows, schema, self.name, to, found=found, most=most, seed=_SEED, told=told, of=of)

    def _as_it_is(self, schema: Schema) -> Path | None:
        """The file of an array whose rows need not be encoded."""
        if not isinstance(self.batches, ArrayBatches) or self.batches.as_it_is is None:
            return None
        return self.batches.files[0] if schema.as_it_is and not self.reading.missing_values else None

    def _notes(self, looked: Survey, schema: Schema) -> tuple[str, ...]:
        sample = looked.sample
        asked = (*likely_codes(sample), *doubts(sample, schema, said_of(self.kinds)))
        return (*sample.notes, *asked, *filter(None, [looked.words]))


@contextmanager
def _room(memory: Memory, size: int) -> Iterator[None]:
    """A full disk is told with what is needed there."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        words = f"no room for encoded rows, of about {size:,} bytes; --cache names another folder"
        raise OSError(errno.ENOSPC, words, str(memory.folder)) from None


@dataclass
class _Kept:
    """The columns of a source that are kept, a few rows at a time, as often as they are asked for; the labels
    of the rows that went by."""

    of: Beyond
    labels: list[np.ndarray] = field(default_factory=list)

    def __iter__(self) -> Iterator[Columns]:
        self.labels = []
        for batch in self.of.batches:
            yield kept_columns(self._apart(batch), self.of.reading, self.of.name, self.of.schema)

    def _apart(self, batch: Columns) -> Columns:
        """A batch without its labels."""
        label = self.of.label
        if label is None or label not in (batch.names or ()):
            return batch
        place = batch.place(label, self.of.name)
        self.labels.append(plain_labels(batch.arrays[place]))
        return batch.taken([other for other in range(batch.width) if other != place])


def plain_labels(labels: np.ndarray) -> np.ndarray:
    """Labels as numbers, or as text.

    >>> plain_labels(np.array(["a", None], object)).tolist()
    ['a', 'None']
    """
    return labels.astype(str) if labels.dtype.kind in "OMm" else labels


def said_of(kinds: Kinds | None) -> tuple[str, ...]:
    """The names of the columns of which a kind is said."""
    return kinds.names if isinstance(kinds, Schema) else tuple(map(str, kinds or ()))
