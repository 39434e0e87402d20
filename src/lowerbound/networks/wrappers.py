"""Networks behind a map of their input: standardised numbers, counts, codes, a table's columns, the first of
several latents."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from lowerbound.distributions.margins import Margins
from lowerbound.distributions.marks import END
from lowerbound.leaves import Fixed
from lowerbound.networks.network import SequenceReader, Wrapper

__all__ = ["Features", "Leading", "Log1p", "OneHot", "Standardized"]


class Standardized(Wrapper):
    """A network behind u = (x − mean)/scale, constants of the data. Beyond 10 scales from the mean it sees
    ±(10 + log(1 + |u| − 10)) in place of u, so that a value of thousands of deviations, a fill value, does
    not overflow what the network puts out.

    Only the network's view of x changes; no density is transformed, so no Jacobian is owed.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> network = lb.Standardized(lambda x: x, mean=jnp.array([8.0]), scale=jnp.array([2.0]))
    >>> network(jnp.array([10.0])).tolist()
    [1.0]
    """

    network: Callable[[Array], Array]
    mean: Fixed
    scale: Fixed

    def __init__(self, network: Callable[[Array], Array], *, mean: Array, scale: Array):
        self.network = network
        self.mean = Fixed(jnp.asarray(mean, float))
        self.scale = Fixed(jnp.asarray(scale, float))

    def __call__(self, x: Array) -> Array:
        return self.network(_compressed((x - self.mean.value) / self.scale.value))


# From here on, in standard deviations, a value is far out.
_FAR = 10.0


def _compressed(u: Array) -> Array:
    """u where |u| ≤ 10, beyond ±(10 + log(1 + |u| − 10)): continuous, with slope 1 there, and finite."""
    beyond = jnp.clip(jnp.abs(u) - _FAR, 0.0, float(np.finfo(u.dtype).max))
    return jnp.where(beyond > 0, jnp.sign(u) * (_FAR + jnp.log1p(beyond)), u)


class Log1p(Wrapper):
    """A network of log(1 + x): what an encoder sees of counts, whose spread grows with their size.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> lb.Log1p(lambda x: x)(jnp.array([0.0, 1.0])).round(4).tolist()
    [0.0, 0.6931]
    """

    network: Callable[[Array], Array]

    def __call__(self, x: Array) -> Array:
        return self.network(jnp.log1p(x))


# The first place of a text's tokens in a row, and what reads them.
Reader = tuple[int, SequenceReader]
# The column of a period, its length, and the place of 0 in it.
Period = tuple[int, float, float]
# So many of a phase tell the seven days of a week apart, whatever is to be said of each.
_HARMONICS = 3


def _phases(x: Array, length: float, first: float) -> Array:
    """Sines and cosines of k times the phase of x in a period, k = 1, 2, 3; 0 of a missing value."""
    turns = ((x + first) % length) / length
    angles = 2 * jnp.pi * turns * jnp.arange(1, _HARMONICS + 1)
    return jnp.where(jnp.isnan(x), 0.0, jnp.concatenate([jnp.sin(angles), jnp.cos(angles)]))


class Features(Wrapper):
    """A network of what an encoder sees of a table's row: of a category one input a level; of a number g(x),
    about N(0, 1) over its column, as [`Standardized`][] has what is far out, one input for each value
    that stands alone, and, of a date or a time, the sine and the cosine of its phase in each of its periods
    and of that phase doubled and tripled. Of a text it sees what a network reads in its tokens, and where
    none is given for it one input a place and token. Of a missing value it sees 0 in every input.

    **Arguments:** `levels`: how many levels each column has, 0 of a number; `margins`: of the numbers, in
    order, `None` where there is none; `periods`: a column, the length of a period in its unit, and the place
    of 0 in that, for each period that there is; `readers`: the first place of a text in the row, and a
    network, as a [`SequenceGRU`][lowerbound.SequenceGRU], of as many places as it is long; `hidden`: places
    that it is not to see, whatever they hold, as if they were missing: those of a property that is to be told
    from the rest.

    >>> import jax.numpy as jnp, numpy as np, lowerbound as lb
    >>> margins = lb.Margins.of(np.arange(100.0)[:, None], bins=4)
    >>> features = lb.Features(lambda x: x, levels=(3, 0), margins=margins)
    >>> features(jnp.array([2.0, 49.5])).round(2).tolist(), features(jnp.array([jnp.nan, 49.5])).tolist()
    ([0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0])
    """

    network: Callable[[Array], Array]
    levels: tuple[int, ...] = eqx.field(static=True)
    margins: Margins | None
    periods: tuple[Period, ...] = eqx.field(static=True)
    readers: tuple[SequenceReader, ...]
    read_from: tuple[int, ...] = eqx.field(static=True)
    hidden: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        network: Callable[[Array], Array],
        *,
        levels: tuple[int, ...],
        margins: Margins | None,
        periods: tuple[Period, ...] = (),
        readers: tuple[Reader, ...] = (),
        hidden: tuple[int, ...] = (),
    ):
        self.hidden = tuple(hidden)
        self.network, self.levels, self.margins, self.periods = network, tuple(levels), margins, periods
        self.readers = tuple(reader for _, reader in readers)
        self.read_from = tuple(first for first, _ in readers)
        for first, reader in readers:
            levels_read = self.levels[first : first + reader.in_size]
            if len(levels_read) < reader.in_size or len({*levels_read}) != 1:
                raise ValueError(
                    f"Features.readers: expected a network that reads the places of one text from {first} "
                    f"on, found one of {reader.in_size} places, whose levels are {levels_read}"
                )

    @staticmethod
    def inputs(
        levels: tuple[int, ...],
        margins: Margins | None,
        periods: tuple[Period, ...] = (),
        readers: tuple[Reader, ...] = (),
        hidden: tuple[int, ...] = (),
    ) -> int:
        """How many inputs such columns are."""
        numbers = 0 if margins is None else margins.columns + margins.atoms.value.size
        of_texts = sum(reader.out_size for _, reader in readers)
        return sum(_one_hot(levels, readers)) + of_texts + numbers + 2 * _HARMONICS * len(periods)

    @property
    def in_size(self) -> int:
        return len(self.levels)

    @property
    def takes_missing(self) -> bool:
        return True

    def __call__(self, x: Array) -> Array:
        if self.hidden:
            x = x.at[np.asarray(self.hidden)].set(jnp.nan)
        # Of −1 there is no level.
        places = jnp.where(jnp.isnan(x), -1.0, x).astype(int)
        seen, first = [], 0
        readers = tuple(zip(self.read_from, self.readers, strict=True))
        for levels, alike in groupby(_one_hot(self.levels, readers)):  # of a text's tokens at once
            last = first + len([*alike])
            if levels:
                seen.append(jax.nn.one_hot(places[first:last], levels).reshape(-1))
            first = last
        if self.margins is not None:
            numbers = x[np.flatnonzero(np.asarray(self.levels) == 0)]
            observed = ~jnp.isnan(numbers)
            y, _ = self.margins.normalised(jnp.where(observed, numbers, 0.0))
            alone = numbers[:, None] == self.margins.atoms.value
            seen += [jnp.where(observed, _compressed(y), 0.0), alone.astype(float).reshape(-1)]
        seen += [_phases(x[place], length, first) for place, length, first in self.periods]
        for first, reader in readers:
            text = x[first : first + reader.in_size]
            observed = ~jnp.isnan(text).any()
            seen.append(jnp.where(observed, reader(jnp.where(observed, text, END)), 0.0))
        return self.network(jnp.concatenate(seen))


def _one_hot(levels: tuple[int, ...], readers: tuple[Reader, ...]) -> list[int]:
    """How many inputs each place has of its own: none where a text is read."""
    own = [*levels]
    for first, reader in readers:
        own[first : first + reader.in_size] = [0] * reader.in_size
    return own


class OneHot(Wrapper):
    """A network behind a one-hot code: whole numbers 0 … levels − 1 become `levels` inputs each. Codes
    without an order among them reach a decoder this way; with a linear network it is a table of rows.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> lb.OneHot(3, lambda x: x)(jnp.array([2.0, 0.0])).tolist()
    [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    """

    levels: int = eqx.field(static=True)
    network: Callable[[Array], Array]

    def __init__(self, levels: int, network: Callable[[Array], Array]):
        self.levels, self.network = levels, network

    @property
    def in_size(self) -> None:
        """That of the network within is another."""

    def __call__(self, x: Array) -> Array:
        return self.network(jax.nn.one_hot(jnp.asarray(x, int), self.levels).reshape(-1))


class Leading(Wrapper):
    """A network of the first `size` values: the likelihood p(x∣z₁) of a chain z = (z₁, z₂).

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> lb.Leading(2, lambda z: z)(jnp.array([1.0, 2.0, 3.0])).tolist()
    [1.0, 2.0]
    """

    size: int = eqx.field(static=True)
    network: Callable[[Array], Array]

    def __init__(self, size: int, network: Callable[[Array], Array]):
        self.size, self.network = size, network

    @property
    def in_size(self) -> None:
        """That of the network within is another."""

    def __call__(self, x: Array) -> Array:
        return self.network(x[: self.size])
