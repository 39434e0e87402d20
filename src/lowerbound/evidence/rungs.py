"""The ways to log p(x) of one row: what each draws, and where its number can be relied on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, PRNGKeyArray

from lowerbound.evidence.annealing import Path
from lowerbound.evidence.coordinates import Target
from lowerbound.evidence.k_hat import tail_length
from lowerbound.evidence.refined import Fit, Refined, fitted, plan_of, refitted, weights_of
from lowerbound.evidence.stream import Plan, Stream, Weights, streamed, summary
from lowerbound.models.draws import Sampler
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import RowKeys

__all__ = ["LADDER", "RUNGS", "Budget", "Columns", "Constants", "Rung", "never"]

Columns = dict[str, np.ndarray]

# With a heavier tail of the weights number and error cannot be relied on (Vehtari et al. 2024); nor with
# fewer effective samples, or, of chains, a smaller share of them.
_K_HAT, _EFFECTIVE, _EFFECTIVE_SHARE, _EFFECTIVE_NEAR, _EFFECTIVE_CHAINS = 0.7, 100, 0.1, 0.25, 0.25
# Of fewer samples neither can be judged.
_FEWEST = 100
# Estimates that are further apart in their common error are at odds.
_AT_ODDS = 3.0
# Chains and temperatures from a fit, from which the way is short.
_SHORT_CHAINS, _SHORT_STEPS = 64, 16


class Budget(NamedTuple):
    """What may be drawn for a row: `samples`, or no more than it takes for an `error`; or `chains` along
    `steps` temperatures. So many samples are drawn at once."""

    samples: int
    error: float | None
    chains: int
    steps: int
    chunk: int


class Constants(eqx.Module):
    """What a rung needs of all rows."""

    model: LatentModel
    key: PRNGKeyArray
    samples: Array  # traced, so that another K compiles nothing (but for the tail's length)
    steps: Array
    error: Array | None
    plan: Plan = eqx.field(static=True)


Row = tuple[Array, Any, Fit | None]
Fitting = Callable[["Constants", Row], Fit]


@dataclass(frozen=True)
class Rung:
    """A way to log p(x): `program`, what it draws for a row; `plan`, how many by a budget, and in which
    strata; `columns`, what is kept of rows; `holds`, where number and error can be relied on, beside what an
    earlier rung said; and whether a row's posterior is `fit` first."""

    name: str
    words: str
    program: Callable[[Constants, Row], Any]
    plan: Callable[[Budget], tuple[int, Plan]]
    columns: Callable[[Any, Plan], Columns]
    holds: Callable[[Columns, Columns | None], Bool[np.ndarray, " n"]]
    fit: Fitting | None = None

    def constants(self, model: LatentModel, key: PRNGKeyArray, budget: Budget) -> Constants:
        """What it needs of all rows.

        **Raises:** `ValueError` for a budget of too few draws for an error.
        """
        count, plan = self.plan(budget)
        if count < 2:
            name = "chains" if self.program is _annealed else "samples"
            raise ValueError(
                f"log_evidence: expected {name} of at least 2, found {count}: an estimate from one has no "
                "standard error"
            )
        steps = budget.steps if self.fit is None else _SHORT_STEPS
        # NumPy's: to make an array of JAX takes as long as a small program does.
        samples: Any = np.asarray(count, np.int32)
        temperatures: Any = np.asarray(steps, np.int32)
        error: Any = None if budget.error is None else np.asarray(budget.error, jnp.result_type(float))
        return Constants(model, key, samples, temperatures, error, plan)

    def judged(self, found: Any, plan: Plan, before: Columns | None = None) -> Columns:
        """What is kept of rows, and of which of them it is `reliable`."""
        columns = self.columns(found, plan)
        columns["reliable"] = self.holds(columns, before)
        return {name: column for name, column in columns.items() if name != _SETTLED}


def _seen(constants: Constants, x: Array, given: Any) -> tuple[Sampler, RowKeys]:
    keys = RowKeys.by_content(constants.key, x)
    return constants.model.sampler(x, keys.transform, given), keys


# Programs of their own, since with what follows they would take minutes to compile.
def _fitted(constants: Constants, row: Row) -> Fit:
    """The posterior that is refined for a row."""
    x, given, _ = row
    sampler, keys = _seen(constants, x, given)
    return fitted(Target(sampler), keys.draws)


def _refitted(constants: Constants, row: Row) -> Fit:
    """The same from where it was left, in more rounds."""
    x, given, fit = row
    assert fit is not None
    sampler, keys = _seen(constants, x, given)
    return refitted(Target(sampler), fit, keys.draws)


def _importance(constants: Constants, row: Row) -> Any:
    """Samples of q(z∣x) (Burda et al. 2016)."""
    x, given, _ = row
    sampler, keys = _seen(constants, x, given)

    def draw(numbers: Array) -> Weights:
        drawn = sampler(keys.draws, numbers)
        return Weights(drawn.log_weight, drawn.log_weight, drawn.log_likelihood)

    return streamed(draw, constants.plan, constants.samples, constants.error), _hash(keys)


def _refined(constants: Constants, row: Row) -> Any:
    """Samples of the row's own proposal."""
    x, given, fit = row
    assert fit is not None
    sampler, keys = _seen(constants, x, given)
    target = Target(sampler)

    def draw(numbers: Array) -> Weights:
        return weights_of(target, fit, keys.draws, numbers)

    stream = streamed(draw, constants.plan, constants.samples, constants.error)
    return stream, _hash(keys), Refined(target, fit).settled


def _annealed(constants: Constants, row: Row) -> Any:
    """Chains from the prior, or from what was fitted."""
    x, given, fit = row
    sampler, keys = _seen(constants, x, given)
    chains, plan = constants.plan.chunk, constants.plan
    path = Path(sampler, start="prior" if fit is None else Refined(Target(sampler), fit))
    drawn = path.sampled(keys.draws, chains, constants.steps)
    weights = jax.tree.map(
        lambda leaf: leaf[None], Weights(drawn.log_weight, drawn.log_weight, drawn.log_likelihood)
    )
    return Stream.empty(plan).add(plan, weights, jnp.ones((1, chains), bool)), _hash(keys)


def _exact(constants: Constants, row: Row) -> Any:
    """log Σ_z p(x, z) over every z there is."""
    x, given, _ = row
    sampler, keys = _seen(constants, x, given)
    z = sampler.all_values
    draw = sampler.at(z, jax.vmap(sampler.q.log_prob)(z))
    q = jnp.exp(draw.log_posterior)
    elbo = jnp.where(q > 0, q * draw.log_weight, 0.0).sum()
    distortion = -jnp.where(q > 0, q * draw.log_likelihood, 0.0).sum()
    log_prob = jax.nn.logsumexp(draw.log_likelihood + draw.log_prior)
    return (log_prob, elbo, distortion), _hash(keys)


def _hash(keys: RowKeys) -> Array:
    """By which equal rows are known."""
    return jax.random.key_data(keys.draws)


# Whether a row's fit has settled: what its samples are judged by, and no part of what is kept.
_SETTLED = "settled"


def _of_stream(found: Any, plan: Plan) -> Columns:
    stream, hashes = found
    return {**summary(stream, plan), "hash": hashes}


def _of_fitted(found: Any, plan: Plan) -> Columns:
    stream, hashes, settled = found
    return {**_of_stream((stream, hashes), plan), _SETTLED: settled}


def _of_exact(found: Any, plan: Plan) -> Columns:
    (log_prob, elbo, distortion), hashes = found
    zeros = np.zeros(len(hashes))
    return {
        **{
            "log_prob": log_prob.astype(float),
            "standard_error": zeros,
            "effective_sample_size": zeros + np.inf,
        },
        **{"k_hat": zeros, "elbo": elbo.astype(float), "distortion": distortion.astype(float)},
        **{"samples": zeros.astype(np.int64), "hash": hashes},
    }


def _in_strata(budget: Budget) -> tuple[int, Plan]:
    count, plan = plan_of(max(budget.samples, _FEWEST), budget.chunk)
    return count if budget.samples > 1 else budget.samples, plan


def _of_q(budget: Budget) -> tuple[int, Plan]:
    chunk = max(min(budget.samples, budget.chunk), 1)  # of few samples none is drawn that does not count
    return budget.samples, Plan((1,), 0, chunk, tail_length(budget.samples) + 1)


def _everything(budget: Budget) -> tuple[int, Plan]:
    return 2, Plan((1,), 0, 1, 1)


def _short_chains(budget: Budget) -> tuple[int, Plan]:
    return _long_chains(budget._replace(chains=_SHORT_CHAINS))


def _long_chains(budget: Budget) -> tuple[int, Plan]:
    return budget.chains, Plan((1,), 0, budget.chains, tail_length(budget.chains) + 1)


def _samples_hold(columns: Columns, before: Columns | None) -> Bool[np.ndarray, " n"]:
    effective = columns["effective_sample_size"]
    enough = effective >= np.minimum(_EFFECTIVE, _EFFECTIVE_SHARE * columns["samples"])
    # A fit that has not settled may still be near: then many of its samples count.
    near = columns[_SETTLED] | (effective >= _EFFECTIVE_NEAR * columns["samples"])
    held: np.ndarray = near & (columns["k_hat"] <= _K_HAT) & enough
    return held


def _chains_hold(columns: Columns, before: Columns | None) -> Bool[np.ndarray, " n"]:
    """Few chains have no k-hat: that enough of them count has to do."""
    heavy = columns["k_hat"] > _K_HAT
    held: np.ndarray = ~heavy & (columns["effective_sample_size"] >= _EFFECTIVE_CHAINS * columns["samples"])
    return held


def _agree(columns: Columns, before: Columns | None) -> Bool[np.ndarray, " n"]:
    held = _chains_hold(columns, before)
    if before is None:
        return held
    with np.errstate(invalid="ignore"):  # where both are −∞
        apart = np.abs(columns["log_prob"] - before["log_prob"])
    together = np.hypot(columns["standard_error"], before["standard_error"])
    return held & (apart <= _AT_ODDS * together)


def never(columns: Columns, before: Columns | None) -> Bool[np.ndarray, " n"]:
    """Of no row can number and error be relied on."""
    return np.zeros(len(columns["log_prob"]), bool)


def _always(columns: Columns, before: Columns | None) -> Bool[np.ndarray, " n"]:
    return np.ones(len(columns["log_prob"]), bool)


_EXACT = Rung("exact", "a sum over every z", _exact, _everything, _of_exact, _always)
_REFINED = Rung(
    "refined",
    "samples around a posterior fitted to each row",
    *(_refined, _in_strata, _of_fitted, _samples_hold),
    fit=_fitted,
)
_REFINED_ANNEALED = Rung(
    "refined-annealed",
    "annealed chains from a posterior fitted to each row",
    *(_annealed, _short_chains, _of_stream, _agree),
    fit=_fitted,
)
_ANNEALED = Rung(
    "annealed", "annealed chains from the prior", _annealed, _long_chains, _of_stream, _chains_hold
)
_IMPORTANCE = Rung("importance", "samples of q(z∣x) alone", _importance, _of_q, _of_stream, never)

# By method.
RUNGS = {rung.name: rung for rung in (_EXACT, _REFINED, _REFINED_ANNEALED, _ANNEALED, _IMPORTANCE)}
# Where gradients in z can be followed. A fit that did not hold is gone on with first.
LADDER = (_REFINED, replace(_REFINED, fit=_refitted), replace(_REFINED_ANNEALED, fit=_refitted), _ANNEALED)
