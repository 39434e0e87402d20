"""What stays constant in a run: what is maximised, and the rules by which it is climbed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from lowerbound.leaves import partition
from lowerbound.models.latent_model import LatentModel
from lowerbound.objectives.bounds import ELBO
from lowerbound.objectives.gradients import Terms
from lowerbound.objectives.objective import DataPoint, Objective, Progress
from lowerbound.randomness.keys import RowKeys, as_key
from lowerbound.training.feed import Batch
from lowerbound.training.optimizer import Ascent, NAdam
from lowerbound.training.terms import named

if TYPE_CHECKING:
    from lowerbound.training.state import State

__all__ = ["Run"]


class Run(eqx.Module):
    """What a run is given and does not change: the model's structure, the objective, and the numbers that
    rule the optimiser. Numbers are arrays, so that other numbers compile nothing. The data are no part of it:
    a step is handed its [`Batch`][lowerbound.training.feed.Batch]."""

    constants: PyTree  # the model without what is trained
    objective: Objective
    optimizer: Ascent
    population: Array  # N, the rows that are trained on
    weight_prior: Array | None

    @classmethod
    def of(
        cls,
        model: LatentModel,
        *,
        population: int,
        total_steps: int,
        objective: Objective | None = None,
        optimizer: NAdam | optax.GradientTransformation | None = None,
        weight_prior: float | None = None,
    ) -> Self:
        """The run that trains `model` on `population` rows over `total_steps` steps; the other arguments are
        those of [`lowerbound.fit`][].

        **Raises:** `ValueError` where the model holds no array to train, or one in two places.
        """
        parameters, constants = partition(model)
        _check_parameters(parameters)
        return cls(
            constants=constants,
            objective=_traced(ELBO() if objective is None else objective),
            optimizer=Ascent.of(NAdam() if optimizer is None else optimizer, total_steps),
            population=jnp.asarray(population),
            weight_prior=None if weight_prior is None else jnp.asarray(float(weight_prior)),
        )

    def model(self, state: State) -> LatentModel:
        """The model of a state, with the average of the weights where there is one."""
        model: LatentModel = eqx.combine(state.evaluated, self.constants)
        return model

    def names(self, parameters: PyTree, batch: Batch) -> list[str]:
        """What the objective names for a data point, found without computing anything."""

        def of_point(batch: Batch) -> Terms:
            model = eqx.combine(parameters, self.constants)
            x, given = jax.tree.map(lambda rows: rows[0], (batch.x, batch.given))
            return named(*self.objective.of_point(model, DataPoint(x, RowKeys.of(as_key(0)), given)))

        return list(jax.eval_shape(of_point, batch))

    def mean_objective(
        self, parameters: PyTree, batch: Batch, key: PRNGKeyArray, step: Array, running: Terms | None
    ) -> tuple[Float[Array, ""], Terms]:
        """The mean over a batch of L(θ, φ; x⁽ⁱ⁾), plus log p(θ)/N where the weights have a prior; and its
        terms. A row's noise follows from (key, the row's number)."""
        model = eqx.combine(parameters, self.constants)
        keys = jax.vmap(lambda number: RowKeys.of(jax.random.fold_in(key, number)))(batch.numbers)
        points, progress = DataPoint(batch.x, keys, batch.given, batch.weight), Progress(step, running)
        value, terms = self.objective.of_batch(model, points, progress, self.population)
        terms = named(value, terms)
        if self.weight_prior is not None:
            value = value + log_weight_prior(parameters, self.weight_prior) / self.population
        return value, terms


def log_weight_prior(parameters: PyTree, scale: Array) -> Float[Array, ""]:
    """log p(θ) = −½ Σ (θ/scale)² up to a constant, over the parameters of prior and likelihood: the
    posterior's φ are no parameters of the model."""
    return -0.5 * sum(((leaf / scale) ** 2).sum() for leaf in jax.tree.leaves(parameters.theta))


def _check_parameters(parameters: PyTree) -> None:
    leaves = jax.tree.leaves(parameters)
    if not leaves:
        raise ValueError("fit: nothing to train, the model's parts hold no arrays")
    if len({id(leaf) for leaf in leaves}) < len(leaves):
        raise ValueError(
            "fit: one array stands in two places of the model, and training would give each its own "
            "copy; build the parts with arrays of their own (another key)"
        )


def _traced(objective: Objective) -> Objective:
    """The objective with its floats as arrays, so that another β compiles nothing."""
    traced: Objective = jax.tree.map(
        lambda leaf: jnp.asarray(leaf) if isinstance(leaf, float) else leaf, objective
    )
    return traced
