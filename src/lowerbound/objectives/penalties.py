"""Penalties on q(z) = E_data[q(z∣x)], which a single data point does not show: they see the batch."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Independent

from lowerbound.models.latent_model import LatentModel
from lowerbound.objectives.bounds import ELBO
from lowerbound.objectives.gradients import Terms
from lowerbound.objectives.objective import END, DataPoint, Objective, Progress
from lowerbound.parts import BLOCKS, REAL, suggested

__all__ = ["MaximumMeanDiscrepancy", "TotalCorrelation", "total_correlation"]


# A number that no sample has.
_PENALTY = 2**32 - 1


class Latents(NamedTuple):
    """One z ~ q(z∣yᵢ) for each row y of a batch, as the model sees it, of `population` rows in all."""

    z: Float[Array, "n d"]
    y: Float[Array, "n D"]
    given: Array | None
    population: Array


class Penalized(Objective):
    """An objective of single data points less `weight` times a penalty on the latents of a batch.

    For one data point, and on validation rows, it is the inner objective: a penalty needs a batch.
    """

    objective: Objective
    weight: float | Array

    def __init__(self, objective: Objective | None = None, *, weight: float):
        if not weight >= 0:
            raise ValueError(f"{type(self).__name__}.weight: expected at least 0, found {weight}")
        self.objective = ELBO() if objective is None else objective
        self.weight = float(weight)

    @abstractmethod
    def penalty(self, model: LatentModel, latents: Latents, key: PRNGKeyArray) -> Float[Array, ""]:
        """The penalty on the latents of a batch."""

    def of_point(
        self, model: LatentModel, point: DataPoint, progress: Progress = END
    ) -> tuple[Float[Array, ""], Terms]:
        return self.objective.of_point(model, point, progress)

    def of_batch(
        self, model: LatentModel, points: DataPoint, progress: Progress, population: Array
    ) -> tuple[Float[Array, ""], Terms]:
        if points.weight is not None:
            raise ValueError(
                f"{type(self).__name__}: q(z) is that of rows that count alike, found weights; leave them "
                "out, or take an objective of single rows, such as ELBO"
            )
        value, terms = self.objective.of_batch(model, points, progress, population)
        if len(points.x) < 2:
            raise ValueError(
                f"{type(self).__name__}: needs a batch of at least 2 rows, found {len(points.x)}"
            )

        def sampled(y: Array, key: PRNGKeyArray, given: Array | None) -> Array:
            q = model.q_z(y, given)
            if not q.has_rsample:
                raise TypeError(
                    f"{type(self).__name__}: the penalty is differentiated through z, and the posterior "
                    "cannot be reparameterised; use one that can, such as "
                    f"{suggested('posterior', REAL, 1)}, or {suggested('posterior', BLOCKS, 1)} for codes"
                )
            return q.sample(key)

        y = jax.vmap(model.transform)(points.x, points.keys.transform)
        # The objective's samples fold 0, 1, … into the key of a row's draws: these are apart from them.
        keys = jax.vmap(lambda key: jax.random.fold_in(key, _PENALTY))(points.keys.draws)
        z = jax.vmap(sampled)(y, keys, points.given)
        latents = Latents(z, y, points.given, population)
        batch_key = jax.random.fold_in(keys[0], _PENALTY)
        return value - self.weight * self.penalty(model, latents, batch_key), terms

    def unfinished(self, step: int) -> str | None:
        return self.objective.unfinished(step)


class TotalCorrelation(Penalized):
    """Less `weight` · KL(q(z) ‖ Πⱼ q(zⱼ)): β-TCVAE (Chen et al. 2018) with β = 1 + weight, FactorVAE.

    q(z) is estimated from the batch with stratified weights: 1/N for the row that z came from and
    (N − 1)/(N (n − 1)) for each of the n − 1 others, of N rows in all, which is unbiased for q(z). The
    estimate of the total correlation itself, a difference of logarithms, is biased at small batches.

    **Arguments:** `objective`: by default `ELBO()`; `weight`: at least 0.

    **Raises:** `TypeError` for a posterior whose dimensions are not independent given x.

    >>> import lowerbound as lb
    >>> lb.TotalCorrelation(weight=5.0).weight
    5.0
    """

    def penalty(self, model: LatentModel, latents: Latents, key: PRNGKeyArray) -> Float[Array, ""]:
        def log_q(y: Array, given: Array | None) -> Float[Array, "n d"]:
            q = model.q_z(y, given)
            if not isinstance(q, Independent) or q.reinterpreted_batch_ndims != 1:
                raise TypeError(
                    "TotalCorrelation: needs a posterior whose dimensions are independent given x, such as "
                    f"{suggested('posterior', REAL, 1)}; found {type(q).__name__}"
                )
            return jax.vmap(q.base_dist.log_prob)(latents.z)

        return total_correlation(jax.vmap(log_q)(latents.y, latents.given), latents.population)


def total_correlation(log_q: Float[Array, "n n d"], population: Array | int) -> Float[Array, ""]:
    """Σᵢ [log q̂(zᵢ) − Σⱼ log q̂(zᵢⱼ)]/n from log q(zᵢⱼ∣xₘ) at [m, i, j], xₘ drawn from `population` rows.

    >>> import jax.numpy as jnp
    >>> bool(abs(total_correlation(jnp.zeros((4, 4, 3)), 100)) < 1e-6)
    True
    """
    n = log_q.shape[0]
    others = (population - 1) / (population * max(n - 1, 1))
    log_weight = jnp.log(jnp.where(jnp.eye(n, dtype=bool), 1 / population, others))
    joint = jax.nn.logsumexp(log_weight + log_q.sum(-1), axis=0)
    marginals = jax.nn.logsumexp(log_weight[:, :, None] + log_q, axis=0)
    return (joint - marginals.sum(-1)).mean()


class MaximumMeanDiscrepancy(Penalized):
    """Less `weight` · MMD²(q(z), p(z)) with the inverse multiquadric kernel k(a, b) = 2d/(2d + ‖a − b‖²)
    (Zhao et al. 2019, InfoVAE; Tolstikhin et al. 2018), the unbiased U-statistic over the batch.

    With `objective=ELBO(beta=0.0)` it is a Wasserstein auto-encoder's.

    **Arguments:** `objective`: by default `ELBO()`; `weight`: at least 0.

    >>> import lowerbound as lb
    >>> lb.MaximumMeanDiscrepancy(weight=100.0).weight
    100.0
    """

    def penalty(self, model: LatentModel, latents: Latents, key: PRNGKeyArray) -> Float[Array, ""]:
        keys = jax.random.split(key, len(latents.z))
        prior = jax.vmap(lambda key, given: model.p_z(given).sample(key))(keys, latents.given)
        return _unbiased_mmd(latents.z, jnp.asarray(prior, float))


def _unbiased_mmd(a: Float[Array, "n d"], b: Float[Array, "n d"]) -> Float[Array, ""]:
    """E k(a, a′) + E k(b, b′) − 2 E k(a, b), pairs of a point with itself left out."""
    n, d = a.shape
    off_diagonal = ~jnp.eye(n, dtype=bool)

    def k(a: Array, b: Array) -> Array:
        return 2 * d / (2 * d + ((a[:, None] - b[None]) ** 2).sum(-1))

    within = jnp.where(off_diagonal, k(a, a) + k(b, b), 0.0).sum() / (n * (n - 1))
    return within - 2 * k(a, b).mean()
