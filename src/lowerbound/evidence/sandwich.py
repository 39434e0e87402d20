"""Bidirectional Monte Carlo: log p(x) from below and from above, where p(z∣x) can be drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.data.chunks import in_chunks
from lowerbound.evidence.annealing import Path, Start, log_mean_exp
from lowerbound.evidence.coordinates import Target
from lowerbound.evidence.defaults import CHAINS, SAMPLES, STEPS
from lowerbound.evidence.refined import Fit, Refined, fitted, log_weights, plan_of, weights_of
from lowerbound.evidence.stream import Plan, streamed
from lowerbound.models.draws import Sampler
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import as_key, keys_of
from lowerbound.statistics import standard_error_of_mean

__all__ = ["Sandwich", "evidence_sandwich"]


@dataclass(frozen=True)
class Sandwich:
    """Bounds on log p(x) from below and from above, for n rows simulated from the model, in nats.

    `x`: the rows, (n, d). `lower`, `upper`: (n,), with E[lower] ≤ log p(x) ≤ E[upper] over rows; both hold
    whatever was fitted and at any number of `samples` or `steps`, and meet as it grows.
    """

    x: Float[np.ndarray, "n d"]
    lower: Float[np.ndarray, " n"]
    upper: Float[np.ndarray, " n"]

    @property
    def lower_mean(self) -> float:
        """In nats a row."""
        return float(self.lower.mean())

    @property
    def upper_mean(self) -> float:
        """In nats a row."""
        return float(self.upper.mean())

    @property
    def gap(self) -> float:
        """The mean of upper − lower: at least 0 up to its error, and at least the bias of either."""
        return self.upper_mean - self.lower_mean

    @property
    def lower_standard_error(self) -> float:
        """Of [`lower_mean`][], from the rows drawn."""
        return standard_error_of_mean(self.lower)

    @property
    def upper_standard_error(self) -> float:
        """Of [`upper_mean`][], from the rows drawn."""
        return standard_error_of_mean(self.upper)

    @property
    def gap_standard_error(self) -> float:
        """Of [`gap`][]: the two bounds of a row are paired."""
        return standard_error_of_mean(self.upper - self.lower)


def evidence_sandwich(
    model: LatentModel,
    n: int,
    *,
    method: Literal["refined", "annealed"] = "annealed",
    samples: int = SAMPLES,
    steps: int = STEPS,
    chains: int = CHAINS,
    key: PRNGKeyArray | int = 0,
    given: ArrayLike | None = None,
    start: Start = "prior",
    chunk_rows: int = 16,
) -> Sandwich:
    """How near an estimate of log p(x) comes, found where p(z∣x) can be drawn from: bidirectional Monte Carlo
    (Grosse, Ghahramani & Adams 2015; Wu et al. 2017).

    n rows are simulated, z ~ p(z), x ~ p(x∣z), so that z is an exact draw from p(z∣x).

    - `"annealed"`: chains from the path's start give log (1/K) Σ w, in expectation a lower bound of log p(x);
      chains back from z give −log (1/K) Σ 1/w, in expectation an upper bound.
    - `"refined"`: samples of the proposal r(z) that is fitted to the row give the lower bound, and log w =
      log p(x, z) − log r(z) at z itself the upper one, since E[1/w] = 1/p(x). A mode of p(z∣x) that the fit
      misses, and no k-hat knows of, is met by z: the two are then apart.

    Where they meet, so much is enough for rows like those simulated; for real rows, the worse the model the
    less this says.

    **Arguments:** `n`: rows, at least 2; `given`: the condition, a row each; `samples`: of the refined
    method; `steps`, `chains`, `start`: of the annealed, as for [`annealed`][]; `chunk_rows`: rows that are
    computed together: memory is bounded by `chunk_rows` · `chains` decoded rows. Row i depends on (key, i)
    only.

    **Raises:** `ValueError` for numbers that are too small, and another method; `TypeError` as [`annealed`][]
    does.

    >>> import jax, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(4), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> sandwich = lb.evidence_sandwich(model, 8, steps=100, chains=4)
    >>> sandwich.lower.shape, abs(sandwich.gap) < 0.1
    ((8,), True)
    """
    for name, value, least in (
        ("n", n, 2),
        ("steps", steps, 1),
        ("chains", chains, 1),
        ("samples", samples, 20),
    ):
        if value < least:
            raise ValueError(f"evidence_sandwich: expected {name} of at least {least}, found {value}")
    if given is not None and len(np.asarray(given)) != n:
        raise ValueError(f"given: expected a condition for each of {n} rows, found {len(np.asarray(given))}")
    if method not in ("refined", "annealed"):
        raise ValueError(f'method: expected "refined" or "annealed", found {method!r}')
    seeds = jax.random.key_data(keys_of(as_key(key), jnp.arange(n)))
    if method == "refined":
        count, plan = plan_of(samples, 80)
        refined = _Refined(model, jnp.asarray(count), plan)
        fits = in_chunks(_fitted, refined, (seeds, given), chunk=chunk_rows)
        x, lower, upper = in_chunks(_weighed, refined, (seeds, given, fits), chunk=chunk_rows)
    else:
        constants = _Constants(model, jnp.asarray(steps), chains, start)
        x, lower, upper = in_chunks(_sandwiched, constants, (seeds, given), chunk=chunk_rows)
    return Sandwich(x, lower.astype(float), upper.astype(float))


class _Simulated(NamedTuple):
    """A row that the model made, the z that it is of, and a key for what follows."""

    x: Array
    z: Array
    sampler: Sampler
    key: PRNGKeyArray

    @classmethod
    def by(cls, model: LatentModel, seed: Array, given: Any) -> Self:
        z_key, y_key, key = jax.random.split(as_key(seed), 3)
        z = model.p_z(given).sample(z_key)
        y = jnp.asarray(model.p_x(z, given).sample(y_key), float)
        x = model.transform.inverse(y)
        return cls(x, z, Sampler(model, y, model.transform.log_jacobian(x), given), key)


class _Refined(eqx.Module):
    model: LatentModel
    samples: Array
    plan: Plan = eqx.field(static=True)


def _fitted(constants: _Refined, row: tuple[Array, Any]) -> Fit:
    made = _Simulated.by(constants.model, *row)
    return fitted(Target(made.sampler), made.key)


def _weighed(constants: _Refined, row: tuple[Array, Any, Fit]) -> tuple[Array, Array, Array]:
    seed, given, fit = row
    made, plan = _Simulated.by(constants.model, seed, given), constants.plan
    target = Target(made.sampler)
    stream = streamed(lambda numbers: weights_of(target, fit, made.key, numbers), plan, constants.samples)
    lower = stream.maximum + jnp.log(stream.sum.sum() / stream.drawn)
    return made.x, lower, log_weights(target, Refined(target, fit), made.z[None])[0]


class _Constants(eqx.Module):
    model: LatentModel
    steps: Array  # traced, so that another number compiles nothing
    chains: int = eqx.field(static=True)
    start: Start = eqx.field(static=True)


def _sandwiched(constants: _Constants, row: tuple[Array, Any]) -> tuple[Array, Array, Array]:
    chains, steps = constants.chains, constants.steps
    made = _Simulated.by(constants.model, *row)
    path, key, z = Path(made.sampler, start=constants.start), made.key, made.z
    schedule = path.pilot(key)

    def chain(key: PRNGKeyArray, forward: Array) -> Array:
        first = path.from_z(jnp.where(forward, path.start.sample(jax.random.fold_in(key, 0)), z))
        return path.walk(key, first, schedule, steps, forward)[0]

    # Both ways in one loop, which is compiled once.
    numbers = jnp.arange(2 * chains)
    log_weight = jax.vmap(chain)(keys_of(key, numbers), numbers < chains)
    return made.x, log_mean_exp(log_weight[:chains]), -log_mean_exp(-log_weight[chains:])
