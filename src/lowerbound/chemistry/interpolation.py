"""Whether what lies between two molecules in the latent space is molecules, and how far each is from the
next."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lowerbound.chemistry.compared import on_encoded, texts_of
from lowerbound.chemistry.measures import Mean, Share, likeness, valid
from lowerbound.data.schema import Schema
from lowerbound.inference.codes import decode, encode
from lowerbound.inference.paths import interpolated
from lowerbound.models.latent_model import LatentModel
from lowerbound.statistics import standard_error_of_mean

__all__ = ["Interpolation", "interpolation"]


class Interpolation(NamedTuple):
    """Between random pairs of molecules: how many of what is decoded on the way are molecules (`valid`), how
    alike neighbours on the way are in the mean (`smooth`, Tanimoto), and how alike the two ends, random
    pairs of the data, are (`ends`); errors are over pairs. `different`: molecules on a way, of its steps."""

    valid: Share
    smooth: Mean
    ends: Mean
    different: Mean


def interpolation(
    model: LatentModel,
    schema: Schema,
    x: np.ndarray,
    *,
    pairs: int = 200,
    steps: int = 9,
    seed: int = 0,
) -> Interpolation:
    """Ways of so many `steps`, both ends included, between `pairs` of random rows of x: the codes of both,
    those [between them][lowerbound.inference.paths.interpolated], and the molecules that they decode to.

    **Raises:** `ValueError` for fewer than 2 rows, pairs or steps.
    """
    if min(len(x), pairs, steps) < 2:
        raise ValueError(
            f"interpolation: expected 2 rows, pairs and steps at least, found {len(x)}, {pairs}, {steps}"
        )
    model, random = on_encoded(model), np.random.default_rng(seed)
    ends = np.stack([random.choice(len(x), 2, replace=False) for _ in range(pairs)])
    z = encode(model, x[ends.ravel()], key=seed).reshape(pairs, 2, -1)
    codes = np.concatenate([interpolated(model, a, b, steps) for a, b in z])
    ways = np.reshape(texts_of(schema, decode(model, codes)), (pairs, steps))
    between = [_defined([likeness(a, b) for a, b in pairwise(way)]) for way in ways]
    apart = [likeness(*two) for two in texts_of(schema, x[ends.ravel()]).reshape(pairs, 2)]
    return Interpolation(
        valid(ways[:, 1:-1].ravel().tolist()),
        _over_pairs([np.mean(each) for each in between if len(each)]),
        _over_pairs(_defined(apart)),
        _over_pairs([len(set(way.tolist())) for way in ways]),
    )


def _defined(values: list[float]) -> np.ndarray:
    found = np.asarray(values, float)
    return found[~np.isnan(found)]


def _over_pairs(values: object) -> Mean:
    found = np.asarray(values, float)
    return Mean(float(found.mean()), standard_error_of_mean(found))
