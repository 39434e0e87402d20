"""A model's own samples, judged."""

from __future__ import annotations

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.schema import Schema
from lowerbound.data.sources import Source
from lowerbound.inference.sampling import sample
from lowerbound.models.vae import VAE
from lowerbound.synthetic.aligned import as_columns
from lowerbound.synthetic.quality import FEWEST, ROWS, SyntheticQuality, synthetic_quality

__all__ = ["check_target", "samples_quality"]


def check_target(target: str, source: Source, trained: np.ndarray | None) -> None:
    """Whether a column of these rows can be foretold, asked before anything is computed.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] where it cannot.
    """
    if target not in source.names:
        raise DataError("target", f"one of the columns {', '.join(source.names)}", repr(target))
    if trained is None:
        raise DataError("target", "the rows that trained the model, beside samples", "none", way_out=_TRAIN)


_TRAIN = "name them by train"


def samples_quality(
    model: VAE,
    schema: Schema | None,
    held_out: np.ndarray,
    trained: np.ndarray | None,
    *,
    target: str | None = None,
    seed: int = 0,
) -> SyntheticQuality:
    """[`synthetic_quality`][lowerbound.synthetic.quality.synthetic_quality] of as many samples as there are
    real rows, at most 10,000: the encoded rows that trained the model, or where these are not known those
    that did not. What is missing in a real row is taken out of a sample, since a model draws whole rows.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for fewer than 20 rows.
    """
    real = held_out if trained is None else trained
    real = real[np.random.default_rng(seed).permutation(len(real))[:ROWS]]
    drawn = np.where(np.isnan(real), np.nan, sample(model, len(real), key=seed))
    others = None if trained is None or len(held_out) < FEWEST else as_columns(schema, held_out)
    tables = as_columns(schema, drawn), as_columns(schema, real)
    return synthetic_quality(*tables, others, target=target, seed=seed)
