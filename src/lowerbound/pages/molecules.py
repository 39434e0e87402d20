"""Molecules in a report: what is drawn, what comes back, and how like the data it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lowerbound.archive.records import Metrics
from lowerbound.chemistry.compared import COMPARED, Molecules
from lowerbound.chemistry.interpolation import interpolation
from lowerbound.chemistry.measures import diversity, frechet_distance, novel, unique, valid
from lowerbound.chemistry.properties import WORDS
from lowerbound.diagnosis.diagnosis import Diagnosis
from lowerbound.evidence.evidence import Evidence
from lowerbound.pages.html import paragraph, section, table_of
from lowerbound.pages.pictures import gallery
from lowerbound.statistics import standard_error_of_mean
from lowerbound.text import counted, with_error

if TYPE_CHECKING:
    from lowerbound.figures.run import Picture

__all__ = ["molecules"]

Row = tuple[str, ...]

# Molecules whose pairs are compared, and pairs that are walked between.
_PAIRED, _WALKED = 1_000, 100
# Of fewer the Fréchet ChemNet distance says nothing (Preuer et al. 2018 take 5,000).
_FRECHET = 1_000
# How the verdicts on a code that says nothing are called.
_COLLAPSED = "collapsed"


def molecules(
    found: Molecules,
    metrics: Metrics,
    evidence: Evidence,
    diagnosis: Diagnosis,
    pictures: Mapping[str, Picture],
) -> str:
    """What a model makes of molecules, in numbers with their errors and in pictures."""
    rows = [*_density(metrics, evidence), *_sets(found), *_apart(found), *_between(found)]
    return section(
        "molecules",
        "Molecules",
        paragraph(
            f"{counted(len(found.drawn), 'molecule')} of the column {found.column!r} drawn from the model, "
            f"beside {counted(len(found.data), 'row')}. {_told(found, metrics, diagnosis)}"
        ),
        table_of(
            "Drawn molecules and those of the rows", ("", "drawn", "rows", "what it is"), rows, words=True
        ),
        paragraph(
            "What is drawn without meaning counts as new, and what is always the same as valid: novelty and "
            "validity prove nothing without the density, the reconstructions and the distances beside them."
        ),
        gallery(pictures),
    )


def _told(found: Molecules, metrics: Metrics, diagnosis: Diagnosis) -> str:
    """What a code is worth, and whether it has collapsed."""
    share = found.reconstructed
    back = f"{share.value:.0%} of the molecules come back exactly" if share.of else "no molecule is there"
    judged = [verdict.finding for verdict in diagnosis.verdicts if verdict.name.startswith(_COLLAPSED)]
    return " ".join([f"A code holds {metrics.rate:.1f} nats of a row, and {back}.", *judged])


def _density(metrics: Metrics, evidence: Evidence) -> Iterator[Row]:
    log_p = with_error(metrics.log_likelihood, metrics.log_likelihood_standard_error)
    yield "log p(x)", "", log_p, "nats a row, of all its columns"
    rate = with_error(metrics.rate, standard_error_of_mean(evidence.rate))
    yield "rate, KL(q‖p)", "", rate, "nats that a code holds; near 0 the decoder does without it"


def _sets(found: Molecules) -> Iterator[Row]:
    yield (
        "exactly reconstructed",
        "",
        str(found.reconstructed),
        "the most probable molecule at E[z∣x] is the row's",
    )
    yield "valid", str(valid(found.drawn)), "", "RDKit reads it, and it has an atom"
    different = [unique(each) for each in (found.drawn, found.data)]
    said = [f"{each.value:.1%} of {each.of:,}" for each in different]
    yield "different", *said, "molecules that are not repeated; it falls with their number"
    if found.trained is None:
        yield "new", "not known", "", "the training molecules are not at hand (--train names them)"
    else:
        new = [novel(each, found.trained) for each in (found.drawn, found.data)]
        yield "new", *map(str, new), "of the different ones those that are no training molecule"
    spread = [str(diversity(each[:_PAIRED])) for each in (found.drawn, found.data)]
    yield "internal diversity", *spread, f"1 − the mean likeness of two, of {_PAIRED:,} at most"
    if found.near is not None and found.data_near is not None:
        near = [str(each.mean) for each in (found.near, found.data_near)]
        yield "nearest training molecule", *near, "the mean likeness to it (Tanimoto, Morgan fingerprints)"


def _apart(found: Molecules) -> Iterator[Row]:
    floor = found.trained is not None
    for name in COMPARED:
        trained = str(found.apart(name, "trained")) if floor else ""
        beside = "; beside it that of training molecules" if floor else ""
        yield (
            f"distance of {WORDS[name]}",
            str(found.apart(name, "drawn")),
            trained,
            f"Wasserstein’s, in its unit{beside}",
        )
    size = min(len(found.drawn), len(found.data))
    if size >= _FRECHET and (fcd := frechet_distance(found.drawn[:size], found.data[:size])) is not None:
        own = None if found.trained is None else frechet_distance(found.trained[:size], found.data[:size])
        yield (
            "Fréchet ChemNet distance",
            f"{fcd:.2f}",
            "" if own is None else f"{own:.2f}",
            f"of {size:,} molecules each, no error known",
        )


def _between(found: Molecules) -> Iterator[Row]:
    if len(found.x) < 2:
        return
    way = interpolation(found.model, found.schema, found.x, pairs=_WALKED, seed=found.seed)
    yield (
        "valid between two",
        str(way.valid),
        "",
        f"decoded on straight ways between {_WALKED} random pairs of rows",
    )
    yield (
        "steps between two",
        str(way.smooth),
        str(way.ends),
        "likeness of neighbours on a way; of rows, of its two ends",
    )
    yield "different between two", str(way.different), "", "molecules on a way of 9 places"
