"""What inference loses: log p(x) less the bound; of it, the posterior's family's part and the encoder's."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.data.chunks import in_chunks
from lowerbound.data.rows import Rows
from lowerbound.diagnosis.diagnosis import Notes, PerRow
from lowerbound.diagnosis.looked import Constants
from lowerbound.evidence.ladder import log_evidence
from lowerbound.models.conditional import Conditional
from lowerbound.models.draws import Sampler
from lowerbound.models.latent_model import LatentModel
from lowerbound.models.part import unwrapped
from lowerbound.objectives.bounds import ELBO

__all__ = ["Gaps", "conditional_of", "gaps_of"]

# Adam's steps for the posterior of a row, its rate at the start (it falls to 0 as half a cosine), and the
# draws of a step. What is remembered of squared gradients is short, since the first may be huge.
_STEPS, _RATE, _STEP_DRAWS, _MEMORY = 200, 0.1, 8, 0.95
# Draws that are decoded at once.
_AT_ONCE = 10
# A number that no sample has: the noise of the optimisation is apart from that of the evaluation.
_OPTIMIZATION = 2**32 - 1


class Gaps(NamedTuple):
    """log p(x), and inference = approximation + amortization: nats of each row."""

    log_evidence: PerRow
    inference: PerRow
    approximation: PerRow | None = None
    amortization: PerRow | None = None


class _Search(eqx.Module):
    """For each row the bound is maximised, if at all; then K samples are drawn."""

    constants: Constants
    samples: int = eqx.field(static=True)
    objective: ELBO | None


def gaps_of(constants: Constants, table: Rows, samples: int, first: Sampler, notes: Notes) -> Gaps:
    """Of each row of `table` (Cremer, Li & Duvenaud 2018); `first` is a row's sampler, for its kind."""
    objective = None
    not_told_apart = "approximation and amortisation gap: not told apart, the posterior "
    if not isinstance(unwrapped(constants.model.posterior), Conditional):
        notes.append(f"{not_told_apart}is not a Conditional")
    elif not first.q.has_rsample:
        notes.append(f"{not_told_apart}has no differentiable samples")
    else:
        gradient = "reparameterized" if first.moving_support else "sticking_the_landing"
        objective = ELBO(samples=_STEP_DRAWS, kl="monte_carlo", gradient=gradient)
    found = in_chunks(_weights, _Search(constants, samples, objective), (table.x, table.given), chunk=50)
    log_w, best = jax.tree.map(lambda leaf: leaf.astype(np.float64), found)
    evidence = log_evidence(constants.model, table, samples=samples, key=constants.key)
    log_p, unreliable = evidence.log_prob, int((~evidence.reliable).sum())
    if unreliable:
        some = f"log p(x) of {unreliable} of {len(table.x)} rows cannot be relied on"
        notes.append(f"{some}: the gaps may be larger than said")
    inference = log_p - log_w.mean(1)
    if best is None:
        return Gaps(log_p, inference)
    return Gaps(log_p, inference, log_p - best.mean(1), best.mean(1) - log_w.mean(1))


def _weights(search: _Search, row: tuple[Array, Any]) -> tuple[Array, Array | None]:
    """log w of K samples of the encoder's posterior, and of the row's own, from the same noise."""
    x, given = row
    sampler, key = search.constants.sampler(x, given)

    def log_weights(sampler: Sampler) -> Float[Array, " K"]:
        one = lambda j: sampler(key, j[None]).log_weight[0]  # noqa: E731
        return jax.lax.map(one, jnp.arange(search.samples), batch_size=_AT_ONCE)

    if search.objective is None:
        return log_weights(sampler), None
    encoded, noise = _vector(sampler), jax.random.fold_in(key, _OPTIMIZATION)
    best = _optimized(sampler, encoded, search.objective, noise)
    weights = jax.vmap(lambda v: log_weights(_at(sampler, v)))(jnp.stack([encoded, best]))
    return weights[0], weights[1]


def _vector(sampler: Sampler) -> Array:
    """What the encoder puts out for the row."""
    model = sampler.model
    return conditional_of(model).vector(model.observed(sampler.y), sampler.given)


def conditional_of(model: LatentModel) -> Conditional:
    """The posterior, of which it is known that it is a conditional."""
    posterior = unwrapped(model.posterior)
    assert isinstance(posterior, Conditional)
    return posterior


def _at(sampler: Sampler, vector: Array) -> Sampler:
    """The sampler of the family's member that `vector` names, in place of the encoder's."""
    moved = copy.copy(sampler)
    moved.q = conditional_of(sampler.model).family(vector)
    return moved


def _optimized(sampler: Sampler, start: Array, objective: ELBO, key: PRNGKeyArray) -> Array:
    """The vector that maximises the row's bound, as far as Adam finds it."""
    adam = optax.chain(optax.zero_nans(), optax.adam(optax.cosine_decay_schedule(_RATE, _STEPS), b2=_MEMORY))

    def loss(vector: Array, key: PRNGKeyArray) -> Array:
        return -objective.gradient(objective.of_draw, _at(sampler, vector), key, objective.draws, None)[0]

    def step(i: Array, state: tuple[Array, Any]) -> tuple[Array, Any]:
        vector, memory = state
        update, memory = adam.update(jax.grad(loss)(vector, jax.random.fold_in(key, i)), memory)
        return vector + update, memory

    vector, _ = jax.lax.fori_loop(0, _STEPS, step, (start, adam.init(start)))
    return vector
