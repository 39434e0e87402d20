"""The pictures of a run on molecules, each with its words."""

from __future__ import annotations

import numpy as np

from lowerbound.chemistry.compared import COMPARED
from lowerbound.chemistry.measures import likeness
from lowerbound.chemistry.properties import WORDS
from lowerbound.data.tables import Columns
from lowerbound.figures.shown import Drawn, Shown
from lowerbound.figures.structures import molecules
from lowerbound.figures.tables import margins
from lowerbound.text import counted, short

__all__ = ["again_of", "drawn_of", "nearest_of", "properties_of"]

# Structures beside each other: in a page fewer, so that their words can be read.
_ACROSS, _IN_PAGE = 5, 3


def drawn_of(shown: Shown) -> Drawn | None:
    """Drawn molecules; None where rows have none."""
    if shown.molecules is None:
        return None
    across = _across(shown)
    smiles = shown.molecules.first(4 * across)
    return (
        molecules(smiles, columns=across),
        f"{counted(len(smiles), 'molecule')} drawn from the model: {_spelled(smiles)}.",
        "z from the prior that was trained, the molecule from the likelihood.",
    )


def again_of(shown: Shown) -> Drawn | None:
    """Molecules over their reconstructions; None where rows have none."""
    if shown.molecules is None:
        return None
    across = _across(shown)
    first, again = (each[: 2 * across] for each in (shown.molecules.data, shown.molecules.again))
    captions = [f"{likeness(a, b):.2f}" if a != b else "the same" for a, b in zip(first, again, strict=True)]
    return (
        molecules(
            {"original": first, "reconstruction": again},
            {"original": first, "reconstruction": captions},
            across,
        ),
        f"{counted(len(first), 'molecule')} and what becomes of their codes: {_spelled(again)}.",
        "The likelihood's most probable molecule at the posterior mean: the same, or how alike the two are "
        "(Tanimoto, Morgan fingerprints).",
    )


def nearest_of(shown: Shown) -> Drawn | None:
    """Drawn molecules over those that trained and are most alike; None where these are not known."""
    found = shown.molecules
    if found is None or shown.diagnosis is None:
        return None
    if found.near is None or found.trained is None:
        return None, "", "The training rows are not at hand (--train names them)."
    across = _across(shown)
    smiles = found.drawn[: 2 * across]
    near = [found.trained[i] if i >= 0 else None for i in found.near.index[: 2 * across].tolist()]
    captions = [f"{alike:.2f}" for alike in found.near.likeness[: len(smiles)].tolist()]
    return (
        molecules({"drawn": smiles, "nearest": near}, {"drawn": smiles, "nearest": captions}, across),
        f"{counted(len(smiles), 'drawn molecule')} over the training molecules that are most alike: "
        f"{_spelled(near)}.",
        "How alike a drawn molecule and its nearest training molecule are (Tanimoto, Morgan fingerprints); "
        "1.00 is a copy, or one that fingerprints cannot tell apart.",
    )


def properties_of(shown: Shown) -> Drawn | None:
    """Properties of drawn molecules beside those of the rows; None where rows have none."""
    if shown.molecules is None:
        return None
    known = shown.molecules.properties
    both = {of: Columns([known[of][name] for name in COMPARED], tuple(WORDS[name] for name in COMPARED))
            for of in ("data", "drawn")}  # fmt: skip
    means = ", ".join(
        f"{WORDS[name]} {_average(known['drawn'][name])} against {_average(known['data'][name])}"
        for name in COMPARED
    )
    sizes = [counted(both[of].length, "molecule") for of in ("drawn", "data")]
    return (
        margins(both["data"], both["drawn"], across=2),
        f"Histograms of {sizes[0]} drawn and {sizes[1]} of the rows, in the mean: {means}.",
        "Properties of the molecules of the rows and of drawn ones, and how alike they are: 1 − the greatest "
        "distance of distribution functions.",
    )


def _average(values: np.ndarray) -> str:
    known = values[~np.isnan(values)]
    return short(known.mean()) if len(known) else "of none"


def _across(shown: Shown) -> int:
    return _ACROSS if shown.diagnosis is None else _IN_PAGE


def _spelled(smiles: list[str | None]) -> str:
    return ", ".join(each or "none" for each in smiles)
