"""The parts of a model, and how they are called: a prior, a posterior, a likelihood."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
from jaxtyping import Array
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.families.family import Family
from lowerbound.leaves import ByContent, Fixed

__all__ = ["Constant", "Events", "OfFamily", "Part", "Plain", "as_part", "called", "unwrapped"]


class Events(NamedTuple):
    """What a part says of its events before it is called: the set in which they lie, and their size; `None`
    where only a call tells."""

    support: Constraint | None = None
    size: int | None = None


class Part(eqx.Module):
    """p(z), q(z∣y) or p(y∣z): called with a value, or with none, it returns a distribution over one event.

    A part says before it is called what it knows of its `events`; whether it is called with the condition
    (`given=`) and with the model (`model=`); and whether NaN in an event stands for a value that was not
    observed. A callable that is no `Part` says what its parameters' names say ([`Plain`][]).
    """

    @property
    @abstractmethod
    def events(self) -> Events:
        """The set in which events lie, and their size."""

    @property
    def takes_given(self) -> bool:
        """Whether it is called with the condition."""
        return False

    @property
    def takes_model(self) -> bool:
        """Whether it is called with the model that it is a part of."""
        return False

    @property
    def takes_missing(self) -> bool:
        """Whether NaN stands for a value that was not observed."""
        return False

    @abstractmethod
    def __call__(self, *value: Any, **offered: Any) -> Distribution:
        """The distribution."""


class OfFamily(Part):
    """A part whose distributions are members of one `family`, which says what their events are."""

    family: eqx.AbstractVar[Family]

    @property
    def event_size(self) -> int:
        """The size of an event."""
        return self.family.event_size

    @property
    def support(self) -> Constraint:
        """The set in which events lie."""
        return self.family.support

    @property
    def events(self) -> Events:
        return Events(self.support, self.event_size)


class Constant(Part):
    """A bare distribution as one opaque constant, equal by type and content.

    The order of a NumPyro distribution's leaves follows PYTHONHASHSEED, so its leaves never cross a
    compiled function or a file one by one: the whole distribution is part of the program instead.
    """

    content: ByContent = eqx.field(static=True)

    def __init__(self, distribution: Distribution):
        self.content = ByContent(distribution)

    @property
    def events(self) -> Events:
        distribution = self.content.value
        return Events(
            distribution.support, *(distribution.event_shape if distribution.event_dim == 1 else ())
        )

    def __call__(self, *value: Any, **offered: Any) -> Distribution:
        return self.content.value


class Plain(Part):
    """Any callable that returns a distribution: it receives the condition where it names a parameter `given`,
    and the model where it names `model`."""

    function: Callable[..., Distribution]

    @property
    def events(self) -> Events:
        return Events()

    @property
    def takes_given(self) -> bool:
        return "given" in inspect.signature(self.function).parameters

    @property
    def takes_model(self) -> bool:
        return "model" in inspect.signature(self.function).parameters

    def __call__(self, *value: Any, **offered: Any) -> Distribution:
        return self.function(*value, **offered)


def as_part(value: Any, name: str) -> Part | Fixed:
    """What a user gave for the part called `name`: a part as it is, a distribution as a constant, any other
    callable as what its parameters' names say. A marker that it is not trained stays around it.

    **Raises:** `TypeError` for anything else.

    >>> as_part(lambda z, given: z, "likelihood").takes_given
    True
    """
    if isinstance(value, Part):
        return value
    if isinstance(value, Fixed):
        return Fixed(as_part(value.value, name))
    # A NumPyro distribution is callable too (it samples), so this test comes first.
    if isinstance(value, Distribution):
        return Constant(value)
    if callable(value):
        return Plain(value)
    raise TypeError(f"{name}: expected a callable that returns a distribution, found {type(value).__name__}")


def unwrapped(part: Part | Fixed) -> Part:
    """The part without a marker that it is not trained.

    >>> import lowerbound as lb
    >>> unwrapped(lb.Fixed(lb.StandardNormal(2)))
    StandardNormal(event_size=2)
    """
    while isinstance(part, Fixed):
        part = part.value
    return part


def called(part: Part | Fixed, *value: Array, given: Array | None = None, model: Any = None) -> Distribution:
    """`part(*value)`, with the condition and the model where it receives them.

    >>> import jax.numpy as jnp, numpyro.distributions as dist
    >>> part = as_part(lambda given: dist.Delta(given), "prior")
    >>> float(called(part, given=jnp.array(3.0)).mean)
    3.0
    """
    offered: dict[str, Any] = {}
    if unwrapped(part).takes_given:
        offered["given"] = given
    if unwrapped(part).takes_model:
        offered["model"] = model
    return part(*value, **offered)
