"""What a method of search is: asked for codes, told what they scored; and what it may know."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax
import numpy as np
from jaxtyping import Float

from lowerbound.inference.codes import decode
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import as_key
from lowerbound.searching.mass import Mass

__all__ = ["Method", "Slope", "Space"]

Codes = Float[np.ndarray, "n d"]
# A score's gradient at each of some codes.
Slope = Callable[[Codes], Codes]


@dataclass(frozen=True)
class Space:
    """The latent space that a method looks in.

    - `model`; `mass`: where its aggregate posterior has mass;
    - `x`: encoded rows of the data, in an order drawn at random, and their `codes` E[z∣x];
    - `scale`: of each dimension the standard deviation over the aggregate posterior, in which lengths are
      told;
    - `slope`: where the score is a column of the model, its gradient at codes;
    - `keys`: what tells the rows that are decoded from codes apart, and `scored`, those that were scored.
    """

    model: LatentModel
    mass: Mass
    x: Float[np.ndarray, "m k"]
    codes: Codes
    scale: Float[np.ndarray, " d"]
    keys: Callable[[Codes], list[str]]
    scored: Mapping[str, float]
    slope: Slope | None = None

    def new(self, z: Codes, most: int) -> Codes:
        """The first of the codes whose rows were not scored yet, one a row, at most so many; if there are
        none, the first codes: of a row that is known nothing is learnt."""
        first: dict[str, int] = {}
        for place, key in enumerate(self.keys(z)):
            if key not in self.scored:
                first.setdefault(key, place)
        return z[[*first.values()][:most]] if first else z[:most]

    def from_prior(self, n: int, random: np.random.Generator) -> Codes:
        """Codes of the prior that lie within the limit; fewer than `n` where few of its codes do."""
        key, found, prior = as_key(int(random.integers(2**31))), [], self.model.p_z()
        for trial in range(_TRIALS):
            z = np.asarray(prior.sample(jax.random.fold_in(key, trial), (n,)))
            found.append(z[self.mass.inside(z)])
            if sum(map(len, found)) >= n:
                break
        return np.concatenate(found)[:n]

    def within(self, z: Codes, towards: Codes) -> Codes:
        """The codes, of which those beyond the limit are taken half as far from those `towards` which they
        lie, until all are within it or as good as there."""
        for _ in range(_HALVES):
            beyond = ~self.mass.inside(z)
            if not beyond.any():
                break
            z = np.where(beyond[:, None], (z + towards) / 2, z)
        return z


# How often as many codes of the prior are drawn; how often a way is halved.
_TRIALS, _HALVES = 32, 6


class Method(ABC):
    """A method of search over a space, in batches: it is asked for codes, and told what their rows scored.

    The score is to be made large. It is NaN where a row is worth nothing, and where a code was not tried,
    since it lies beyond the limit. All randomness is drawn from `random`, so that a method that is told the
    same asks the same.

    A method that `begins` is told what the codes of some rows of the data scored before it is asked. The
    codes of one that is `of_data` are those of rows of the data, which need no limit.
    """

    begins: ClassVar[bool] = True
    of_data: ClassVar[bool] = False

    def __init__(self, space: Space, batch: int, random: np.random.Generator):
        self.space, self.batch, self.random = space, batch, random

    @abstractmethod
    def ask(self) -> Codes:
        """The next codes, (n, d), usually a batch of them; none where there are no more."""

    def rows(self, z: Codes) -> Float[np.ndarray, "n k"]:
        """The encoded rows of the codes that were asked last: those that the model decodes."""
        return decode(self.space.model, z)

    @abstractmethod
    def tell(self, z: Codes, scores: Float[np.ndarray, " n"]) -> None:
        """What the rows of these codes scored."""
