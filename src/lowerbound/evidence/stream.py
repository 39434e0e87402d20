"""Running sums over importance weights: log p̂(x), its error, and what says whether it can be relied on."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, starmap
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from lowerbound.data.kept import by_name
from lowerbound.evidence.k_hat import pareto_k_hat

__all__ = ["Plan", "Stream", "Weights", "streamed", "summary"]

# Chunks of samples whose weights are kept until their sums are taken: the largest weights are looked for
# once in so many, which costs more than the sums do.
_SEGMENT = 128
# The same where it is asked after each segment whether the error is small enough.
_SHORT_SEGMENT = 8


class Weights(NamedTuple):
    """Samples of one chunk: their log-weights, and of those that q(z∣x) drew log p(x, z) − log q(z∣x) and
    log p(x∣z)."""

    log_weight: Float[Array, " K"]
    own_log_weight: Float[Array, " k"]
    own_log_likelihood: Float[Array, " k"]


class Plan(NamedTuple):
    """How samples are drawn. Of every Σ `shares` samples in a row so many are of each stratum, and those of
    stratum `own` are draws of q(z∣x); `chunk` are drawn at once, and the `tail` largest weights are kept."""

    shares: tuple[int, ...]
    own: int
    chunk: int
    tail: int

    @property
    def order(self) -> Int[np.ndarray, " chunk"]:
        """The samples of a chunk by stratum: sample j is of the stratum of j modulo Σ shares."""
        return np.argsort(self._stratum, kind="stable")

    @property
    def of(self) -> list[slice]:
        """Where each stratum's samples stand in a chunk."""
        ends = np.cumsum([0, *np.bincount(self._stratum, minlength=len(self.shares))]).tolist()
        return list(starmap(slice, pairwise(ends)))

    @property
    def _stratum(self) -> np.ndarray:
        period = np.repeat(np.arange(len(self.shares)), self.shares)
        return period[np.arange(self.chunk) % len(period)]


@by_name
class Stream(NamedTuple):
    """Running sums, of weights relative to the largest so far, exp(log w − maximum), by stratum."""

    drawn: Int[Array, ""]
    maximum: Float[Array, ""]
    sum: Float[Array, " strata"]
    sum_of_squares: Float[Array, " strata"]
    own_log_weight: Float[Array, ""]  # the mean so far
    own_log_likelihood: Float[Array, ""]  # the mean so far
    largest: Float[Array, " tail"]  # the largest log-weights, in descending order

    @classmethod
    def empty(cls, plan: Plan) -> Self:
        zero, zeros = jnp.zeros(()), jnp.zeros(len(plan.shares))
        return cls(
            jnp.zeros((), jnp.int32),
            jnp.asarray(-jnp.inf),
            zeros,
            zeros,
            zero,
            zero,
            jnp.full(plan.tail, -jnp.inf),
        )

    def add(self, plan: Plan, weights: Weights, counted: Array) -> Self:
        """The samples of some chunks, (chunks, …) each, of which those that are `counted` count. A weight
        that is no number, since p(x, z) or q(z∣x) is beyond what is one, counts as 0."""
        log_w = jnp.where(counted, _or_none(weights.log_weight), -jnp.inf)
        own = counted[:, plan.of[plan.own]]
        maximum = jnp.maximum(self.maximum, log_w.max())
        reference = jnp.where(jnp.isfinite(maximum), maximum, 0.0)  # where every weight is 0 so far
        w, shrink = jnp.exp(log_w - reference), jnp.exp(self.maximum - reference)
        sums = [jnp.stack([powers[:, part].sum() for part in plan.of]) for powers in (w, w**2)]
        before = self.drawn * plan.shares[plan.own] / sum(plan.shares)
        return type(self)(
            drawn=self.drawn + counted.sum(),
            maximum=maximum,
            sum=self.sum * shrink + sums[0],
            sum_of_squares=self.sum_of_squares * shrink**2 + sums[1],
            own_log_weight=_with(self.own_log_weight, before, weights.own_log_weight, own),
            own_log_likelihood=_with(self.own_log_likelihood, before, weights.own_log_likelihood, own),
            largest=jax.lax.top_k(jnp.concatenate([self.largest, log_w.ravel()]), plan.tail)[0],
        )

    def relative_variance(self, plan: Plan) -> Any:
        """Of p̂, the square of the error of log p̂ by the delta method: Σ n s²/(Σ w)² over strata, with n
        samples each of variance s²."""
        n = self.drawn[..., None] * np.array(plan.shares) / sum(plan.shares)
        deviation = (self.sum_of_squares - self.sum**2 / n).clip(0) * n / (n - 1)
        return deviation.sum(-1) / self.sum.sum(-1) ** 2


def _or_none(log_values: Array) -> Array:
    """−∞, the logarithm of 0, in place of what is no logarithm of a finite number."""
    return jnp.where(log_values < jnp.inf, log_values, -jnp.inf)


def _with(mean: Array, before: Array, values: Array, counted: Array) -> Array:
    """The mean of `before` values so far with those values that are counted; −∞ stays."""
    count = counted.sum()
    new = jnp.where(counted, _or_none(values), 0.0).sum() / jnp.maximum(count, 1)
    share = count / jnp.maximum(before + count, 1)
    return jnp.where(jnp.isneginf(mean), mean, mean + share * (new - mean))


def streamed(
    draw: Callable[[Int[Array, " chunk"]], Weights],
    plan: Plan,
    samples: Int[Array, ""],
    error: Float[Array, ""] | None = None,
) -> Stream:
    """`samples` samples of one data point, drawn by their numbers in chunks; with an `error`, no more than it
    takes until log p̂ has one below it, looked at after every few chunks."""
    chunks = _SEGMENT if error is None else _SHORT_SEGMENT
    order, own = jnp.asarray(plan.order), plan.of[plan.own]

    def unfinished(stream: Stream) -> Array:
        short_of = stream.drawn < samples
        if error is None:
            return short_of
        # Where a weight was met; more samples of none make it none the less.
        return short_of & ~(stream.relative_variance(plan) < error**2)

    def add_segment(stream: Stream) -> Stream:
        left = samples - stream.drawn

        def add_chunk(i: Array, kept: Weights) -> Weights:
            drawn = draw(stream.drawn + i * plan.chunk + order)
            return jax.tree.map(
                lambda all, new: jax.lax.dynamic_update_index_in_dim(all, new, i, 0), kept, drawn
            )

        width = (plan.chunk, own.stop - own.start, own.stop - own.start)
        kept = Weights(*(jnp.zeros((chunks, size)) for size in width))
        count = jnp.minimum((left + plan.chunk - 1) // plan.chunk, chunks)
        kept = jax.lax.fori_loop(0, count, add_chunk, kept)
        numbers = jnp.arange(chunks)[:, None] * plan.chunk + order
        return stream.add(plan, kept, numbers < jnp.minimum(left, chunks * plan.chunk))

    return jax.lax.while_loop(unfinished, add_segment, Stream.empty(plan))


def summary(stream: Any, plan: Plan) -> dict[str, np.ndarray]:
    """What is kept of rows, whose `stream` is of NumPy arrays."""
    stream = stream._make(np.asarray(leaf, float) for leaf in stream)
    total = stream.sum.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):  # where every weight is 0
        return {
            "log_prob": stream.maximum + np.log(total / stream.drawn),
            "standard_error": np.sqrt(stream.relative_variance(plan)),
            "effective_sample_size": total**2 / stream.sum_of_squares.sum(-1),
            "k_hat": pareto_k_hat(stream.largest),
            "elbo": stream.own_log_weight,
            "distortion": -stream.own_log_likelihood,
            "samples": stream.drawn.astype(np.int64),
        }
