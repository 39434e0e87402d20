"""What a person says that columns are: by an option, or in a file."""

from __future__ import annotations

from pathlib import Path

from lowerbound.archive.documents import document_in
from lowerbound.data.schema import Kinds, Schema

__all__ = ["kinds_said"]


def kinds_said(kinds: str | None, schema: Path | None) -> Kinds | None:
    """The kinds that `--kinds A=KIND,…` names, or the schema in the file of `--schema`: what `look --json`
    writes, or the schema in that alone.

    **Raises:** `ValueError` for anything else, with the file and the field.

    >>> kinds_said("zip=category,born=date", None)
    {'zip': 'category', 'born': 'date'}
    """
    if kinds is not None and schema is not None:
        raise ValueError("--kinds: a schema says the kinds; write them into the file of --schema")
    if kinds is not None:
        pairs = [pair.rpartition("=") for pair in kinds.split(",")]
        wrong = next((f"{column}{kind}" for column, sign, kind in pairs if not (sign and column)), None)
        if wrong is not None:
            raise ValueError(f"--kinds: expected COLUMN=KIND, with commas between, found {wrong!r}")
        return {column: kind for column, _, kind in pairs}
    if schema is None:
        return None
    try:
        record = document_in(schema)
        looked = isinstance(record, dict) and "schema" in record
        return Schema.from_json(record["schema"] if looked else record)
    except (ValueError, TypeError) as error:
        raise ValueError(f"--schema {schema}: {error}") from None
