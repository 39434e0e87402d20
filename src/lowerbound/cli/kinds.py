"""What a person says of columns: what they are, by an option or in a file, and how much they count."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lowerbound.data.schema import Kinds

__all__ = ["kinds_said", "weights_said"]


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
        return _pairs("--kinds", "KIND", kinds)
    if schema is None:
        return None
    from lowerbound.archive.documents import document_in
    from lowerbound.data.schema import Schema

    try:
        record = document_in(schema)
        looked = isinstance(record, dict) and "schema" in record
        return Schema.from_json(record["schema"] if looked else record)
    except (ValueError, TypeError) as error:
        raise ValueError(f"--schema {schema}: {error}") from None


def weights_said(weights: str | None) -> dict[str, float] | None:
    """The weights of `--column-weights A=WEIGHT,…`.

    **Raises:** `ValueError` for anything else.

    >>> weights_said("logP=10,year=0.5")
    {'logP': 10.0, 'year': 0.5}
    """
    if weights is None:
        return None
    found = {}
    for column, weight in _pairs("--column-weights", "WEIGHT", weights).items():
        try:
            found[column] = float(weight)
        except ValueError:
            raise ValueError(f"--column-weights: expected a number for {column}, found {weight!r}") from None
    return found


def _pairs(option: str, what: str, said: str) -> dict[str, str]:
    """COLUMN=…, with commas between; a name may hold an equals sign."""
    pairs = [pair.rpartition("=") for pair in said.split(",")]
    wrong = next((f"{column}{value}" for column, sign, value in pairs if not (sign and column)), None)
    if wrong is not None:
        raise ValueError(f"{option}: expected COLUMN={what}, with commas between, found {wrong!r}")
    return {column: value for column, _, value in pairs}
