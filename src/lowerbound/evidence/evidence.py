"""Evidence: log p(x) of rows, with its standard error and its diagnostics."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from lowerbound.statistics import standard_error_of_mean

__all__ = ["Evidence"]


@dataclass(frozen=True)
class Evidence:
    """An estimate of log p(x) for each of n rows, in nats, from `samples` samples of z a row, or annealed
    chains.

    `log_prob`: log p̂(x) = log (1/K) Σⱼ wⱼ, each w the ratio of p(x, z) to the density that z was drawn from,
    or an annealed chain's weight; p̂ is unbiased, so that log p̂ is low by about half its variance
    ([`bias`][]). `standard_error`: of log p̂, by the delta method. `effective_sample_size`: (Σw)²/Σw².
    `k_hat`: the shape of the generalised Pareto fitted to the largest weights (Vehtari et al. 2024); NaN
    where there are fewer than 21. `method`: how each row's number was found. `reliable`: whether number and
    error can be relied on. That is said by the method and by the weights: those of a proposal that was fitted
    to the row, or of chains that start there, with a k-hat of at most 0.7 and enough effective samples. A
    small k-hat of plain importance sampling says nothing, since draws that missed where the mass is do not
    know of it. `elbo`: the mean of log p(x, z) − log q(z∣x) over draws of q(z∣x); `distortion`: −E_q[log
    p(x∣z)]; of annealed chains alone, of their weights and ends.

    All arrays are (n,). `measure` is the one that the density is stated in, with what a transform adds;
    `dimensions` the number of columns. `evidence[rows]` is that of some of the rows.
    """

    log_prob: Float[np.ndarray, " n"]
    standard_error: Float[np.ndarray, " n"]
    effective_sample_size: Float[np.ndarray, " n"]
    k_hat: Float[np.ndarray, " n"]
    elbo: Float[np.ndarray, " n"]
    distortion: Float[np.ndarray, " n"]
    samples: Int[np.ndarray, " n"]
    method: Shaped[np.ndarray, " n"]
    reliable: Bool[np.ndarray, " n"]
    group: Int[np.ndarray, " n"]  # rows that are equal share a number, as they share their noise
    dimensions: int
    measure: str

    @property
    def mean(self) -> float:
        """The mean of log p(x) over rows, in nats a row."""
        return float(self.log_prob.mean())

    @property
    def mean_standard_error(self) -> float:
        """Standard error of [`mean`][] from the rows drawn: their standard deviation over √n."""
        return standard_error_of_mean(self.log_prob)

    @property
    def monte_carlo_error(self) -> float:
        """Standard error of [`mean`][] from the samples drawn. Rows that are equal share their noise, so
        their errors add before they are squared."""
        together = np.bincount(self.group, weights=self.standard_error)
        return float(np.sqrt((together**2).sum()) / len(self.log_prob))

    @property
    def total_error(self) -> float:
        """Standard error of [`mean`][] from rows and samples together."""
        return standard_error_of_mean(self.log_prob, self.standard_error, self.group)

    @property
    def bias(self) -> float:
        """What [`mean`][] is low by, since a logarithm is concave: −½ of the mean of the squared standard
        errors, in nats a row. It does not average out over rows."""
        return float(-0.5 * (self.standard_error[np.isfinite(self.standard_error)] ** 2).mean())

    @property
    def methods(self) -> dict[str, int]:
        """How many rows each method's number stands for."""
        names, counts = np.unique(self.method, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    @property
    def finite(self) -> Bool[np.ndarray, " n"]:
        """The rows whose log p(x) and bound are finite."""
        return np.isfinite(self.log_prob) & np.isfinite(self.elbo)

    @property
    def rate(self) -> Float[np.ndarray, " n"]:
        """E_q[log q(z∣x) − log p(z)] = −elbo − distortion, in nats."""
        return -self.elbo - self.distortion

    @property
    def bits_per_dim(self) -> float:
        """−mean/(d log 2): the mean in bits a dimension."""
        return -self.mean / (self.dimensions * math.log(2))

    def __getitem__(self, rows: Any) -> Self:
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return type(self)(**columns, dimensions=self.dimensions, measure=self.measure)

    def among(self, inside: Bool[np.ndarray, " m"]) -> Self:
        """The same rows among m, of which they are those `inside`; the others have a density of 0."""
        if inside.all():
            return self
        columns = {}
        for name in _COLUMNS:
            known = getattr(self, name)
            columns[name] = np.full(len(inside), _OUTSIDE.get(name, np.nan), known.dtype)
            columns[name][inside] = known
        columns["group"][~inside] = self.group.max() + 1 + np.arange((~inside).sum())
        return type(self)(**columns, dimensions=self.dimensions, measure=self.measure)


_COLUMNS = tuple(field.name for field in fields(Evidence) if field.name not in ("dimensions", "measure"))

# What is said of a row that has no density: its log p(x) is −∞, without an error.
_OUTSIDE = {
    **{"log_prob": -np.inf, "elbo": -np.inf, "distortion": np.inf},
    **{"samples": 0, "method": "outside", "reliable": True, "group": 0},
}
