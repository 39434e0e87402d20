"""The application: verbs by name."""

from __future__ import annotations

import typer

from lowerbound.cli.compress import compress, decompress
from lowerbound.cli.encode import encode
from lowerbound.cli.evaluate import evaluate
from lowerbound.cli.fit import fit
from lowerbound.cli.impute import impute
from lowerbound.cli.look import look
from lowerbound.cli.reconstruct import reconstruct
from lowerbound.cli.report import report
from lowerbound.cli.sample import sample
from lowerbound.cli.score import score
from lowerbound.cli.search import search
from lowerbound.cli.serve import serve

__all__ = ["app"]

app = typer.Typer(
    name="lowerbound",
    help="Variational auto-encoders whose numbers can be trusted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    look,
    fit,
    evaluate,
    report,
    encode,
    reconstruct,
    impute,
    score,
    sample,
    search,
    compress,
    decompress,
    serve,
):
    app.command()(verb)


def _version(asked: bool) -> None:
    if asked:
        import lowerbound

        typer.echo(f"lowerbound {lowerbound.__version__}")
        raise typer.Exit


@app.callback()
def lowerbound(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Variational auto-encoders whose numbers can be trusted."""
