"""Whether synthetic rows are copies: the distance to the closest record."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from lowerbound.diagnosis.copies import nearest
from lowerbound.synthetic.score import Score

__all__ = ["nearer_to_training"]


def nearer_to_training(
    train: Float[np.ndarray, "n d"], held_out: Float[np.ndarray, "n d"], synthetic: Float[np.ndarray, "m d"]
) -> Score:
    """The share of synthetic rows whose nearest training row is nearer than their nearest held-out row, of as
    many of each, ties as ½: ½ where the model knows the training rows no better than it knows others of
    their distribution, 1 where it copies them. Its error is binomial, over synthetic rows, √(p(1 − p)/m).

    >>> x = np.arange(8.0).reshape(4, 2)
    >>> nearer_to_training(x, x + 100, x).value, nearer_to_training(x, x, x + 0.5).value
    (1.0, 0.5)
    """
    assert len(train) == len(held_out)
    distances = [nearest(synthetic, known)[1] for known in (train, held_out)]
    share = float((distances[0] < distances[1]).mean() + (distances[0] == distances[1]).mean() / 2)
    return Score(share, math.sqrt(share * (1 - share) / len(synthetic)))
