"""Rows for a model that is already trained, read the way its training rows were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.console import Console, compilation_cache, say
from lowerbound.data.mapped.memory import Memory
from lowerbound.data.schema import Kinds, Schema, Unseen
from lowerbound.data.sources import Source, open_labels, open_source
from lowerbound.runs import RunFolder

__all__ = [
    "calibration_rows",
    "labelled",
    "rows_for",
    "run_and_rows",
    "training_and_held_out",
    "training_rows",
]


def run_and_rows(
    folder: Path,
    data: str,
    labels: str | None,
    reading: Reading,
    unseen: Unseen | None = None,
    memory: Memory | None = None,
    *,
    holes: bool = False,
    impossible: bool = False,
) -> tuple[RunFolder, Source]:
    """A run and the rows for its model, which may have `holes`, and some of which may be `impossible`, of
    probability 0 by its schema, with everything ready to compute."""
    run = RunFolder.read(folder, with_holes=holes)
    if unseen == "missing" and not run.model.takes_missing:
        raise ValueError(
            f"--unseen: the model in {folder} takes no missing values; fit with --unseen missing"
        )
    source = rows_for(run, data, labels, reading, unseen, memory)
    if source.fault is not None and not impossible:
        raise source.fault
    compilation_cache()
    return run, source


def rows_for(
    run: RunFolder,
    data: str,
    labels: str | None,
    reading: Reading,
    unseen: Unseen | None = None,
    memory: Memory | None = None,
) -> Source:
    """The rows that `data` names, as the model was trained: read as its rows were, unless `reading` says
    otherwise, and the column that held the labels then holds them here. `unseen` says what becomes of levels
    that it never saw, unless its schema is to say it; rows that take more than the `memory` are in a file."""
    name = "digits:test" if data == "digits" else data
    schema = run.schema if unseen is None or run.schema is None else run.schema.letting(unseen)
    within = None if memory is None else memory.beside(run.path)
    source = labelled(name, labels, reading.over(run.reading), run.label, schema, memory=within)
    return source if schema is not None else run.rows(source)


def labelled(
    data: str,
    labels: str | None,
    reading: Reading,
    known: str | None = None,
    schema: Schema | None = None,
    kinds: Kinds | None = None,
    memory: Memory | None = None,
) -> Source:
    """The rows that `data` names with labels: a column of the table, or else an array of its own. Without
    `labels` they are the column `known`, where the table has it. With a `schema` they are the rows of its
    columns, else `kinds` says what some columns are. What was decided in reading them is said."""
    with Console().encoding() as told:
        source = open_source(data, labels or known, schema, reading, kinds, memory, told)
    for note in source.notes:
        say(f"{data}: {note}")
    if labels is None or source.label is not None:
        return source
    return replace(source, labels=open_labels(labels, len(source.x)))


def training_rows(run: RunFolder, data: str | None, memory: Memory | None = None) -> Source | None:
    """The rows that trained the model, where `data` says or where they were: known by their fingerprints.

    **Raises:** `ValueError` where `data` does not hold them all.
    """
    from lowerbound.inference.fingerprints import rows_among

    if data is not None:
        name = data
    elif run.provenance is not None:
        name = run.provenance.data.source.removesuffix(_TRAINED)  # so `fit` names a share of a source
    else:
        return None
    try:
        within = None if memory is None else memory.beside(run.path)
        source = run.rows(open_source(name, run.label, run.schema, run.reading, memory=within))
        known = run.trained_on.train
        if run.trained_on.share < 1 or source.rows.mapped:
            # Of so many rows a part is known by its fingerprints: that part is looked for in a sample.
            return replace(source, x=run.trained_on.rows_among(source.rows.some()), labels=None, table=None)
        rows = rows_among(source.x, known) if len(known) else np.ones(len(source.x), bool)
        if rows is None:
            raise ValueError(f"{name}: does not hold the rows that trained the model, or not as they were")
        return replace(source, x=source.x[rows], labels=None, table=None)
    except (ValueError, TypeError, OSError) as error:
        if data is not None:
            raise
        say(f"without the training rows: {error} (--train names them)")
        return None


def calibration_rows(run: RunFolder, data: str) -> Source:
    """The rows that `data` names, which neither trained the model nor chose it.

    **Raises:** `ValueError` where some did, more than the data's repeated rows lead one to expect.
    """
    from lowerbound.inference.fingerprints import fingerprints

    source = rows_for(run, data, None, AS_FOUND)
    known = run.trained_on.among(fingerprints(source.x))
    if count := known.trained + known.chose:
        of = f"found {count:,} of {len(source.x):,} that are among the training or validation rows"
        raise ValueError(
            f"{data}: expected calibration rows that had no part in the model, {of}; leave them out"
        )
    return source


_TRAINED, _HELD_OUT = " (trained on)", " (held out)"
# The rows to report on where none are named: of 2,000 the error of a mean is a fortieth of their spread.
_SHARE, _MOST = 0.1, 2_000
# Of rows beyond memory, whatever share is asked for.
_MOST_COPIED = 100_000


def training_and_held_out(
    data: str,
    test: str | None,
    labels: str | None,
    seed: int,
    reading: Reading,
    kinds: Kinds | None = None,
    unseen: Unseen | None = None,
    memory: Memory | None = None,
    targets: str | None = None,
) -> tuple[Source, Source]:
    """The rows to train on and those to report on, which alone need labels where they are a source of their
    own. Of rows beyond memory those to report on are a copy, and are kept back from training. `targets` are
    the names of columns, with commas between."""
    told_from_others = targets.split(",") if targets else ()
    if data == "digits" and test is None:
        return open_source("digits:train").telling(told_from_others), labelled("digits:test", labels, reading)
    try:
        share = _SHARE if test is None else float(test)
    except ValueError:
        with Console().encoding() as told:
            train = open_source(data, labels, None, reading, kinds, memory, told)
        train = train.letting(unseen).telling(told_from_others)
        return train, labelled(str(test), labels, reading, schema=train.schema, memory=memory)
    if not 0 < share < 1:
        raise ValueError(f"--test: expected DATA or a share between 0 and 1, found {test}")
    source = labelled(data, labels, reading, kinds=kinds, memory=memory)
    source = source.letting(unseen).telling(told_from_others)
    if len(source.x) < 2:
        raise ValueError(f"{data}: expected at least 2 rows, one to train on and one to report on; found 1")
    n = len(source.x)
    held = max(1, round(share * n))
    held = held if test is not None else min(held, _MOST)
    random = np.random.default_rng(seed)
    if source.rows.mapped:
        numbers = np.sort(random.choice(n, min(held, _MOST_COPIED), replace=False))
        if len(numbers) < held:
            say(f"--test {share}: {len(numbers):,} rows are reported on, as many as are held in memory")
        train = replace(source, name=source.name + _TRAINED, kept_back=numbers)
        return train, source.taken(numbers, _HELD_OUT)
    order = random.permutation(n)
    return source.taken(order[held:], _TRAINED), source.taken(order[:held], _HELD_OUT)
