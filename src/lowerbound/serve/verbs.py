"""The table of verbs: what each takes, what it gives, and how. Routes, their OpenAPI, the programs that are
compiled at the start and the client follow from it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from lowerbound.serve import answering
from lowerbound.serve.service import DRAWS, Service
from lowerbound.serve.verb import Field, Part, Verb

__all__ = ["VERBS"]

_ROWS = Field("rows", "rows", "Rows: records by column name, or lists of numbers; null is a missing value.")
_CODES = Field("codes", "codes", "Codes, each of as many numbers as the latent space has dimensions.")
_SEED = Field("seed", "whole", "All randomness follows from it.", None, least=0, most=2**31 - 1)
_OUT_ROWS = Part("rows", "rows", "Rows in the table's own units and types.")
_OUT_CODES = Part("codes", "codes", "Codes: the posterior means E[z|x].")


def _rows_example(service: Service) -> list[Any]:
    """Two rows that the model itself would make."""
    rows = service.sample(2, seed=0).json()
    return rows.tolist() if isinstance(rows, np.ndarray) else list(rows)


def _zeros(service: Service) -> list[float]:
    return [0.0] * service.latent_dim


def _holed(service: Service) -> dict[str, Any]:
    """A row of which the first value that may be missing is."""
    row = _rows_example(service)[0]
    if isinstance(row, dict):
        assert service.schema is not None
        row[service.schema.encoded[0].name] = None
    else:
        row[0] = None
    return {"rows": [row]}


def _path(service: Service) -> dict[str, Any]:
    zeros = _zeros(service)
    return {"from": zeros, "to": [1.0, *zeros[1:]], "steps": 3}


VERBS: Final = {
    verb.name: verb
    for verb in (
        Verb(
            "encode",
            "Codes of rows: the posterior means E[z|x].",
            (_ROWS,),
            (_OUT_CODES,),
            "codes",
            lambda service: {"rows": _rows_example(service)},
            answering.encoded,
            of_rows=True,
        ),
        Verb(
            "decode",
            "Rows of codes: the likelihood's means E[x|z], of a category its most probable level.",
            (_CODES,),
            (_OUT_ROWS,),
            "rows",
            lambda service: {"codes": [_zeros(service)]},
            answering.decoded,
            of_rows=True,
        ),
        Verb(
            "reconstruct",
            "Rows, encoded and decoded.",
            (_ROWS,),
            (_OUT_CODES, _OUT_ROWS),
            "rows",
            lambda service: {"rows": _rows_example(service)},
            answering.reconstructed,
            of_rows=True,
        ),
        Verb(
            "sample",
            "Rows from the model; with `given` from its conditional distribution.",
            (
                Field("count", "whole", "How many rows.", 10, least=1, limit="samples"),
                Field("given", "given", "Values that columns have in all rows, by name.", None),
                Field("mean", "truth", "The likelihood's means in place of observations.", False),
                _SEED,
            ),
            (
                _OUT_ROWS,
                Part("effective_sample_size", "number", "With `given`: samples of z that count.", True),
                Part("samples", "number", "With `given`: samples of z in all.", True),
            ),
            "rows",
            lambda service: {"count": 3, "seed": 0},
            answering.sampled,
            slow_with="given",
            slow_above=2_000,
        ),
        Verb(
            "score",
            "log p(x) of rows in nats, with its standard error and how it was found.",
            (_ROWS, _SEED),
            (
                Part("unit", "text", "The unit of log p(x)."),
                Part("measure", "text", "The measure that the density is stated in."),
                Part(
                    "scores",
                    "scores",
                    "A score a row; `log_prob` is null where it is −∞, and `outside` then says why.",
                ),
            ),
            "scores",
            lambda service: {"rows": _rows_example(service)},
            answering.scored,
            of_rows=True,
            quick=answering.scored_quickly,
            slow_above=16,
            piece=32,
        ),
        Verb(
            "p_values",
            "Conformal p-values: how odd a row is among the run's calibration rows.",
            (_ROWS,),
            (Part("p_values", "numbers", "A p-value a row."),),
            "p_values",
            lambda service: {"rows": _rows_example(service)},
            answering.ranked,
            of_rows=True,
            slow=True,
            piece=64,
        ),
        Verb(
            "surprise",
            "How surprising each column of a row is given the others, in nats.",
            (_ROWS,),
            (
                Part("unit", "text", "The unit of the surprise."),
                Part("columns", "names", "The columns."),
                Part(
                    "surprise", "matrix", "−log p(column|the others), a row each; null where it is missing."
                ),
            ),
            "surprise",
            lambda service: {"rows": _rows_example(service)[:1]},
            answering.surprised,
            of_rows=True,
            slow=True,
            piece=4,
        ),
        Verb(
            "impute",
            "Rows with their missing values (null) filled in: means, intervals, draws.",
            (
                _ROWS,
                Field("draws", "whole", "How many completed tables are drawn.", 0, least=0, most=DRAWS),
                Field(
                    "interval", "number", "The probability of the intervals.", 0.9, least=0.001, most=0.999
                ),
                _SEED,
            ),
            (
                Part("rows", "rows", "Rows with means, and most probable levels, for what was missing."),
                Part("lower", "rows", "The lower ends of the intervals."),
                Part("upper", "rows", "The upper ends of the intervals."),
                Part(
                    "probabilities", "levels", "Of each category the probabilities of its levels, a row each."
                ),
                Part("draws", "draws", "Drawn tables."),
                Part("effective_sample_size", "numbers", "Samples that count, a row; null without a hole."),
            ),
            "rows",
            _holed,
            answering.imputed,
            of_rows=True,
            slow=True,
            piece=32,
            instead="draws",
        ),
        Verb(
            "interpolate",
            "Codes and rows on the way from one code to another.",
            (
                Field("from", "code", "The first code."),
                Field("to", "code", "The last code."),
                Field("steps", "whole", "How many, with both ends.", 9, least=2, limit="grid"),
            ),
            (_OUT_CODES, _OUT_ROWS),
            "rows",
            _path,
            answering.between,
        ),
        Verb(
            "traverse",
            "Codes and rows along one dimension of the latent space.",
            (
                Field("code", "code", "Where the other dimensions stay."),
                Field("dimension", "whole", "Which dimension, from 0.", 0, least=0, most=2**20),
                Field("low", "number", "Where it begins.", -3.0, least=-1e6, most=1e6),
                Field("high", "number", "Where it ends.", 3.0, least=-1e6, most=1e6),
                Field("steps", "whole", "How many, with both ends.", 9, least=1, limit="grid"),
            ),
            (_OUT_CODES, _OUT_ROWS),
            "rows",
            lambda service: {"code": _zeros(service), "dimension": 0, "steps": 3},
            answering.along,
        ),
        Verb(
            "grid",
            "Codes and rows all over a part of a plane, line by line: corner + i right + j up.",
            (
                Field("corner", "code", "The first code."),
                Field("right", "code", "From a code to the next in its line."),
                Field("up", "code", "From a line to the next."),
                Field("width", "whole", "Codes of a line.", 20, least=1, limit="grid"),
                Field("height", "whole", "Lines.", 20, least=1, limit="grid"),
            ),
            (_OUT_CODES, _OUT_ROWS),
            "rows",
            lambda service: {
                **{name: _zeros(service) for name in ("corner", "right", "up")},
                **{"width": 2, "height": 2},
            },
            answering.on_grid,
        ),
    )
}
