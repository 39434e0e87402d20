"""What a family is, and what the families of independent dimensions share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar, Self

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.missing import ObservedPart
from lowerbound.distributions.support import OrMissing
from lowerbound.families.cells import Cells
from lowerbound.families.fitted import Fitted, Found

__all__ = ["LEVELS", "Factorized", "Family", "positive_size"]

LEVELS = 10  # of a latent code, where nothing says how many


class Family(eqx.Module):
    """Turns an unconstrained vector into a distribution over one event, a vector of `event_size`.

    `size` is the length of the vector, `support` the set that the events lie in. The vector of zeros is
    the family's standard member: N(0, I), the unit exponential, a fair coin.
    """

    event_size: eqx.AbstractVar[int]

    # Whether the dimensions are independent given the parameters, so that some of them may be missing.
    independent: ClassVar[bool] = False

    @property
    @abstractmethod
    def size(self) -> int:
        """Length of the unconstrained vector: what a network in front must put out."""

    @property
    @abstractmethod
    def support(self) -> Constraint:
        """The set in which events lie, as a NumPyro constraint."""

    @property
    def missing(self) -> bool:
        """Whether NaN stands for a value that was not observed."""
        return False

    @property
    def codes(self) -> tuple[int, int] | None:
        """How many discrete codes an event is, or relaxes, and of how many levels each; `None` for events
        that are none."""
        return None

    @abstractmethod
    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        """The member of the family that `parameters` name."""

    def point(self, parameters: Float[Array, " size"]) -> Float[Array, " event_size"]:
        """The one value that stands for the member where a single one is asked for, as floats: of numbers and
        counts their mean, of a category its most probable level, of a column or block what its own family
        gives. Where there is no mean, as of a Cauchy distribution, it is the centre.

        **Raises:** `NotImplementedError` where the mean is not known: average samples instead.

        >>> import jax.numpy as jnp, lowerbound as lb
        >>> logits = jnp.log(jnp.array([0.5, 0.0, 0.5]) + 0.01)      # levels 0 and 2, and hardly ever 1
        >>> lb.Categorical(1, 3)(logits).mean.round(4).tolist(), lb.Categorical(1, 3).point(logits).tolist()
        ([1.0], [0.0])
        """
        return jnp.asarray(self(parameters).mean, float)

    @property
    def categories(self) -> tuple[int, ...]:
        """The dimensions whose values are the levels of a category, of which no mean is taken."""
        return ()

    @property
    def together(self) -> tuple[tuple[int, ...], ...]:
        """Blocks of dimensions that are one value, as the tokens of a text are: all of them are observed or
        none, and of several values one is taken where of numbers it is the mean."""
        return ()

    def cells(self, x: Float[np.ndarray, "n d"]) -> Cells | None:
        """Where values lie among finitely many cells of each column; `None` of a family that has none."""
        return None

    def level_probabilities(self, parameters: Float[Array, " size"]) -> tuple[Float[Array, " levels"], ...]:
        """The probabilities of the levels of each of [`categories`][], whose values are the levels' places.

        >>> import jax.numpy as jnp, lowerbound as lb
        >>> family = lb.MixedColumns([lb.DiagonalGaussian(1), lb.Categorical(1, 4)])
        >>> [p.tolist() for p in family.level_probabilities(jnp.zeros(6))]
        [[0.25, 0.25, 0.25, 0.25]]
        """
        return ()

    def taking_missing(self) -> Family:
        """The same family, to which NaN stands for a value that was not observed: log p(x) is that of the
        observed values alone.

        **Raises:** `TypeError` where the dimensions are not independent given the parameters.

        >>> import lowerbound as lb
        >>> lb.MixedColumns([lb.Bernoulli(1), lb.DiagonalGaussian(2)]).taking_missing().missing
        True
        """
        raise TypeError(
            f"{self.title()}: expected a family of independent columns, of which some may be missing; its "
            "columns hang together given z"
        )

    def given_missing(self) -> Family:
        """The family of values given that they are missing: itself, where that says nothing of them."""
        return self

    @classmethod
    def title(cls) -> str:
        """What the family is called in a sentence."""
        return cls.__name__

    @classmethod
    def fitted(cls, found: Found) -> Fitted:
        """The family as the likelihood of columns in which this was found.

        >>> import numpy as np, lowerbound as lb
        >>> found = Found.of(np.array([[0, 7], [3, 1]]), missing=False)
        >>> lb.Binomial.fitted(found).family.trials
        7
        """
        return Fitted(found.family(cls))

    @classmethod
    def latent(cls, dimensions: int, key: PRNGKeyArray) -> Self:
        """The family of a posterior over so many dimensions, or codes; `key` is for arrays of its own."""
        return cls(dimensions)


def _plain_int(value: int) -> int:
    """A NumPy integer as Python's, which a file can hold; anything else as it is, to be refused."""
    return int(value) if not isinstance(value, bool) and int(value) == value else value


class Factorized(Family):
    """A family whose dimensions are independent given the parameters: log p(x) = Σᵢ log p(xᵢ).

    **Arguments:** `event_size`: number of dimensions; `missing`: whether NaN stands for a value that was
    not observed; log p(x) is then that of the observed values, Σ over those alone.

    The vector holds `blocks` numbers a dimension, block by block: all means, then all scales.
    """

    event_size: int = eqx.field(static=True, converter=_plain_int)
    missing: bool = eqx.field(static=True, default=False, kw_only=True)

    independent = True
    blocks: ClassVar[int] = 1

    def __check_init__(self) -> None:
        positive_size(type(self).__name__, self.event_size)

    @property
    def size(self) -> int:
        return self.blocks * self.event_size

    @property
    @abstractmethod
    def each(self) -> Constraint:
        """The set in which a single dimension lies."""

    @abstractmethod
    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        """The distributions of the single dimensions, a batch of `event_size`."""

    @property
    def support(self) -> Constraint:
        return constraints.independent(OrMissing(self.each) if self.missing else self.each, 1)

    def taking_missing(self) -> Factorized:
        return replace(self, missing=True)

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        marginals = self.marginals(parameters)
        return ObservedPart(marginals, 1) if self.missing else marginals.to_event(1)


def positive_size(name: str, value: int) -> int:
    """`value`, or a ValueError that says which size of which part is not a positive whole number."""
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1, found {value!r}")
    return int(value)
