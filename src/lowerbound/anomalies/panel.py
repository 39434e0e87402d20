"""A panel of densities, of which the one that finds a row oddest is believed: for rows among which there are
anomalies when the models are trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import Float

from lowerbound.anomalies.histograms import Histograms
from lowerbound.data.rows import Rows
from lowerbound.evidence.ladder import log_evidence
from lowerbound.leaves import as_numpy
from lowerbound.models.vae import VAE
from lowerbound.training.fit import fit

__all__ = ["LATENT_DIM", "WIDTH", "Panel"]

# Of the models of bags: how many, of how many rows each, how large, and how long they are trained. With 256
# rows and 400 steps, a cluster of a few hundredths of the rows is hardly learned.
_MODELS, _BAG, _STEPS, _BATCH, _SAMPLES = 10, 256, 400, 128, 10
LATENT_DIM, WIDTH = 5, 64


@dataclass(frozen=True)
class Panel:
    """A model that learned from all rows has learned a cluster of anomalies among them as well. So a row is
    judged by a panel: that model, `bags` (small ones, each trained for a short time on a few of the rows),
    and `histograms`, the columns one by one. The log-density ℓ of each is put on a common scale,
    u = (ℓ − median)/(upper quartile − lower quartile) over rows that trained, and the score of a row is the
    lowest u: in interquartile ranges from the usual row."""

    bags: tuple[VAE, ...]
    histograms: Histograms
    centre: Float[np.ndarray, " m"]
    spread: Float[np.ndarray, " m"]

    @classmethod
    def of(
        cls,
        rows: Rows,
        some: np.ndarray,
        log_prob: Float[np.ndarray, " n"],
        untrained: VAE,
        key: int,
    ) -> Self:
        """The panel of `rows`, put on scale by `some` of them, by number, of which the model of all rows says
        `log_prob`; `untrained` is a small model for such rows, from which that of each bag starts."""
        bags = []
        for number in range(_MODELS):
            order = np.random.default_rng((key, number)).permutation(len(rows))
            bag = rows[np.sort(order[: min(_BAG, max(2, len(rows) // 2))])]
            epochs = _STEPS * min(_BATCH, len(bag)) / len(bag)
            options: dict[str, Any] = {"epochs": epochs, "batch_size": _BATCH, "validation": 0}
            result = fit(untrained, bag, **options, key=key + number)
            bags.append(as_numpy(result.model))
        histograms = Histograms.of(rows.x)
        panel = cls(tuple(bags), histograms, np.zeros(0), np.ones(0))
        low, centre, high = np.quantile(panel._each(rows[some], log_prob), [0.25, 0.5, 0.75], axis=1)
        return cls(tuple(bags), histograms, centre, np.where(high > low, high - low, 1.0))

    def scores(self, rows: Rows, log_prob: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The lowest u of each row, of which the model of all rows says `log_prob`; −∞ where one of the panel
        gives it no density at all."""
        return ((self._each(rows, log_prob).T - self.centre) / self.spread).min(1)

    def _each(self, rows: Rows, log_prob: Float[np.ndarray, " n"]) -> Float[np.ndarray, "m n"]:
        """What each says of the rows: the model of all, those of the bags, and the histograms."""
        # Of small models and few samples a chunk is large, since a call costs more than its products.
        budget: dict[str, Any] = {"samples": _SAMPLES, "chunk_rows": 256, "chunk_samples": _SAMPLES}
        said = [log_evidence(model, rows, method="importance", **budget).log_prob for model in self.bags]
        return np.stack([log_prob, *said, self.histograms.log_share(rows.x)]).astype(np.float64)

    def stored(self) -> dict[str, Any]:
        """What is kept of it."""
        histograms = {
            "edges": self.histograms.edges,
            "counts": self.histograms.counts,
            "rows": self.histograms.rows,
        }
        return {"bags": self.bags, "histograms": histograms, "centre": self.centre, "spread": self.spread}

    @classmethod
    def restored(cls, kept: Mapping[str, Any]) -> Self:
        """The panel of which [`stored`][] gave this."""
        histograms = Histograms(**kept["histograms"])
        return cls(tuple(map(as_numpy, kept["bags"])), histograms, kept["centre"], kept["spread"])
