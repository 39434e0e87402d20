"""`lowerbound look`."""

from __future__ import annotations

from dataclasses import asdict

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.options import Data, Json, Labels
from lowerbound.cli.reading import reads

__all__ = ["look"]


@reads
def look(data: Data, labels: Labels = None, json: Json = False, reading: Reading = AS_FOUND) -> int:
    """What each column is taken for, and how a row would be modelled. Nothing is trained.

    Example: lowerbound look digits
    """
    from lowerbound.assembly import build
    from lowerbound.cli.inputs import labelled
    from lowerbound.cli.outputs import print_json
    from lowerbound.data.schema import Schema

    source = labelled(data, labels, reading)
    built = build(source.rows, latent_dim=1, width=1)
    schema = source.schema or Schema.of(source.x, source.name)
    if json:
        columns = [asdict(column) for column in schema.columns]
        found = {"rows": len(source.x), "columns": columns, "likelihood": built.words}
        print_json({**found, "notes": source.notes})
    else:
        print(f"{source.name}: {len(source.x)} rows")
        print(schema)
        print(f"a row of {source.x.shape[1]} numbers; {built.words}")
    return 0
