"""A run on disk: a folder with the model and all that is known of how it came about."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lowerbound.archive.documents import document_in
from lowerbound.archive.folder import MODEL, file_in
from lowerbound.archive.generations import Generations, remove
from lowerbound.archive.lock import locked
from lowerbound.archive.records import (
    AS_FOUND,
    Begun,
    HistoryRecord,
    Metrics,
    Provenance,
    Reading,
    read_history,
    read_record,
    write_history,
    write_record,
)
from lowerbound.archive.store import read, save, stored_in, write
from lowerbound.archive.whole import write_whole
from lowerbound.baselines.comparison import TrainedOn
from lowerbound.baselines.density import Density
from lowerbound.baselines.store import load_baselines, save_baselines
from lowerbound.data.declared import Declared
from lowerbound.data.schema import Schema
from lowerbound.data.sources import Source
from lowerbound.data.tables import as_table
from lowerbound.models.vae import VAE

if TYPE_CHECKING:
    from lowerbound.estimator.estimator import VariationalAutoencoder
    from lowerbound.figures.shown import Shown

__all__ = ["RunFolder", "load"]

SCHEMA = "schema.json"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run, read a file at a time, each when it is asked for.

    | file | what |
    |---|---|
    | `model.safetensors` | the model with its transform; `lb.load(folder)` reads it |
    | `provenance.json` | a [`Provenance`][lowerbound.archive.records.Provenance] |
    | `schema.json` | what the columns of the training rows are, a [`Schema`][lowerbound.data.schema.Schema] |
    | `rows.safetensors` | fingerprints of the rows that trained and that chose the model |
    | `history.jsonl` | a record of the training a line |
    | `metrics.json` | [`Metrics`][lowerbound.archive.records.Metrics] on the held-out rows |
    | `baselines.safetensors` | classical densities, fitted to the training rows |
    | `*.png` | pictures |
    | `checkpoints` | until the run is whole: what it began with, and where its training stood |

    Only the model must be there: what [`lowerbound.save`][] wrote is read as well, a fitted estimator too.
    `with_holes` says that model and schema are to take rows with missing values, also where no row that
    trained the model had one.

    **Raises** when a file is read: `FileNotFoundError` where there is no model; `ValueError` in one line that
    names the file, and the field.
    """

    path: Path
    with_holes: bool = False

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, with_holes: bool = False) -> RunFolder:
        """The run in a folder; its model is read at once."""
        run = cls(Path(path), with_holes)
        _ = run.model
        return run

    @cached_property
    def model(self) -> VAE:
        """The model, which holds its transform; an estimator's own."""
        found = self._found
        model = found if isinstance(found, VAE) else found.model_
        return cast(VAE, model.taking_missing()) if self.with_holes and not model.takes_missing else model

    @cached_property
    def _found(self) -> VAE | VariationalAutoencoder:
        found = stored_in(self.path)
        if isinstance(found, VAE):
            return found
        from lowerbound.estimator.estimator import VariationalAutoencoder

        if isinstance(found, VariationalAutoencoder):
            return found
        raise ValueError(f"{self.path / MODEL}: expected a VAE or an estimator, found {type(found).__name__}")

    @property
    def estimator(self) -> VariationalAutoencoder | None:
        """The estimator, where the folder is one's."""
        found = self._found
        return None if isinstance(found, VAE) else found

    @cached_property
    def provenance(self) -> Provenance | None:
        """How the model came about; None where that was not kept."""
        path = file_in(self.path, "provenance.json")
        return None if path is None else read_record(Provenance, path)

    @cached_property
    def schema(self) -> Schema | None:
        """What the columns of the training rows are; None where that was not kept."""
        kept = _schema_in(self.path)
        if kept is None and not isinstance(self._found, VAE):
            kept = self._found.schema_
        return kept.taking_missing() if self.with_holes and kept is not None else kept

    def own_units(self, x: np.ndarray) -> tuple[Sequence[np.ndarray] | np.ndarray, Sequence[str]]:
        """Rows that the model gives as the columns of its table, and their names: numbers in the table's own
        units; of a table with categories, levels and what is drawn of each column's own type."""
        if self.schema is None:
            return x.T, self.column_names or [f"x{i}" for i in range(x.shape[1])]
        if not self.schema.numeric:
            return self.schema.restored(x), self.schema.names
        return self.schema.in_own_units(x).T, self.schema.names

    def molecules(self, x: np.ndarray) -> list[str | None] | None:
        """The SMILES of rows that the model gives; None where no column is of molecules."""
        from lowerbound.chemistry.compared import is_of_molecules, texts_of

        if self.schema is None or not any(map(is_of_molecules, self.schema.encoded)):
            return None
        return cast(list[str | None], texts_of(self.schema, x).tolist())

    @property
    def own_types(self) -> dict[str, Declared]:
        """What the table's own types say of its columns, by name, where they say more than NumPy's."""
        columns = () if self.schema is None else self.schema.columns
        return {column.name: own for column in columns if (own := column.own_type) is not None}

    @cached_property
    def trained_on(self) -> TrainedOn:
        """The fingerprints of the rows that trained and that chose the model."""
        path = file_in(self.path, "rows.safetensors")
        if path is None:
            return TrainedOn() if isinstance(self._found, VAE) else self._found.trained_on_
        try:
            return TrainedOn.of(read(path, "rows"))
        except TypeError:
            raise ValueError(f"{path}: expected the fingerprints of train and validation rows") from None

    @cached_property
    def history(self) -> tuple[HistoryRecord, ...]:
        """The records of the training."""
        path = file_in(self.path, "history.jsonl")
        return () if path is None else read_history(path)

    @cached_property
    def baselines(self) -> Mapping[str, Density]:
        """The classical densities of the same training rows, by name."""
        path = file_in(self.path, "baselines.safetensors")
        return {} if path is None else load_baselines(path)

    @cached_property
    def metrics(self) -> Metrics | None:
        """What was measured on the held-out rows, when the run ended."""
        path = file_in(self.path, "metrics.json")
        return None if path is None else read_record(Metrics, path)

    @property
    def checkpoints(self) -> Path:
        """Where the run is saved until it is whole."""
        return self.path / "checkpoints"

    @property
    def saved(self) -> list[Path]:
        """The checkpoints of its training, the newest first."""
        return Generations(self.checkpoints, keep=1).paths()

    @property
    def is_whole(self) -> bool:
        """Whether the run is there to its end."""
        return (self.path / "metrics.json").exists() and not self.checkpoints.exists()

    @contextmanager
    def training(self, begun: Begun, *, resume: bool) -> Iterator[Begun]:
        """While the run is made: its folder is there, and held for this process. What the run began with
        comes out, which is another than `begun` where it is to `resume`. At the end the checkpoints go; so
        they do where nothing was saved, and a folder that was made for it.

        **Raises:** `ValueError` for a run that began otherwise, with the first difference; `BlockingIOError`
        where another process trains into the folder.
        """
        made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undone, locked(self.path):
            path = self.checkpoints / "begun.json"
            if resume and path.exists():
                first = read_record(Begun, path)
                _check_same(self.path, first, begun)
            else:
                first = begun
                remove(self.checkpoints)
                self.checkpoints.mkdir()
                write_record(begun, path)
            try:
                yield first
            except BaseException:
                if not self.saved:
                    remove(self.checkpoints)
                    undone.callback(_remove_empty, made)
                raise
            remove(self.checkpoints)

    def write_model(
        self,
        model: VAE,
        provenance: Provenance,
        trained_on: TrainedOn,
        history: Iterable[HistoryRecord],
        schema: Schema | None = None,
    ) -> None:
        """The model and how it came about; what an earlier run left of measurements goes."""
        for name in ("baselines.safetensors", "metrics.json", "evidence.unfinished", SCHEMA):
            (self.path / name).unlink(missing_ok=True)
        save(model, self.path, overwrite=True)
        if schema is not None:
            write_whole(self.path / SCHEMA, (json.dumps(schema.to_json(), indent=1) + "\n").encode())
        write_record(provenance, self.path / "provenance.json")
        write(trained_on._asdict(), self.path / "rows.safetensors", "rows")
        write_history(history, self.path / "history.jsonl")

    def write_baselines(self, baselines: Mapping[str, Density]) -> None:
        """The classical densities, by name."""
        save_baselines(baselines, self.path / "baselines.safetensors")

    def write_metrics(self, metrics: Metrics) -> None:
        """What was measured."""
        write_record(metrics, self.path / "metrics.json")

    def write_pictures(self, shown: Shown) -> None:
        """Every picture that can be drawn; one that an earlier run had and this one has not is removed."""
        from lowerbound import figures
        from lowerbound.figures.run import NAMES, pictures_of

        pictures = pictures_of(shown)
        for name in NAMES:
            figure = pictures[name].figure if name in pictures else None
            if figure is None:
                (self.path / f"{name}.png").unlink(missing_ok=True)
            else:
                figures.save(figure, self.path / f"{name}.png")

    @property
    def column_names(self) -> tuple[str, ...] | None:
        """The names of the model's columns, where they had any."""
        return None if self.provenance is None else self.provenance.data.column_names

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """The shape of a row, where it is an image."""
        return None if self.provenance is None else self.provenance.data.image_shape

    @property
    def label(self) -> str | None:
        """The column that held the labels of the training rows."""
        return None if self.provenance is None else self.provenance.data.label

    @property
    def reading(self) -> Reading:
        """How the training rows were read from their file."""
        return AS_FOUND if self.provenance is None else self.provenance.data.reading

    def rows(self, x: Any) -> Source:
        """Rows for the model: the columns that it was trained on, in their order, and images of their shape.

        `x` is an array, a data frame, or a source. **Raises:** `ValueError` where a column is missing.
        """
        if self.schema is not None:
            return as_source(x, schema=self.schema)
        missing = self.model.takes_missing
        source = as_source(x, missing=missing).as_read(missing=missing)
        return as_trained(source, self.column_names, self.image_shape)


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders, each the one in which the one before lies, as far as they are empty."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _check_same(folder: Path, first: Begun, now: Begun) -> None:
    """Whether a call is the one that a run began with."""
    names = dict.fromkeys([*first.options, *now.options])
    for name in names:
        was, found = (options.get(name, "nothing") for options in (first.options, now.options))
        if was != found:
            raise ValueError(
                f"{folder}: the run began with {name} {was}, found {found}; it goes on as it began, or "
                "begins again in another folder"
            )
    for rows, was, found in (
        ("training", first.train_sha256, now.train_sha256),
        ("held-out", first.held_out_sha256, now.held_out_sha256),
    ):
        if was != found:
            raise ValueError(f"{folder}: the {rows} rows are not those that the run began with")


def as_source(x: Any, *, missing: bool = False, schema: Schema | None = None) -> Source:
    """An array or a data frame as a source called x; a source as it is. With a `schema`, that of a model,
    its own columns, by name."""
    if schema is not None:
        return x.under(schema) if isinstance(x, Source) else Source.of(x, "x", schema=schema)
    if isinstance(x, Source):
        return x
    rows, names = as_table(x, missing=missing)
    return Source(rows, "x", columns=names)


def as_trained(
    source: Source, columns: tuple[str, ...] | None, image_shape: tuple[int, ...] | None
) -> Source:
    """`source` with these columns, found by name where it has names, and images of this shape.

    **Raises:** `ValueError` where a column is missing.

    >>> import numpy as np
    >>> as_trained(Source(np.array([[1, 2]]), "x", columns=("a", "b")), ("b", "a"), None).x
    array([[2, 1]])
    """
    if columns is not None and source.columns is not None and source.columns != columns:
        missing = [name for name in columns if name not in source.columns]
        if missing:
            raise ValueError(
                f"{source.name}: expected the columns that the model was trained on, found no "
                f"{', '.join(missing)}"
            )
        places = [source.columns.index(name) for name in columns]
        source = replace(source, x=source.x[:, places], columns=columns)
    if source.image_shape is None and image_shape is not None:
        source = replace(source, image_shape=image_shape)
    return source


def load(path: str | os.PathLike[str], *, like: Any = None) -> Any:
    """The model, or the estimator, that the folder `path` holds: one that was saved, or a run of
    `lowerbound fit`, whose model holds its transform and the schema of its table.

    **Arguments:** `like`: a skeleton, needed where the model has parts that are not the library's: a model
    of the same structure, built by your own code, whose arrays are replaced by the saved ones.

    **Raises:** `FileNotFoundError`; `ValueError` for a file that is damaged, of a newer schema, or of
    another structure than `like`, in one line.
    """
    found, schema = stored_in(path, like=like), _schema_in(Path(path))
    return replace(found, schema=schema) if schema is not None and isinstance(found, VAE) else found


def _schema_in(folder: Path) -> Schema | None:
    """The schema that a run's folder keeps; None where there is none."""
    path = file_in(folder, SCHEMA)
    if path is None:
        return None
    try:
        return Schema.from_json(document_in(path))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: expected the schema of a table ({error})") from None
