"""What each verb computes of the fields of a request: rows are columns by then, and codes an array."""

from __future__ import annotations

from typing import Final

import numpy as np

from lowerbound.inference.paths import interpolated, planar, traversed
from lowerbound.serve.errors import Refused
from lowerbound.serve.service import Scored, Service
from lowerbound.serve.table import Table
from lowerbound.serve.verb import Answer, Asked

__all__ = [
    "SCORES",
    *("along", "between", "decoded", "encoded", "imputed", "on_grid"),
    *("ranked", "reconstructed", "sampled", "scored", "scored_quickly", "surprised"),
]


# What is known of a score, in the order of its columns.
SCORES: Final = ("log_prob", "standard_error", "effective_sample_size", "k_hat", "method", "reliable")


def encoded(service: Service, asked: Asked) -> Answer:
    """Codes of rows."""
    return {"codes": service.encode(service.rows(asked["rows"]))}


def decoded(service: Service, asked: Asked) -> Answer:
    """Rows of codes."""
    return {"rows": service.decode(asked["codes"])}


def reconstructed(service: Service, asked: Asked) -> Answer:
    """Codes of rows, and rows of those."""
    codes = service.encode(service.rows(asked["rows"]))
    return {"codes": codes, "rows": service.decode(codes)}


def sampled(service: Service, asked: Asked) -> Answer:
    """Rows from the model, or given some columns."""
    count, mean, seed = asked["count"], asked["mean"], asked["seed"]
    if asked["given"] is None:
        drawn = service.sample(count, mean=mean, seed=seed)
        return {"rows": drawn, "effective_sample_size": None, "samples": None}
    drawn, size, samples = service.sample_given(asked["given"], count, mean=mean, seed=seed)
    return {"rows": drawn, "effective_sample_size": size, "samples": samples}


def _scores(scored: Scored) -> Answer:
    """The columns of scores, and why log p(x) is −∞ where it is."""
    evidence = scored.evidence
    columns = [getattr(evidence, name) for name in SCORES]
    columns[SCORES.index("method")] = evidence.method.astype(object)
    why = np.full(len(evidence.log_prob), None, object)
    for row, words in scored.outside.items():
        why[row] = words
    scores = Table([*columns, why], (*SCORES, "outside"))
    return {"unit": "nats", "measure": evidence.measure, "scores": scores}


def scored(service: Service, asked: Asked) -> Answer:
    """log p(x) of rows."""
    return _scores(service.score(asked["rows"], asked["seed"]))


def scored_quickly(service: Service, asked: Asked) -> tuple[Answer, np.ndarray]:
    """By the first rung alone, whose number is that of the ladder wherever it holds."""
    scored = service.score(asked["rows"], asked["seed"], quickly=True)
    evidence = scored.evidence
    holds = evidence.reliable | ~np.isfinite(evidence.log_prob)
    return _scores(scored), holds if service.climbs else np.ones_like(holds)


def ranked(service: Service, asked: Asked) -> Answer:
    """p-values of rows."""
    return {"p_values": service.p_values(asked["rows"])}


def surprised(service: Service, asked: Asked) -> Answer:
    """The surprise of each column of rows."""
    schema = service.schema
    names = (
        [f"x{i}" for i in range(service.width)] if schema is None else [each.name for each in schema.encoded]
    )
    nats = service.surprise(asked["rows"])
    if schema is not None:
        nats = nats[:, schema.firsts]
    return {"unit": "nats", "columns": names, "surprise": nats}


def imputed(service: Service, asked: Asked) -> Answer:
    """Rows without holes, and what is known of what fills them."""
    read = asked["rows"]
    found, (mean, lower, upper, *draws) = service.impute(read, interval=asked["interval"], seed=asked["seed"])
    levels = {str(name): probabilities for name, probabilities in found.probabilities.items()}
    return {
        **{"rows": mean, "lower": lower, "upper": upper, "probabilities": levels},
        "draws": draws[: asked["draws"]],
        "effective_sample_size": found.effective_sample_size,
    }


def _code(service: Service, asked: Asked, name: str) -> np.ndarray:
    """The one code of a field."""
    try:
        (code,) = service.reader.codes([asked[name]])
    except Refused as refused:
        place = (refused.field or "").removeprefix("[0]")
        raise Refused(refused.code, refused.message, name + place, refused.expected, refused.found) from None
    return np.asarray(code)


def between(service: Service, asked: Asked) -> Answer:
    """From one code to another."""
    a, b = (_code(service, asked, name) for name in ("from", "to"))
    codes = interpolated(service.model, a, b, asked["steps"])
    return {"codes": codes, "rows": service.decode(codes)}


def along(service: Service, asked: Asked) -> Answer:
    """Along one dimension."""
    code = _code(service, asked, "code")
    if asked["dimension"] >= len(code):
        raise Refused(
            "out_of_range",
            f"expected a dimension below {len(code)}, found {asked['dimension']}",
            *("dimension", f"0 to {len(code) - 1}", str(asked["dimension"])),
        )
    codes = traversed(code, *(asked[name] for name in ("dimension", "low", "high", "steps")))
    return {"codes": codes, "rows": service.decode(codes)}


def on_grid(service: Service, asked: Asked) -> Answer:
    """On a grid of a plane."""
    corner, right, up = (_code(service, asked, name) for name in ("corner", "right", "up"))
    codes = planar(corner, right, up, asked["width"], asked["height"])
    return {"codes": codes, "rows": service.decode(codes)}
