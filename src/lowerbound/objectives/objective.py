"""What an objective is: a function of one data point, and its mean over a batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.models.draws import Draw, Sampler
from lowerbound.models.latent_model import LatentModel
from lowerbound.objectives.gradients import Gradient, Terms, stop
from lowerbound.objectives.schedules import WarmUp
from lowerbound.randomness.keys import RowKeys

__all__ = ["DataPoint", "Objective", "OfDraw", "Progress"]

Schedule = Callable[[Array], Array]


class DataPoint(NamedTuple):
    """A row as the data have it, the keys of its noise, its condition, and how much it counts in a batch's
    mean, `None` for as much as the others; of a batch, with a leading axis in each."""

    x: Array
    keys: RowKeys
    given: Array | None = None
    weight: Array | None = None

    def sampler(self, model: LatentModel, column_weights: Array | None = None) -> Sampler:
        """q(z∣x) and p(z) of this data point under `model`."""
        return model.sampler(self.x, self.keys.transform, self.given, column_weights)


class Progress(NamedTuple):
    """How far training has come: the step that a schedule is read at, `None` for the end of training, where
    a [`WarmUp`][lowerbound.WarmUp] counts as its `end` and any other schedule as 1; and the running means of
    the terms over past steps, for a baseline of the score function."""

    step: Array | int | None = None
    running: Terms | None = None

    def at(self, schedule: float | Array | Schedule) -> Array:
        """The value of a number or of a schedule at this step.

        >>> float(Progress(3).at(lambda step: step / 10)), float(Progress().at(0.5))
        (0.30000001192092896, 0.5)
        >>> float(Progress().at(WarmUp(100, end=0.25))), float(Progress().at(lambda step: step / 10))
        (0.25, 1.0)
        """
        if not callable(schedule):
            return jnp.asarray(schedule)
        if self.step is None:
            return jnp.asarray(schedule.end if isinstance(schedule, WarmUp) else 1.0)
        return jnp.asarray(schedule(jnp.asarray(self.step)))


END = Progress()


class Objective(eqx.Module):
    """What is maximised. Called for one data point it gives its value, in nats, and `jax.grad` of that
    value is the estimator that `gradient` names.

    The data point x is a row as the data have it, and the value is in its units: what the model's transform
    draws follows from `key`, the row's key, besides the samples of z
    ([`RowKeys`][lowerbound.randomness.keys.RowKeys] where each has a key of its own). `progress` is read by
    schedules and by baselines of the score function.
    """

    def __call__(
        self,
        model: LatentModel,
        x: Array,
        key: PRNGKeyArray | RowKeys,
        given: Array | None = None,
        *,
        progress: Progress = END,
    ) -> Float[Array, ""]:
        return self.of_point(model, DataPoint(x, RowKeys.of(key), given), progress)[0]

    def with_terms(
        self, model: LatentModel, x: Array, key: PRNGKeyArray | RowKeys, given: Array | None = None
    ) -> tuple[Float[Array, ""], Terms]:
        """The value at the end of training, and its terms as [`of_point`][] names them."""
        return self.of_point(model, DataPoint(x, RowKeys.of(key), given))

    @abstractmethod
    def of_point(
        self, model: LatentModel, point: DataPoint, progress: Progress = END
    ) -> tuple[Float[Array, ""], Terms]:
        """The value to be maximised, and by name: `bound`, the lower bound on log p(x) proper;
        `log_likelihood`, the mean of log p(x∣z); and `kl`, KL(q(z∣x) ‖ p(z)). Whatever else it names, a
        number each, stands in the history as well."""

    def of_batch(
        self, model: LatentModel, points: DataPoint, progress: Progress, population: Array
    ) -> tuple[Float[Array, ""], Terms]:
        """The mean over a batch of n of the `population` rows: what a training step maximises. Of rows that
        have weights, whose mean over the population is 1, it is Σ wᵢ L(xᵢ)/n, whose expectation is the
        weighted mean over the population."""
        value, terms = jax.vmap(lambda point: self.of_point(model, point, progress))(points)
        if points.weight is not None:
            value, terms = jax.tree.map(lambda term: points.weight * term, (value, terms))
        return value.mean(), {name: term.mean() for name, term in terms.items()}

    def unfinished(self, step: int) -> str | None:
        """What had not yet come to its end when training stopped after `step`, in words; else `None`."""
        return None


class OfDraw(Objective):
    """An objective that is a function of the draws of one data point, so that any gradient estimator that
    it accepts may stand behind it."""

    gradient: eqx.AbstractVar[Gradient]

    @property
    def weighs_columns(self) -> Float[Array, " d"] | None:
        """What each column's term of log p(x∣z) counts, `None` where all count alike."""
        return None

    @property
    @abstractmethod
    def draws(self) -> int:
        """How many samples of z a data point takes."""

    @abstractmethod
    def of_draw(self, draw: Draw, progress: Progress = END) -> tuple[Float[Array, ""], Terms]:
        """Value and terms from the draws of one data point."""

    def of_point(
        self, model: LatentModel, point: DataPoint, progress: Progress = END
    ) -> tuple[Float[Array, ""], Terms]:
        bound = lambda draw: self.of_draw(draw, progress)  # noqa: E731
        sampler = point.sampler(model, self.weighs_columns)
        return self.gradient(bound, sampler, point.keys.draws, self.draws, progress.running)


def held(sampler: Sampler, key: PRNGKeyArray, samples: int) -> Draw:
    """A draw whose samples are constants: prior and likelihood alone are differentiated."""
    draw = sampler(key, jnp.arange(samples))
    return sampler.at(stop(draw.z), stop(draw.log_posterior))
