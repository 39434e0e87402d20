"""What a network of the library says of itself; any callable from an array to an array is one to a model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import equinox as eqx
from jaxtyping import Array

__all__ = ["Network", "SequenceReader", "Wrapper", "out_size_of"]


class Network(eqx.Module):
    """A vector to a vector, for one data point, whose sizes are known."""

    @property
    @abstractmethod
    def in_size(self) -> int | None:
        """Length of what it is given; `None` where it does not know."""

    @property
    @abstractmethod
    def out_size(self) -> int | None:
        """Length of what it puts out; `None` where it does not know."""

    @property
    def takes_missing(self) -> bool:
        """Whether NaN, in what it is given, stands for a value that was not observed; else it is given 0."""
        return False

    @abstractmethod
    def __call__(self, x: Array) -> Array:
        """What it puts out."""


class SequenceReader(Network):
    """A network of a sequence of tokens, in which what stands from the end on has no influence."""

    @property
    @abstractmethod
    def in_size(self) -> int:
        """The most tokens of a sequence."""

    @property
    @abstractmethod
    def out_size(self) -> int:
        """Length of what it puts out."""


class Wrapper(Network):
    """A network behind a map of its input: the numbers that it puts out are those of the network within."""

    network: eqx.AbstractVar[Callable[[Array], Array]]

    @property
    def in_size(self) -> int | None:
        return self.network.in_size if isinstance(self.network, Network) else None

    @property
    def out_size(self) -> int | None:
        return out_size_of(self.network)


def out_size_of(network: Callable[[Array], Array]) -> int | None:
    """Length of what a network puts out; `None` of a callable that does not say.

    >>> import jax, lowerbound as lb
    >>> out_size_of(lb.MLP(3, 2, key=jax.random.key(0))), out_size_of(lambda x: x)
    (2, None)
    """
    return network.out_size if isinstance(network, Network) else None
