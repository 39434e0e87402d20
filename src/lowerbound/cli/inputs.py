"""Rows for a model that is already trained, read the way its training rows were."""

from __future__ import annotations

from dataclasses import replace
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lowerbound.archive.store import Saved, read
from lowerbound.cli.console import compilation_cache, say
from lowerbound.data.sources import Source, open_labels, open_source

if TYPE_CHECKING:
    import numpy as np

__all__ = ["as_trained", "history_of", "labelled", "model_and_rows", "rows_for", "training_rows"]


def model_and_rows(folder: Path, data: str, labels: str | None) -> tuple[Saved, Source]:
    """A saved model and the rows for it, with everything ready to compute."""
    saved = read(folder)
    source = rows_for(saved, data, labels)
    compilation_cache()
    return saved, source


def rows_for(saved: Saved, data: str, labels: str | None = None) -> Source:
    """The rows that `data` names, [as the model was trained][as_trained]."""
    return as_trained(saved, labelled("digits:test" if data == "digits" else data, labels))


def as_trained(saved: Saved, source: Source) -> Source:
    """`source` with the columns that the model was trained on, in their order, and images of their shape.

    **Raises:** `ValueError` where a column is missing.
    """
    trained = saved.provenance.get("data", {})
    wanted = trained.get("column_names")
    if wanted is not None and source.columns is not None and list(source.columns) != wanted:
        missing = [name for name in wanted if name not in source.columns]
        if missing:
            raise ValueError(
                f"{source.name}: expected the columns that the model was trained on, found no "
                f"{', '.join(missing)}"
            )
        places = [source.columns.index(name) for name in wanted]
        source = replace(source, x=source.x[:, places], columns=tuple(wanted))
    shape = trained.get("image_shape")
    if source.image_shape is None and shape is not None:
        source = replace(source, image_shape=tuple(shape))
    return source


def labelled(data: str, labels: str | None) -> Source:
    """The rows that `data` names with labels: a column of the table, or else an array of its own."""
    source = open_source(data, labels)
    if labels is None or (source.labels is not None and data.split(":")[0] != "digits"):
        return source
    return replace(source, labels=open_labels(labels, len(source.x)))


def history_of(folder: Path) -> list[dict[str, Any]]:
    """The records of the training, or none where none were kept."""
    path = folder / "history.jsonl"
    if not path.exists():
        return []
    try:
        return [loads(line) for line in path.read_text("utf-8").splitlines()]
    except ValueError as error:
        raise ValueError(f"{path}: expected a JSON document a line ({error})") from None


def training_rows(saved: Saved, data: str | None, labels: str | None) -> np.ndarray | None:
    """The rows that trained the model, where `data` says or where they were: known by their fingerprints.

    **Raises:** `ValueError` where `data` does not hold them all.
    """
    from lowerbound.inference.fingerprints import rows_among

    named = data or saved.provenance.get("data", {}).get("source", "")
    # `fit` names a share of a source so.
    name = str(named).removesuffix(" (trained on)")
    if not name:
        return None
    try:
        x = as_trained(saved, open_source(name, labels)).x
        rows = rows_among(x, saved.train_rows) if len(saved.train_rows) else x
        if rows is None:
            raise ValueError(f"{name}: does not hold the rows that trained the model, or not as they were")
        return rows
    except (ValueError, TypeError, OSError) as error:
        if data is not None:
            raise
        say(f"without the training rows: {error} (--train names them)")
        return None
