"""Evidence: log p(x), streamed, with its standard error and its diagnostics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypedDict

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from lowerbound.archive.unfinished import Unfinished, fingerprint
from lowerbound.data.chunks import chunks
from lowerbound.data.rows import Rows, checked
from lowerbound.evidence.annealing import annealed
from lowerbound.evidence.k_hat import pareto_k_hat, tail_length
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import RowKeys, as_key
from lowerbound.statistics import RunningMean, standard_error_of_mean

__all__ = ["Evidence", "Scored", "log_evidence"]

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Evidence:
    """An estimate of log p(x) for each of n rows, in nats, from K `samples` a row, or K annealed chains.

    `log_prob`: log p̂(x) = log (1/K) Σⱼ wⱼ, w = p(x, z)/q(z∣x) or an annealed chain's weight; p̂ is unbiased,
    so log p̂ is low by about half its variance. `standard_error`: of log p̂, by the delta method,
    √[(K Σw²/(Σw)² − 1)/(K − 1)]. `effective_sample_size`: (Σw)²/Σw², at most K. `k_hat`: the shape of the
    generalised Pareto fitted to the largest weights; above 0.7 neither estimate nor error can be relied
    on (Vehtari et al. 2024); NaN where there are fewer than 21 samples. `elbo`: the mean of log w over the
    same samples. `distortion`: −E_q[log p(x∣z)], of annealed chains over where they end.

    All arrays are (n,). `measure` is the one that the density is stated in, with what a transform adds;
    `dimensions` the number of columns. `evidence[rows]` is that of some of the rows.
    """

    log_prob: Float[np.ndarray, " n"]
    standard_error: Float[np.ndarray, " n"]
    effective_sample_size: Float[np.ndarray, " n"]
    k_hat: Float[np.ndarray, " n"]
    elbo: Float[np.ndarray, " n"]
    distortion: Float[np.ndarray, " n"]
    group: Int[np.ndarray, " n"]  # rows that are equal share a number, as they share their noise
    samples: int
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
        return type(self)(**columns, samples=self.samples, dimensions=self.dimensions, measure=self.measure)

    def among(self, inside: Bool[np.ndarray, " m"]) -> Self:
        """The same rows among m, of which they are those `inside`; the others have a density of 0."""
        if inside.all():
            return self
        nothing = {"log_prob": -np.inf, "elbo": -np.inf, "distortion": np.inf, "group": 0}
        columns = {}
        for name in _COLUMNS:
            known = getattr(self, name)
            columns[name] = np.full(len(inside), nothing.get(name, np.nan), known.dtype)
            columns[name][inside] = known
        columns["group"][~inside] = self.group.max() + 1 + np.arange((~inside).sum())
        return type(self)(**columns, samples=self.samples, dimensions=self.dimensions, measure=self.measure)


_COLUMNS = tuple(field.name for field in fields(Evidence))[:7]


class Scored(TypedDict):
    """What a callback is told after every chunk of rows: of how many rows (`of`) so many are done (`rows`);
    the mean `log_prob` of those that are finite, in nats a row, with its `standard_error` over rows; how many
    of them are `not_finite`. At the end these are the figures of the [`Evidence`][]'s finite rows."""

    rows: int
    of: int
    log_prob: float
    standard_error: float
    not_finite: int


Callback = Callable[[Scored], object]


def log_evidence(
    model: LatentModel,
    x: ArrayLike | Rows,
    *,
    samples: int = 1000,
    chains: int = 16,
    key: PRNGKeyArray | int = 0,
    method: Literal["importance", "annealed"] = "importance",
    steps: int = 4000,
    given: ArrayLike | None = None,
    chunk_rows: int = 32,
    chunk_samples: int = 64,
    devices: int | None = None,
    callbacks: Sequence[Callback] = (),
    unfinished: str | Path | None = None,
) -> Evidence:
    """log p(x) of each row, in nats: by importance sampling with q(z∣x) (Burda et al. 2016), or along
    annealed chains from p(z) ([`annealed`][lowerbound.evidence.annealing.annealed]), which cost some hundred
    times as much and need no good posterior: where k-hat is above 0.7 they are the ones to ask.

    Importance sampling streams over samples with a running log-sum-exp: memory is bounded by `chunk_rows` ×
    `chunk_samples` decoded rows, whatever n and K; that of annealed chains by `chunk_rows` × K. A row's noise
    is a function of (key, the row's content), and its sample j of j besides, so that neither the other rows
    nor the chunks move its number (another chunk size changes the order of a float32 sum, no more).

    **Arguments:**

    - `x`: (n, d); `given`: the condition, a row each.
    - `samples`: K of importance sampling, samples of q(z∣x) a row; `chains`: K of the annealed method, chains
      a row; at least 2.
    - `key`: a key or a seed.
    - `method`: `"importance"` or `"annealed"`; `steps`: temperatures of an annealed chain.
    - `chunk_rows`, `chunk_samples`: the shape of a compiled chunk, by default the fastest on a CPU.
    - `devices`: how many local devices share the rows, `chunk_rows` for each at a time; by default all.
    - `callbacks`: each is called after every chunk with a record of what is done, a [`Scored`][].
    - `unfinished`: a file that keeps the rows that are done while the call runs. Where a call was
      interrupted, the same call goes on where that was; when it is finished the file is removed.

    >>> import jax, numpy as np, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(4), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> everything = np.indices((2, 2, 2, 2)).reshape(4, 16).T
    >>> evidence = lb.log_evidence(model, everything, samples=2000)
    >>> bool(abs(np.exp(evidence.log_prob).sum() - 1) < 0.05)       # the 16 probabilities sum to 1
    True
    """
    rows_of = checked(model, x, given)
    x, given = rows_of.x, rows_of.given
    if method not in _METHODS:
        raise ValueError(f"method: expected {' or '.join(_METHODS)}, found {method!r}")
    of_row = _METHODS[method]
    name, K = ("samples", samples) if method == "importance" else ("chains", chains)
    if K < 2:
        raise ValueError(
            f"log_evidence: expected {name} of at least 2, found {K}: an estimate from one has no standard "
            "error"
        )
    shape = (tail_length(K) + 1, chunk_samples if method == "importance" else K)
    constants = _Constants(model, as_key(key), jnp.asarray(K), jnp.asarray(steps), shape)
    kept = None
    if unfinished is not None:
        kept = Unfinished(unfinished, fingerprint(method, constants, x, given))
    done = (kept and kept.read()) or None
    parts: list[Columns] = [] if done is None else [done]
    told = _Told(callbacks, len(x))
    told.add(done)
    count = _local_devices(devices)
    for stream, hashes in chunks(
        of_row, constants, (x, given), chunk=chunk_rows, devices=count, start=told.rows
    ):
        parts.append(_summary(stream, hashes, K))
        told.add(parts[-1])
        if kept is not None and kept.due and told.rows < len(x):
            parts = [_joined(parts)]
            kept.write(parts[0])
        told.tell()
    columns = _joined(parts)
    for name in ("log_prob", "elbo"):
        columns[name][rows_of.impossible] = -np.inf
    if kept is not None:
        kept.finish()
    _, group = np.unique(columns.pop("hash"), axis=0, return_inverse=True)
    return Evidence(
        **columns,
        group=group.reshape(-1),
        samples=K,
        dimensions=x.shape[1],
        measure=model.event(None if given is None else jnp.asarray(given[0])).measure,
    )


class _Told:
    """What callbacks are told of the rows that are done; running sums, so that no row is looked at twice."""

    def __init__(self, callbacks: Sequence[Callback], of: int):
        self.callbacks, self.of, self.rows, self.finite = callbacks, of, 0, RunningMean()

    def add(self, columns: Columns | None) -> None:
        if columns is not None:
            log_prob, elbo = columns["log_prob"], columns["elbo"]
            self.rows += len(log_prob)
            self.finite.add(log_prob[np.isfinite(log_prob) & np.isfinite(elbo)].astype(float))

    def tell(self) -> None:
        for callback in self.callbacks:
            callback(
                Scored(
                    rows=self.rows,
                    of=self.of,
                    log_prob=self.finite.mean,
                    standard_error=self.finite.standard_error,
                    not_finite=self.rows - self.finite.count,
                )
            )


class _Constants(eqx.Module):
    model: LatentModel
    key: PRNGKeyArray
    samples: Array  # traced, so that another K compiles nothing (but for the tail's length)
    steps: Array
    shape: tuple[int, int] = eqx.field(static=True)  # of the tail, and of a chunk of samples


class _Stream(NamedTuple):
    """Running sums over samples, weights relative to the largest so far: exp(log w − maximum)."""

    maximum: Array
    sum: Array
    sum_of_squares: Array
    log_weight: Array  # the mean so far
    log_likelihood: Array  # the mean so far
    largest: Array  # the largest log-weights, in descending order

    @classmethod
    def empty(cls, tail: int) -> Self:
        zero = jnp.zeros(())
        return cls(-jnp.inf * jnp.ones(()), zero, zero, zero, zero, jnp.full(tail, -jnp.inf))

    def add(self, log_weight: Array, log_likelihood: Array, before: Array | int, count: Array | int) -> Self:
        """The first `count` of these samples besides the `before` that are in it. A weight that is no number,
        since p(x, z) or q(z∣x) is beyond what is one, counts as 0."""
        counted = jnp.arange(len(log_weight)) < count
        log_weight, log_likelihood = _or_none(log_weight), _or_none(log_likelihood)
        log_w, share = jnp.where(counted, log_weight, -jnp.inf), count / (before + count)
        mean_log_weight, mean_log_likelihood = (
            jnp.where(counted, values, 0.0).sum() / count for values in (log_weight, log_likelihood)
        )
        maximum = jnp.maximum(self.maximum, log_w.max())
        reference = jnp.where(jnp.isfinite(maximum), maximum, 0.0)  # where every weight is 0 so far
        w, shrink = jnp.exp(log_w - reference), jnp.exp(self.maximum - reference)
        return type(self)(
            maximum=maximum,
            sum=self.sum * shrink + w.sum(),
            sum_of_squares=self.sum_of_squares * shrink**2 + (w**2).sum(),
            log_weight=_nearer(self.log_weight, mean_log_weight, share),
            log_likelihood=_nearer(self.log_likelihood, mean_log_likelihood, share),
            largest=jax.lax.top_k(jnp.concatenate([self.largest, log_w]), len(self.largest))[0],
        )


def _or_none(log_values: Array) -> Array:
    """−∞, the logarithm of 0, in place of what is no logarithm of a finite number."""
    return jnp.where(log_values < jnp.inf, log_values, -jnp.inf)


def _nearer(mean: Array, other: Array, share: Array | float) -> Array:
    """A mean so far with its share of another mean; −∞ stays."""
    return jnp.where(jnp.isneginf(mean), mean, mean + share * (other - mean))


# Chunks of samples whose weights are kept until their sums are taken: the largest weights are looked for
# once in so many, which costs more than the sums do.
_SEGMENT = 128


def _sampled(constants: _Constants, row: tuple[Array, Any]) -> tuple[_Stream, Array]:
    """Of one row, by importance sampling."""
    x, given = row
    tail, chunk = constants.shape
    segment, K = _SEGMENT * chunk, constants.samples
    keys = RowKeys.by_content(constants.key, x)
    draw_samples = constants.model.sampler(x, keys.transform, given)

    def add_segment(i: Array, stream: _Stream) -> _Stream:
        before = i * segment
        count = jnp.minimum(K - before, segment)

        def add_chunk(j: Array, drawn: Array) -> Array:
            draw = draw_samples(keys.draws, before + j * chunk + jnp.arange(chunk))
            values = jnp.stack([draw.log_weight, draw.log_likelihood])
            return jax.lax.dynamic_update_slice(drawn, values, (0, j * chunk))

        drawn = jax.lax.fori_loop(0, (count + chunk - 1) // chunk, add_chunk, jnp.zeros((2, segment)))
        return stream.add(drawn[0], drawn[1], before, count)

    stream = jax.lax.fori_loop(0, (K + segment - 1) // segment, add_segment, _Stream.empty(tail))
    return stream, jax.random.key_data(keys.draws)


def _annealed(constants: _Constants, row: tuple[Array, Any]) -> tuple[_Stream, Array]:
    """Of one row, along annealed chains."""
    x, given = row
    tail, chains = constants.shape
    keys = RowKeys.by_content(constants.key, x)
    draw = annealed(constants.model, x, keys, given, chains=chains, steps=constants.steps)
    stream = _Stream.empty(tail).add(draw.log_weight, draw.log_likelihood, 0, chains)
    return stream, jax.random.key_data(keys.draws)


# How a row is scored.
_METHODS = {"importance": _sampled, "annealed": _annealed}


def _summary(stream: Any, hashes: np.ndarray, samples: int) -> Columns:
    """What is kept of a chunk of rows, whose `stream` is a `_Stream` of NumPy arrays."""
    K, total, squares = samples, stream.sum.astype(float), stream.sum_of_squares.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):  # where every weight is 0
        relative_variance = np.maximum(K * squares / total**2 - 1, 0) / (K - 1)
        return {
            "log_prob": stream.maximum + np.log(total / K),
            "standard_error": np.sqrt(relative_variance),
            "effective_sample_size": total**2 / squares,
            "k_hat": pareto_k_hat(stream.largest),
            "elbo": stream.log_weight.astype(float),
            "distortion": -stream.log_likelihood.astype(float),
            "hash": hashes,
        }


def _joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _local_devices(devices: int | None) -> int:
    local = jax.local_device_count()
    if devices is not None and not 1 <= devices <= local:
        raise ValueError(f"devices: expected 1 to {local}, found {devices}")
    return devices or local
