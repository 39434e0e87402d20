"""Options that several verbs share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from lowerbound.data.named_kinds import KINDS
from lowerbound.evidence.defaults import Method as _Method

__all__ = [
    *("Chains", "Data", "Folder", "Id", "Json", "Kinds", "Labels", "Method", "Overwrite", "Samples"),
    *("SchemaFile", "Seed", "Steps", "Train", "Unseen"),
]

Chains = Annotated[int, typer.Option(min=2, help="Chains of log p(x) a row, with --method annealed.")]
Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="digits[:train|:test]; a file of a table (.csv and other text, .parquet, .feather, .json, "
        ".xlsx, …) or of an array (.npy, .npz[:name], IDX, …), packed too (.gz, .zip); a folder of images.",
    ),
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `fit` wrote.")]
Id = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="The column that names the rows, before the others [default: text of which no two cells are "
        "alike; of a folder of images the files; none in .npy].",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines on standard output.")]
Kinds = Annotated[
    str | None,
    typer.Option(
        metavar="A=KIND,…",
        help="What columns are, by name or by number from 0, where the guess is wrong, such as "
        f"zip=category,born=date: one of {', '.join(KINDS)} (the last two are left out).",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        help="A column that is no data, or a file with one label a row; colours the latent scatter."
    ),
]
Method = Annotated[
    _Method,
    typer.Option(
        help="How log p(x) is estimated. auto: for each row by the first of the others that holds. refined: "
        "samples around a posterior fitted to the row; refined-annealed: annealed chains from there; "
        "annealed: from the prior (--chains of them), far slower; exact: a sum over codes; importance: "
        "samples of the encoder's posterior alone, whose error cannot be relied on."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over what --out holds.")]
Samples = Annotated[
    int, typer.Option(min=2, help="Samples of log p(x) a row: more have a smaller error and take longer.")
]
Seed = Annotated[int, typer.Option(help="All randomness follows from it.")]
SchemaFile = Annotated[
    Path | None,
    typer.Option(
        "--schema",
        metavar="FILE",
        help="What the columns are, as `look --json` writes it and a person corrects it: kinds, levels and "
        "their order are taken; all else is found anew.",
    ),
]
Steps = Annotated[
    int,
    typer.Option(
        min=0,
        help="Fit each row's code: so many steps uphill in log p(x|z) from the posterior mean; some dozen "
        "find what the encoder misses of the row.",
    ),
]
Train = Annotated[
    str | None,
    typer.Option(
        help="The rows that trained the model, as DATA [default: where they were when it was trained]."
    ),
]
Unseen = Annotated[
    Literal["refuse", "missing"] | None,
    typer.Option(
        help="A level that a column never had: refuse (its row has probability 0), or missing (it is taken "
        "for a value that was not observed) [default: as the schema says, else refuse]."
    ),
]
