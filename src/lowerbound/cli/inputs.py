"""Rows for a model that is already trained, read the way its training rows were."""

from __future__ import annotations

from dataclasses import replace

from lowerbound.data.sources import Source, open_labels, open_source
from lowerbound.store import Saved

__all__ = ["labelled", "rows_for"]


def rows_for(saved: Saved, data: str, labels: str | None = None) -> Source:
    """The rows that `data` names, with the columns that the model was trained on, in their order.

    **Raises:** `ValueError` where a column is missing.
    """
    source = open_source("digits:test" if data == "digits" else data)
    trained = saved.provenance.get("data", {})
    wanted = trained.get("column_names")
    if labels is not None:
        source = labelled(source, labels)
    if wanted is not None and source.columns is not None and list(source.columns) != wanted:
        missing = [name for name in wanted if name not in source.columns]
        if missing:
            raise ValueError(
                f"{data}: expected the columns that the model was trained on, found no {', '.join(missing)}"
            )
        places = [source.columns.index(name) for name in wanted]
        source = replace(source, x=source.x[:, places], columns=tuple(wanted))
    shape = trained.get("image_shape")
    if source.image_shape is None and shape is not None:
        source = replace(source, image_shape=tuple(shape))
    return source


def labelled(source: Source, labels: str) -> Source:
    """The source with labels: a column of its own, which is then no longer data, or another array."""
    if source.columns is not None and labels in source.columns:
        import numpy as np

        place = source.columns.index(labels)
        return replace(
            source,
            x=np.delete(source.x, place, axis=1),
            columns=tuple(name for name in source.columns if name != labels),
            labels=source.x[:, place],
        )
    return replace(source, labels=open_labels(labels, len(source.x)))
