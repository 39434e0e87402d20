"""What to change, as data: an argument and its value, worded by whoever shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

__all__ = ["Advice", "Call", "worded"]


@dataclass(frozen=True)
class Call:
    """A value that is made by a call: a name of this library, or one with its module.

    >>> print(Call("LearnedScale"), Call("WarmUp", (2000,)))
    lb.LearnedScale() lb.WarmUp(2000)
    """

    name: str
    arguments: tuple[float, ...] = ()

    def __str__(self) -> str:
        return f"{_qualified(self.name)}({', '.join(map(repr, self.arguments))})"


@dataclass(frozen=True)
class Advice:
    """One argument to change.

    `argument`, `value`: in Python's spelling; `of`: the function or class that takes it, empty for one of
    [`VariationalAutoencoder`][], which `lowerbound fit` has as an option; `purpose`: what it is to do, in a
    few words; `beside`: what has to be set with it.

    >>> print(Advice("latent_dim", 7), Advice("clip_norm", 10.0, of="NAdam"))
    latent_dim=7 lb.NAdam(clip_norm=10.0)
    """

    argument: str
    value: float | str | Call
    purpose: str = ""
    of: str = ""
    beside: tuple[Advice, ...] = ()

    def __str__(self) -> str:
        value = str(self.value) if isinstance(self.value, Call) else repr(self.value)
        assigned = f"{self.argument}={value}"
        return f"{_qualified(self.of)}({assigned})" if self.of else assigned


def worded(advice: Sequence[Advice], wording: Callable[[Advice], str] = str) -> str:
    """All of a verdict's advice in one line, each piece in its `wording`: Python's unless said.

    >>> print(worded([Advice("width", 512, "a larger encoder"), Advice("depth", 3, "a larger encoder")]))
    a larger encoder: width=512 or depth=3
    """

    def one(advice: Advice) -> str:
        return " with ".join(map(wording, (advice, *advice.beside)))

    parts = []
    for purpose, group in groupby(advice, lambda one: one.purpose):
        *first, last = map(one, group)
        choices = f"{', '.join(first)} or {last}" if first else last
        parts.append(f"{purpose}: {choices}" if purpose else choices)
    return "; ".join(parts)


def _qualified(name: str) -> str:
    return name if "." in name else f"lb.{name}"
