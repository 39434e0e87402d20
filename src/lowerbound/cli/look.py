"""`lowerbound look`."""

from __future__ import annotations

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.options import Data, Json, Kinds, Labels, SchemaFile
from lowerbound.cli.reading import reads
from lowerbound.data.mapped.memory import Memory

__all__ = ["look"]


@reads
def look(
    data: Data,
    labels: Labels = None,
    kinds: Kinds = None,
    schema: SchemaFile = None,
    json: Json = False,
    memory: Memory | None = None,
    reading: Reading = AS_FOUND,
) -> int:
    """What each column is taken for, and how a row would be modelled. Nothing is trained. With --json the
    schema is written so that it can be corrected and handed to fit (--schema).

    Example: lowerbound look digits
    """
    from lowerbound.assembly import build
    from lowerbound.cli.inputs import labelled
    from lowerbound.cli.kinds import kinds_said
    from lowerbound.cli.outputs import print_json
    from lowerbound.data.schema import Schema

    source = labelled(data, labels, reading, kinds=kinds_said(kinds, schema), memory=memory)
    built = build(source.rows, latent_dim=1, width=1)
    found = source.schema or Schema.of(source.x, source.name)
    if json:
        said = {"rows": len(source.x), "schema": found.to_json(), "likelihood": built.words}
        print_json({**said, "notes": source.notes})
    else:
        print(f"{source.name}: {len(source.x)} rows")
        print(found)
        width = source.x.shape[1]
        print(f"a row of {width} number{'s' * (width > 1)}; {built.words}")
    return 0
