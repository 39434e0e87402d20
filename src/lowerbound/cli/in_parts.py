"""Results of many files, as a folder of parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lowerbound.cluster.row_map import RowMap

__all__ = ["asked_in_parts", "write_in_parts"]


def asked_in_parts(out: Path | None) -> bool:
    """Whether `--out` names a folder: one that is there, or a name without an ending."""
    return out is not None and (out.is_dir() or not out.suffix)


def write_in_parts(
    row_map: RowMap, data: str, out: Path | None, id: str | None, overwrite: bool, json: bool
) -> int:
    """The results of all files that `data` names, in the folder `out`, with the column `id` beside them."""
    from lowerbound.cli.console import Progress, compilation_cache, say
    from lowerbound.cli.outputs import print_json
    from lowerbound.cluster.parts import LIST, write_parts

    assert out is not None
    compilation_cache()
    carry = None if id is None else [id]
    with Progress("part") as progress:
        parts = write_parts(
            row_map, data, out, carry=carry, overwrite=overwrite, callbacks=[progress.in_parts]
        )
    rows, refused = sum(part.rows for part in parts), sum(part.refused for part in parts)
    if json:
        print_json({"out": str(out), "parts": len(parts), "rows": rows, "refused": refused})
        return 0
    words = f", of which {refused:,} were refused: {out / LIST}" if refused else ""
    say(f"wrote {out} ({len(parts)} parts, {rows:,} rows{words})")
    return 0
