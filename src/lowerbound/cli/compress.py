"""`lowerbound compress` and `lowerbound decompress`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.options import Data, Folder, Json, Labels, Overwrite
from lowerbound.cli.reading import reads
from lowerbound.compression.source import Source

__all__ = ["compress", "decompress"]

_ENDING = ".lbz"


@reads
def compress(
    folder: Folder,
    data: Data,
    out: Annotated[Path, typer.Option(help=f"The file, {_ENDING}.")],
    posterior: Annotated[
        Source,
        typer.Option(
            help="What codes are drawn from. encoder: q(z∣x), for as many bits as the bound says; refined: a "
            "Gaussian fitted to each row, for fewer, at many times the time."
        ),
    ] = "encoder",
    labels: Labels = None,
    overwrite: Overwrite = False,
    json: Json = False,
    reading: Reading = AS_FOUND,
) -> int:
    """Rows of whole numbers as a file, without loss, by bits-back coding: as many bits as the bound says.
    Behind a binarisation it is the binary rows that are kept. `decompress` needs the same run, software and
    kind of processor.

    Example: lowerbound compress runs/digits digits:test --out digits.lbz
    """
    import lowerbound as lb
    from lowerbound.archive.whole import write_whole
    from lowerbound.cli.console import say
    from lowerbound.cli.inputs import run_and_rows
    from lowerbound.cli.outputs import print_json, usable_file

    usable_file(out, (_ENDING,), overwrite)
    run, source = run_and_rows(folder, data, labels, reading)
    file = lb.compress(run.model, source.rows, posterior=posterior)
    write_whole(out, file)
    rows, columns = source.x.shape
    bits = 8 * len(file) / source.x.size
    if json:
        told = {"out": str(out), "rows": rows, "columns": columns, "bytes": len(file), "bits_per_dim": bits}
        print_json(told)
    else:
        note = f", {run.model.transform.note}" if run.model.transform.note else ""
        say(f"wrote {out} ({rows} rows of {columns}{note}): {len(file):,} bytes, {bits:.4g} bits a dimension")
    return 0


def decompress(
    folder: Folder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `compress` wrote.")],
    out: Annotated[Path, typer.Option(help="Rows as .npy, .csv or .parquet.")],
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """The rows of which `compress` made a file with this run, equal to the bit.

    Example: lowerbound decompress runs/digits digits.lbz --out digits.npy
    """
    import lowerbound as lb
    from lowerbound.cli.console import compilation_cache, report_written
    from lowerbound.cli.outputs import ARRAYS, usable_file, write_rows
    from lowerbound.runs import RunFolder

    usable_file(out, ARRAYS, overwrite)
    run = RunFolder.read(folder)
    compilation_cache()
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file")
    try:
        rows = lb.decompress(run.model, file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    write_rows(out, *run.own_units(rows))
    report_written(out, len(rows), rows.shape[1], json)
    return 0
