"""What objectives, evidence, inference and diagnosis ask of a model: p(y, z), q(z∣y), and y = T(x)."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.kinds import Relaxed, made_of
from lowerbound.distributions.support import measure
from lowerbound.leaves import Fixed, frozen
from lowerbound.models.draws import Draw, Sampler
from lowerbound.models.once import once_a_model
from lowerbound.models.part import Events, Part
from lowerbound.models.transforms import Transform
from lowerbound.randomness.keys import RowKeys

__all__ = ["Encoding", "Event", "LatentModel"]


@dataclass(frozen=True)
class Event:
    """What a row is to a model: its `shape`, the set that it lies in once it is seen through the transform,
    `support`, and the `measure` that its density is stated in, in words; and the events that z is,
    `latent`."""

    shape: tuple[int, ...]
    support: Constraint
    measure: str
    latent: Events


class Encoding(Protocol):
    """How the rows of a table are kept as numbers, and made a table's numbers again: a schema does it."""

    def rows(self, table: Any, given: Any = None, name: str = "x") -> Any:
        """The rows of a table as a model takes them."""

    def held_against(self, table: Any, name: str = "x") -> Any:
        """The columns of a table that are the model's, in its order."""

    def in_own_units(self, x: np.ndarray) -> np.ndarray:
        """Such rows as numbers in the table's own units."""

    def taking_missing(self) -> Encoding:
        """The same of tables in which NaN stands for a value that was not observed."""


class LatentModel(eqx.Module):
    """p(z) p(y∣z) with a posterior q(z∣y), and how the model sees a row, y = T(x).

    What a model says of x, its draws, bounds, log p(x), codes, samples, is in x's own units, through the
    transform's log-Jacobian. Its distributions are over the row y. A model of a table, as one that is loaded
    from a run, holds the table's `schema`: arrays and frames that it is handed are then in the table's own
    units, a frame's columns are found by name, and rows that it gives are in those units again.
    """

    transform: eqx.AbstractVar[Transform]
    schema: eqx.AbstractVar[Encoding | None]
    posterior: eqx.AbstractVar[Part | Fixed]

    @property
    @abstractmethod
    def theta(self) -> PyTree:
        """What p(y, z) is made of: the generative model's side, whose arrays are θ."""

    @property
    @abstractmethod
    def takes_given(self) -> bool:
        """Whether it receives a condition."""

    @property
    @abstractmethod
    def takes_missing(self) -> bool:
        """Whether NaN in x stands for a value that was not observed."""

    @property
    @abstractmethod
    def prior_takes_given(self) -> bool:
        """Whether p(z) depends on the condition."""

    @abstractmethod
    def p_z(self, given: Array | None = None) -> Distribution:
        """The prior p(z), or p(z∣condition)."""

    @abstractmethod
    def q_z(self, y: Array, given: Array | None = None) -> Distribution:
        """The posterior of a row as the model sees it, q(z∣y). Missing values reach it as 0."""

    @abstractmethod
    def p_x(self, z: Array, given: Array | None = None) -> Distribution:
        """The likelihood of a row as the model sees it, p(y∣z)."""

    def point(self, z: Array, given: Array | None = None) -> Array:
        """The one row y, as the model sees it, that stands for p(y∣z): its mean, or of a category its most
        probable level."""
        return jnp.asarray(self.p_x(z, given).mean, float)

    @property
    def categories(self) -> tuple[int, ...]:
        """The dimensions of a row whose values are levels without an order, and so have no mean."""
        return ()

    @property
    def together(self) -> tuple[tuple[int, ...], ...]:
        """Blocks of dimensions of a row that are one value, as the tokens of a text are."""
        return ()

    def level_probabilities(self, z: Array, given: Array | None = None) -> tuple[Array, ...]:
        """Of each of [`categories`][], the probabilities of its levels given z."""
        return ()

    def taking_missing(self) -> LatentModel:
        """The same model, to which NaN in x stands for a value that was not observed: p(x∣z) is that of the
        observed values.

        **Raises:** `TypeError` where the columns are not independent given z.
        """
        if self.takes_missing:
            return self
        raise TypeError(f"{type(self).__name__}: its likelihood does not take missing values")

    def given_missing(self) -> LatentModel:
        """The model whose p(x∣z) is that of values given that they are missing: itself, where that says
        nothing of them."""
        return self

    def observed(self, y: Array) -> Array:
        """What the posterior is given of a row: 0 where a value is missing, unless its network sees holes."""
        return jnp.where(jnp.isnan(y), 0.0, y) if self.takes_missing else y

    def draw(
        self, x: Array, key: PRNGKeyArray | RowKeys, samples: int = 1, given: Array | None = None
    ) -> Draw:
        """`samples` draws of z ~ q(z∣x) for one data point; sample j depends on (key, j) only."""
        keys = RowKeys.of(key)
        return self.sampler(x, keys.transform, given)(keys.draws, jnp.arange(samples))

    def sampler(
        self,
        x: Array,
        key: PRNGKeyArray,
        given: Array | None = None,
        column_weights: Float[Array, " d"] | None = None,
    ) -> Sampler:
        """q(z∣x) and p(z) built once, from which a stream over samples draws chunk by chunk; `key` is of
        what the transform draws; the weights are those of [`Sampler`][lowerbound.models.draws.Sampler]."""
        y, log_jacobian = self.transform(x, key), self.transform.log_jacobian(x)
        return Sampler(self, y, log_jacobian, given, column_weights)

    def apart(self) -> tuple[Self, Self]:
        """The model of which only θ is differentiated (what p(y, z) is made of), and the one of which only φ
        is (the posterior)."""
        of_theta = eqx.tree_at(lambda model: model.posterior, self, frozen(self.posterior))
        of_phi = eqx.tree_at(lambda model: model.theta, self, frozen(self.theta))
        return of_theta, of_phi

    def event(self, given: Array | None = None) -> Event:
        """What a row is to this model. Nothing is computed: the distributions are built once for a structure,
        and what they said is kept.

        **Arguments:** `given`: the condition of a row, where the model receives one.

        >>> import jax, lowerbound as lb
        >>> pixels, latent, key = lb.Bernoulli(4), lb.DiagonalGaussian(2), jax.random.key(0)
        >>> q = lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent)
        >>> p = lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels)
        >>> event = lb.VAE(lb.StandardNormal(2), q, p).event()
        >>> event.shape, event.measure
        ((4,), 'counting measure')
        """
        return _event_of(self, None if given is None else (given.shape, given.dtype))


@once_a_model
def _event_of(model: LatentModel, form: tuple[tuple[int, ...], Any] | None) -> Event:
    given = None if form is None else jax.ShapeDtypeStruct(*form)
    leaves, structure = jax.tree.flatten((model, given))
    forms = tuple(map(_form, leaves))
    try:
        return _event(structure, forms)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        return _event.__wrapped__(structure, forms)


def _form(leaf: Any) -> Any:
    """An array's shape and type, anything else as it is."""
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if isinstance(leaf, jax.Array | np.ndarray) else leaf


@lru_cache(maxsize=64)
def _event(structure: Any, forms: Sequence[Any]) -> Event:
    """Of a model and a condition of this structure."""
    found: list[tuple[Distribution, Distribution, Distribution]] = []
    arrays, rest = eqx.partition(list(forms), lambda form: isinstance(form, jax.ShapeDtypeStruct))

    def trace(arrays: list[Any], key: PRNGKeyArray) -> Array:
        model, given = jax.tree.unflatten(structure, eqx.combine(arrays, rest))
        prior = model.p_z(given)
        p = model.p_x(prior.sample(key), given)
        q = model.q_z(jnp.zeros(p.event_shape), given)
        found.append((prior, p, q))
        return q.sample(key)

    jax.eval_shape(trace, arrays, jax.random.key(0))
    ((prior, p, q),) = found
    model, _ = jax.tree.unflatten(structure, forms)
    relaxed = "of the model with relaxed codes" if made_of(q, Relaxed) else ""
    words = [f"{measure(p.support)} measure", relaxed, model.transform.note]
    latent = Events(prior.support, math.prod(prior.event_shape))
    return Event(tuple(p.event_shape), p.support, ", ".join(filter(None, words)), latent)
