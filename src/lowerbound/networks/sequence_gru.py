"""A sequence of tokens as a vector, read token by token by gated recurrent units."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from lowerbound.families.family import positive_size
from lowerbound.networks.embedding import before_end, embedded
from lowerbound.networks.gru import GatedUnit
from lowerbound.networks.mlp import MLP
from lowerbound.networks.network import SequenceReader

__all__ = ["SequenceGRU"]


class SequenceGRU(SequenceReader):
    """A sequence of tokens → the state in which a gated recurrent unit (Cho et al. 2014) is that has read it
    to its end, from s = 0 on, and the state of another that has read it from its end to its beginning → a
    linear map. Places from the end on are not read.

    **Arguments:** `vocabulary`: how many tokens, with the end; `length`: the most tokens of a sequence;
    `out_size`; `width`: length of a state; `both`: whether it is read in both directions, or forwards alone;
    `key`.

    **Raises:** `ValueError` for a size that is none.

    >>> import jax, jax.numpy as jnp, lowerbound as lb
    >>> encoder = lb.SequenceGRU(5, 6, 4, width=8, key=jax.random.key(0))
    >>> encoder(jnp.array([1.0, 4, 2, 0, 0, 0])).shape
    (4,)
    """

    tokens: tuple[Float[Array, "vocabulary gates"], ...]
    units: tuple[GatedUnit, ...]
    out: MLP
    length: int = eqx.field(static=True)

    def __init__(
        self,
        vocabulary: int,
        length: int,
        out_size: int,
        *,
        width: int = 256,
        both: bool = True,
        key: PRNGKeyArray,
    ):
        vocabulary = positive_size("SequenceGRU.vocabulary", vocabulary)
        self.length = positive_size("SequenceGRU.length", length)
        k1, k2, k3 = jax.random.split(key, 3)
        directions = 1 + both
        self.units = tuple(GatedUnit(width, key=k) for k in jax.random.split(k2, directions))
        shape = vocabulary, 3 * positive_size("SequenceGRU.width", width)
        self.tokens = tuple(jax.random.normal(k, shape) for k in jax.random.split(k1, directions))
        self.out = MLP(directions * width, out_size, depth=0, key=k3)

    @property
    def in_size(self) -> int:
        return self.length

    @property
    def out_size(self) -> int:
        return self.out.out_size

    def __call__(self, x: Float[Array, " in_size"]) -> Float[Array, " out_size"]:
        places = x.astype(int), before_end(x)
        directions = zip(self.units, self.tokens, (False, True), strict=False)
        return self.out(jnp.concatenate([_read(unit, E, places, back) for unit, E, back in directions]))


def _read(
    unit: GatedUnit,
    E: Float[Array, "vocabulary gates"],
    places: tuple[Int[Array, " length"], Bool[Array, " length"]],
    backwards: bool,
) -> Float[Array, " width"]:
    """The state after the tokens of the places inside, one after another."""

    def on(s: Array, place: tuple[Array, Array]) -> tuple[Array, None]:
        token, inside = place
        return jnp.where(inside, unit(s, embedded(token, E)), s), None

    return jax.lax.scan(on, jnp.zeros(unit.width, E.dtype), places, reverse=backwards)[0]
