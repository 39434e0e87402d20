"""What an estimator is handed and gives back: arrays, as scikit-learn checks them, or frames with text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from lowerbound.data.copies import disagreeing
from lowerbound.data.schema import Schema
from lowerbound.data.settled import holes_in
from lowerbound.data.tables import Columns, columns_of, frame_columns, in_order, stack, table_like
from lowerbound.estimator.filled import filled_frame, indexed
from lowerbound.inference.completion import completed_columns

__all__ = ["by_column", "completed", "float_type", "given_back", "of_levels", "taken"]


def taken(estimator: Any, X: Any, *, reset: bool, **checks: Any) -> Columns:
    """The columns of `X`. With `reset` they are what `estimator` is of; else those are held against it, a
    frame's in another order put in order.

    A frame with text, categories or dates, or of which kinds are named, is taken as it is, since
    scikit-learn's check is for numbers; anything else goes through that, with its `checks`.
    """
    if not reset:
        names: tuple[str, ...] = tuple(getattr(estimator, "feature_names_in_", ()))
        X = in_order(X, names) if names else X  # whose other names scikit-learn refuses
    read = frame_columns(X)
    mixed = _no_numbers(read) or bool(estimator.kinds) if reset else not estimator.schema_.numeric
    if read is not None and mixed:
        if reset:
            estimator.n_features_in_ = read.width
            estimator.__dict__.pop("feature_names_in_", None)
            if read.names is not None:
                estimator.feature_names_in_ = np.asarray(read.names, dtype=object)
        return read
    try:
        X = validate_data(estimator, X, reset=reset, **checks)
    except ValueError:
        if read is not None and read.names is not None:
            stack(read, "X", missing=checks.get("ensure_all_finite") == "allow-nan")  # which names the column
        raise
    names = tuple(getattr(estimator, "feature_names_in_", ()))
    return Columns(X.T, names or None, "array" if read is None else read.form)


def _no_numbers(read: Columns | None) -> bool:
    """Whether columns hold something else, or are of a type that says which levels they have."""
    if read is None:
        return False
    typed = (own for own in read.declared if own is not None)
    return any(not own.with_holes for own in typed) or any(array.dtype.kind in "OMm" for array in read.arrays)


def given_back(schema: Schema, x: np.ndarray, like: Any = None) -> Any:
    """Rows that a model gives, as its table: an array of numbers in the table's own units, or, of a table
    with categories, a frame of the kind that it was, with the index of `like`, whose rows they are of."""
    return schema.in_own_units(x) if schema.numeric else indexed(schema.decode(x), like)


def completed(schema: Schema, read: Columns, x: np.ndarray, like: Any = None) -> Any:
    """The table that `read` are the columns of, with its holes filled by the encoded rows `x`; what was
    observed is as it was, to the bit. Of the frame `like` that is such a frame, with its index and its
    columns' own types."""
    columns = completed_columns(schema, read, x)
    if like is not None and read.form != "array":
        held = schema.held_against(read).arrays
        labels = columns_of(like).names
        if not schema.named or labels is None:
            return filled_frame(like, read.form, range(len(columns)), columns, [*map(holes_in, held)])
        if not {*schema.targets} <= {*labels}:  # what it lacks is what is to be told
            return indexed(schema.table(columns), like)
        # Another column that the frame lacks is not added to it.
        own = [place for place, name in enumerate(schema.names) if name in labels]
        places, holes = [labels.index(schema.names[place]) for place in own], [holes_in(held[p]) for p in own]
        return filled_frame(like, read.form, places, [columns[place] for place in own], holes)
    if not schema.numeric:
        return schema.table(columns)
    return np.stack(columns, axis=1).astype(float_type(read))


def of_levels(schema: Schema, probabilities: Mapping[Any, np.ndarray], like: Any) -> dict[Any, Any]:
    """Probabilities of levels, (n, levels) a column, of the rows of `like`: of a table with categories as
    such tables, of a column a level."""
    if schema.numeric:
        return dict(probabilities)
    levels = {column.name: column.levels or ("0", "1") for column in schema.encoded}
    return {
        name: indexed(table_like(schema.form, levels[name], [*each.T]), like)
        for name, each in probabilities.items()
    }


def by_column(schema: Schema, read: Columns, nats: np.ndarray) -> np.ndarray:
    """The surprise of each cell of these columns, (n, columns), from that of the encoded ones: 0 where a
    column is left out, ∞ of a value that it never held, and of a copy that does not say what its original
    says."""
    encoded, arrays = iter(nats[:, schema.firsts].T), schema.held_against(read).arrays
    differ = disagreeing(schema.columns, arrays)
    found = []
    for place, (column, values) in enumerate(zip(schema.columns, arrays, strict=True)):
        odd = column.outside(values) | differ.get(place, False)
        found.append(np.where(odd, np.inf, next(encoded) if column.encoded else 0.0))
    return np.stack(found, axis=1)


def float_type(read: Columns) -> type:
    """That of the numbers that are given back for these columns."""
    array = isinstance(read.arrays, np.ndarray) and read.arrays.dtype == np.float32
    return np.float32 if array else np.float64
