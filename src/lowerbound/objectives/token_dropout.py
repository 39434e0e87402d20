"""Token dropout: in training a decoder of sequences does not see all tokens before a place."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from lowerbound.distributions.marks import UNKNOWN
from lowerbound.distributions.sequences import NextToken
from lowerbound.models.latent_model import LatentModel
from lowerbound.objectives.bounds import ELBO
from lowerbound.objectives.gradients import Terms, stop
from lowerbound.objectives.objective import END, DataPoint, Objective, Progress, Schedule
from lowerbound.parts import part

__all__ = ["TokenDropout"]

# A number that no sample has.
_MASK = 2**32 - 2


class TokenDropout(Objective):
    """An objective of the model whose decoder does not know each token before a place with probability
    `share` (Bowman et al. 2016), so that what it says of the tokens after it has to come through z:

        E_m[L_m(θ, φ; x)],   log p_m(x∣z) = Σₜ log p(xₜ∣m₁ x₁ … mₜ₋₁ xₜ₋₁, z),

    mₜ = 0 with probability `share`, else 1. A token that is not known adds nothing to what a network sees.
    L_m is a bound on log p_m(x), and not on log p(x): it is in the history as `objective`, while the terms,
    `bound` among them, are those of the model itself at the same draws of z. These cost a step another pass
    through the decoder. For one data point, on validation rows, and wherever a model is used, nothing is
    dropped.

    **Arguments:** `objective`: of single rows, by default `ELBO()`; `share`: from 0 to 1, at which no token
    is seen, or a schedule of the training step. A mask is a row's own at each step, and one for all of its
    samples of z.

    **Raises:** `ValueError` for a share that is none; `TypeError` for an objective of a batch, in which this
    one can stand, and for a model without a likelihood of [sequences][lowerbound.distributions.sequences].

    >>> import lowerbound as lb
    >>> lb.TokenDropout(lb.ELBO(), share=0.3).share
    0.3
    """

    objective: Objective
    share: float | Array | Schedule

    def __init__(self, objective: Objective | None = None, *, share: float | Schedule):
        if not callable(share) and not 0 <= share <= 1:
            raise ValueError(f"TokenDropout.share: expected a number from 0 to 1, found {share}")
        self.objective = ELBO() if objective is None else objective
        if type(self.objective).of_batch is not Objective.of_batch:
            name = type(self.objective).__name__
            raise TypeError(
                f"TokenDropout: expected an objective of single rows, such as ELBO, found {name}, which is "
                f"of a batch: take {name}(TokenDropout(…), …)"
            )
        self.share = share if callable(share) else float(share)

    def of_point(
        self, model: LatentModel, point: DataPoint, progress: Progress = END
    ) -> tuple[Float[Array, ""], Terms]:
        return self.objective.of_point(model, point, progress)

    def of_batch(
        self, model: LatentModel, points: DataPoint, progress: Progress, population: Array
    ) -> tuple[Float[Array, ""], Terms]:
        dropping = _Dropping(self.objective, progress.at(self.share))
        return dropping.of_batch(model, points, progress, population)

    def unfinished(self, step: int) -> str | None:
        return self.objective.unfinished(step)


class _Dropping(Objective):
    """The value with tokens dropped, and the terms without."""

    objective: Objective
    share: Array

    def of_point(
        self, model: LatentModel, point: DataPoint, progress: Progress = END
    ) -> tuple[Float[Array, ""], Terms]:
        key = jax.random.fold_in(point.keys.draws, _MASK)
        value, _ = self.objective.of_point(_with_unknown(model, key, self.share), point, progress)
        _, terms = self.objective.of_point(model, point, progress)
        return value, stop(terms)


class _Unknown(eqx.Module):
    """What says the next token, of which some do not reach it in one pass."""

    network: NextToken
    key: PRNGKeyArray
    share: Array

    @property
    def vocabulary(self) -> int:
        return self.network.vocabulary

    @property
    def context_size(self) -> int:
        return self.network.context_size

    def __call__(
        self, tokens: Int[Array, " length"], context: Float[Array, " context"]
    ) -> Float[Array, "length vocabulary"]:
        dropped = jax.random.bernoulli(self.key, self.share, tokens.shape)
        return self.network(jnp.where(dropped, UNKNOWN, tokens), context)

    def start(self, context: Float[Array, " context"]) -> PyTree:
        return self.network.start(context)

    def step(self, state: PyTree, token: Int[Array, ""]) -> tuple[PyTree, Float[Array, " vocabulary"]]:
        return self.network.step(state, token)


def _with_unknown(model: LatentModel, key: PRNGKeyArray, share: Array) -> LatentModel:
    """The model whose every sequence has its own mask."""
    found, sequences = 0, part("sequences", "columns")

    def dropping(node: Any) -> Any:
        nonlocal found
        if not isinstance(node, sequences):
            return node
        network = _Unknown(node.network, jax.random.fold_in(key, found), share)
        found += 1
        return eqx.tree_at(lambda family: family.network, node, network)

    masked: LatentModel = jax.tree.map(dropping, model, is_leaf=lambda node: isinstance(node, sequences))
    if not found:
        raise TypeError(
            "TokenDropout: expected a model with a likelihood of sequences, found none "
            "whose tokens could be dropped"
        )
    return masked
