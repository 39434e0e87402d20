"""Where the aggregate posterior has mass: a bound on −log q(z), and its limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray
from numpyro.distributions import Distribution

from lowerbound.data.chunks import CHUNK, in_chunks
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import RowKeys, as_key

__all__ = ["Mass"]

# Posteriors that a code is held against at once.
_TOGETHER = 16


@dataclass(frozen=True)
class Mass:
    """Where the aggregate posterior of N rows, q(z) = (1/N) Σₙ q(z∣xₙ), has mass, as far as M of them say.

    Each term of the sum is at least 0, so that M of the N rows bound it from below,

        q(z) ≥ (1/N) Σₘ q(z∣xₘ),    −log q(z) ≤ log N − log Σₘ q(z∣xₘ),

    for every z, without an error of sampling: what [`nats`][] gives, of Lebesgue measure on z. It is the
    tighter the more of the rows are among the M, and exact where all are. A code is [`inside`][] where that
    is at most the `limit`.

    `posteriors` are q(z∣xₘ), with a leading axis M; `rows` is N.
    """

    posteriors: Distribution
    rows: int
    limit: float = math.inf

    @classmethod
    def of(
        cls, model: LatentModel, x: Float[np.ndarray, "m d"], others: Float[np.ndarray, "k d"], rows: int, *,
        quantile: float, key: PRNGKeyArray,
    ) -> Self:  # fmt: skip
        """The mass of encoded rows `x` out of so many `rows`, with the limit that this quantile of codes
        z ~ q(z∣x) of `others`, which are not among them, keeps within."""
        posteriors = in_chunks(_posterior, (model, key), x, chunk=CHUNK)
        found = cls(posteriors, rows)
        z = in_chunks(_code, (model, key), others, chunk=CHUNK)
        return cls(posteriors, rows, float(np.quantile(found.nats(z), quantile)))

    def nats(self, z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """log N − log Σₘ q(z∣xₘ) of each code, at least −log q(z), in nats."""
        if not len(z):
            return np.zeros(0)
        log_sums = in_chunks(_log_sum, self.posteriors, z, chunk=CHUNK, together=_TOGETHER)
        return math.log(self.rows) - np.asarray(log_sums, np.float64)

    def inside(self, z: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, " n"]:
        """Which codes lie within the limit; one that is not finite does not."""
        return np.asarray(self.nats(z) <= self.limit)

    def sample(self, n: int, random: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Codes of the M posteriors, z ~ (1/M) Σₘ q(z∣xₘ)."""
        count = len(jax.tree.leaves(self.posteriors)[0])
        chosen = random.integers(count, size=n)
        some = jax.tree.map(lambda leaf: np.asarray(leaf)[chosen], self.posteriors)
        keys = jax.random.key_data(jax.random.split(as_key(int(random.integers(2**31))), n))
        return np.asarray(in_chunks(_drawn, (), (some, np.asarray(keys)), chunk=CHUNK))


def _posterior(constants: tuple[LatentModel, PRNGKeyArray], x: Array) -> Distribution:
    model, key = constants
    return model.sampler(x, RowKeys.by_content(key, x).transform).q


def _code(constants: tuple[LatentModel, PRNGKeyArray], x: Array) -> Array:
    model, key = constants
    keys = RowKeys.by_content(key, x)
    return model.sampler(x, keys.transform).q.sample(keys.draws)


def _log_sum(posteriors: Distribution, z: Array) -> Array:
    """log Σₘ q(z∣xₘ)."""
    log_q = jax.vmap(lambda q: q.log_prob(z))(posteriors)
    return jax.nn.logsumexp(jnp.where(jnp.isnan(log_q), -jnp.inf, log_q))


def _drawn(constants: tuple[()], row: tuple[Any, Array]) -> Array:
    q, key = row
    return q.sample(jax.random.wrap_key_data(key))
