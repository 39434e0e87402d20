"""`lowerbound serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lowerbound.archive.records import AS_FOUND, Reading
from lowerbound.cli.options import Folder, Labels
from lowerbound.cli.reading import reads
from lowerbound.serve.limits import DESCRIPTIONS, Limits

if TYPE_CHECKING:
    from lowerbound.serve.access import Access
    from lowerbound.serve.service import Service

__all__ = ["serve"]

_LIMITS = Limits()
_TOKEN = "LOWERBOUND_TOKEN"


@reads
def serve(
    folder: Folder,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]",
            help="Rows whose codes the explorer shows, coloured by their labels or a column [default: the "
            "digits, of a run of theirs].",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to bind to; any but this machine's own needs a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to bind to; 0 takes a free one.")
    ] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"The file with the token that requests must bear [default: the environment's {_TOKEN}].",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name that the Host of a request may be; may be said often."),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            help="Usual rows, as DATA, that neither trained the model nor chose it, among which p-values are "
            "ranks."
        ),
    ] = None,
    labels: Labels = None,
    access_log: Annotated[
        bool,
        typer.Option("--access-log", help="A line of JSON for each request on standard error."),
    ] = False,
    rows: Annotated[int, typer.Option(help=DESCRIPTIONS["rows"])] = _LIMITS.rows,
    body: Annotated[int, typer.Option(help=DESCRIPTIONS["body"])] = _LIMITS.body,
    samples: Annotated[int, typer.Option(help=DESCRIPTIONS["samples"])] = _LIMITS.samples,
    grid: Annotated[int, typer.Option(help=DESCRIPTIONS["grid"])] = _LIMITS.grid,
    seconds: Annotated[float, typer.Option(help=DESCRIPTIONS["seconds"])] = _LIMITS.seconds,
    points: Annotated[int, typer.Option(help=DESCRIPTIONS["points"])] = _LIMITS.points,
    waiting: Annotated[int, typer.Option(help=DESCRIPTIONS["waiting"])] = _LIMITS.waiting,
    reading: Reading = AS_FOUND,
) -> int:
    """Serve a run: an HTTP API (POST /encode, /score, …; GET /openapi.json) and, at /, a page on which its
    latent space can be walked through. SIGTERM ends it: what was accepted is finished.

    Example: lowerbound serve runs/digits-2d digits
    """
    from json import dumps

    from lowerbound.archive.folder import MODEL, file_in
    from lowerbound.cli.console import compilation_cache, keep_programs, say

    limits = Limits(rows, body, samples, grid, seconds, points, waiting)
    access = _access(host, token_file, allow_host or [])
    if file_in(folder, MODEL) is None:
        raise FileNotFoundError(f"{folder}: no {MODEL}; name a folder that `fit` wrote")
    from lowerbound.serve.app import App
    from lowerbound.serve.server import serve

    def load() -> Service:
        from lowerbound.cli.inputs import calibration_rows, rows_for
        from lowerbound.runs import RunFolder
        from lowerbound.serve.service import Service

        compilation_cache()
        keep_programs()
        run = RunFolder.read(folder)
        known = None if run.provenance is None else run.provenance.data.source
        name = data or ("digits" if (known or "").split(":")[0] == "digits" else None)
        source = None if name is None else rows_for(run, name, labels, reading)
        usual = None if calibration is None else calibration_rows(run, calibration)
        return Service.of(run, source, usual)

    application = App(limits, access, (lambda told: say(dumps(told))) if access_log else None)
    serve(application, load, host, port, say)
    return 0


def _access(host: str, token_file: Path | None, names: list[str]) -> Access:
    """Who is answered.

    **Raises:** `ValueError` where others than this machine could ask, and there is no token.
    """
    from lowerbound.serve.access import LOOPBACK, Access

    said = token_file.read_text() if token_file is not None else os.environ.get(_TOKEN, "")
    token = said.strip().encode()
    if token_file is not None and not token:
        raise ValueError(f"--token-file {token_file}: expected a token, found an empty file")
    if host not in LOOPBACK and not token:
        raise ValueError(
            f"--host {host}: others could ask, so that a token is needed: --token-file FILE, or the "
            f"environment's {_TOKEN}; found neither"
        )
    hosts = LOOPBACK | {name.lower() for name in (host, *names)}
    return Access(token or None, hosts)
