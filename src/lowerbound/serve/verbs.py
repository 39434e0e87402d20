"""The table of verbs: what each takes, what it gives, and how. Routes, their OpenAPI, the programs that are
compiled at the start and the client follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np

from lowerbound.inference.paths import interpolated, planar, traversed
from lowerbound.serve.errors import Refused
from lowerbound.serve.service import DRAWS, Scored, Service
from lowerbound.serve.table import Table

__all__ = ["VERBS", "Answer", "Field", "Part", "Verb"]

Answer = Mapping[str, Any]
FieldKind = Literal["rows", "codes", "code", "whole", "number", "truth", "given"]
PartKind = Literal[
    "rows", "codes", "numbers", "number", "text", "names", "scores", "matrix", "draws", "levels"
]

REQUIRED: Final = object()


@dataclass(frozen=True)
class Field:
    """A field of a request: `rows` and `codes` are many, a `code` is one; a whole number or a number lies
    between `least` and `most`, of which the latter may be one of the server's limits, by its name."""

    name: str
    kind: FieldKind
    words: str
    default: Any = REQUIRED
    least: float | None = None
    most: float | None = None
    limit: str | None = None

    @property
    def required(self) -> bool:
        """Whether a request must have it."""
        return self.default is REQUIRED


@dataclass(frozen=True)
class Part:
    """A part of an answer, which may be null where it is `optional`."""

    name: str
    kind: PartKind
    words: str
    optional: bool = False


@dataclass(frozen=True)
class Verb:
    """A verb: its `fields`, the `parts` of its answer, and the part that goes into an array or a table.

    `answer` computes the parts from the fields, whose rows are columns by then, and whose codes an array.
    Where the answer is `of_rows`, a row's own, rows of several requests that are alike in all else are handed
    to it together. A `slow` verb, one with a field that makes it so (`slow_with`), or of more rows than a few
    (`slow_above`), takes so long that others do not wait for it, and its rows are taken in pieces. One that
    is quick for most rows has `quick`, an answer in which a row's own may not hold yet: then the request goes
    to the slow ones."""

    name: str
    words: str
    fields: tuple[Field, ...]
    parts: tuple[Part, ...]
    main: str
    example: Callable[[Service], dict[str, Any]]
    answer: Callable[[Service, Mapping[str, Any]], Answer]
    of_rows: bool = False
    slow: bool = False
    slow_with: str | None = None
    slow_above: int | None = None
    quick: Callable[[Service, Mapping[str, Any]], tuple[Answer, np.ndarray]] | None = None
    piece: int | None = None
    instead: str | None = None

    def main_of(self, asked: Mapping[str, Any]) -> str:
        """The part that goes into an array or a table: `instead`, tables one after the other, where the field
        of that name asks for some."""
        return self.instead if self.instead is not None and asked[self.instead] else self.main

    @cached_property
    def over(self) -> str | None:
        """The field whose rows, or codes, the answer has one each of."""
        return next((field.name for field in self.fields if field.kind in ("rows", "codes")), None)

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The other fields."""
        return tuple(field.name for field in self.fields if field.name != self.over)


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


Asked = Mapping[str, Any]


def _encode(service: Service, asked: Asked) -> Answer:
    return {"codes": service.encode(service.rows(asked["rows"]))}


def _decode(service: Service, asked: Asked) -> Answer:
    return {"rows": service.decode(asked["codes"])}


def _reconstruct(service: Service, asked: Asked) -> Answer:
    codes = service.encode(service.rows(asked["rows"]))
    return {"codes": codes, "rows": service.decode(codes)}


def _sample(service: Service, asked: Asked) -> Answer:
    count, mean, seed = asked["count"], asked["mean"], asked["seed"]
    if asked["given"] is None:
        drawn = service.sample(count, mean=mean, seed=seed)
        return {"rows": drawn, "effective_sample_size": None, "samples": None}
    drawn, size, samples = service.sample_given(asked["given"], count, mean=mean, seed=seed)
    return {"rows": drawn, "effective_sample_size": size, "samples": samples}


def _scores(scored: Scored) -> Answer:
    """The columns of scores, and why log p(x) is −∞ where it is."""
    evidence = scored.evidence
    names = ("log_prob", "standard_error", "effective_sample_size", "k_hat", "method", "reliable")
    columns = [getattr(evidence, name) for name in names]
    columns[names.index("method")] = evidence.method.astype(object)
    why = np.full(len(evidence.log_prob), None, object)
    for row, words in scored.outside.items():
        why[row] = words
    scores = Table([*columns, why], (*names, "outside"))
    return {"unit": "nats", "measure": evidence.measure, "scores": scores}


def _score(service: Service, asked: Asked) -> Answer:
    return _scores(service.score(asked["rows"], asked["seed"]))


def _score_quickly(service: Service, asked: Asked) -> tuple[Answer, np.ndarray]:
    """By the first rung alone, whose number is that of the ladder wherever it holds."""
    scored = service.score(asked["rows"], asked["seed"], quickly=True)
    evidence = scored.evidence
    holds = evidence.reliable | ~np.isfinite(evidence.log_prob)
    return _scores(scored), holds if service.climbs else np.ones_like(holds)


def _p_values(service: Service, asked: Asked) -> Answer:
    return {"p_values": service.p_values(asked["rows"])}


def _surprise(service: Service, asked: Asked) -> Answer:
    schema = service.schema
    names = (
        [f"x{i}" for i in range(service.width)] if schema is None else [each.name for each in schema.encoded]
    )
    nats = service.surprise(asked["rows"])
    return {"unit": "nats", "columns": names, "surprise": nats}


def _impute(service: Service, asked: Asked) -> Answer:
    read = asked["rows"]
    found, (mean, lower, upper, *draws) = service.impute(read, interval=asked["interval"], seed=asked["seed"])
    levels = {str(name): probabilities for name, probabilities in found.probabilities.items()}
    return {
        **{"rows": mean, "lower": lower, "upper": upper, "probabilities": levels},
        "draws": draws[: asked["draws"]],
        "effective_sample_size": found.effective_sample_size,
    }


def _interpolate(service: Service, asked: Asked) -> Answer:
    (a,), (b,) = (service.codes([asked[name]]) for name in ("from", "to"))
    codes = interpolated(service.model, a, b, asked["steps"])
    return {"codes": codes, "rows": service.decode(codes)}


def _traverse(service: Service, asked: Asked) -> Answer:
    (code,) = service.codes([asked["code"]])
    if asked["dimension"] >= len(code):
        raise Refused(
            "out_of_range",
            f"expected a dimension below {len(code)}, found {asked['dimension']}",
            *("dimension", f"0 to {len(code) - 1}", str(asked["dimension"])),
        )
    codes = traversed(code, *(asked[name] for name in ("dimension", "low", "high", "steps")))
    return {"codes": codes, "rows": service.decode(codes)}


def _grid(service: Service, asked: Asked) -> Answer:
    (corner,), (right,), (up,) = (service.codes([asked[name]]) for name in ("corner", "right", "up"))
    codes = planar(corner, right, up, asked["width"], asked["height"])
    return {"codes": codes, "rows": service.decode(codes)}


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
            _encode,
            of_rows=True,
        ),
        Verb(
            "decode",
            "Rows of codes: the likelihood's means E[x|z], of a category its most probable level.",
            (_CODES,),
            (_OUT_ROWS,),
            "rows",
            lambda service: {"codes": [_zeros(service)]},
            _decode,
            of_rows=True,
        ),
        Verb(
            "reconstruct",
            "Rows, encoded and decoded.",
            (_ROWS,),
            (_OUT_CODES, _OUT_ROWS),
            "rows",
            lambda service: {"rows": _rows_example(service)},
            _reconstruct,
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
            _sample,
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
            _score,
            of_rows=True,
            quick=_score_quickly,
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
            _p_values,
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
            _surprise,
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
            _impute,
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
            _interpolate,
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
            _traverse,
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
            _grid,
        ),
    )
}
