"""The family of numbers of any distribution."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.free_form import FreeFormDistribution
from lowerbound.distributions.margins import Margins, stand_alone
from lowerbound.distributions.support import Steps
from lowerbound.families.cells import Cells
from lowerbound.families.family import Factorized
from lowerbound.families.fitted import Fitted, Found
from lowerbound.families.location_scale import LearnedScale

__all__ = ["FreeForm"]

# So many bins, a bin for so many rows at least; with fewer bins than so many a bell says more.
_MOST_BINS, _ROWS_A_BIN, _FEWEST_BINS, _KNOTS = 64, 250, 16, 16


class FreeForm(Factorized):
    """Numbers of any distribution, each column in the frame of its own [`Margins`][]: with probabilities
    that the vector holds as logits, x is one of the values that stand alone; lies in one of the bins, of
    constant density there; or g(x) ~ N(μ, σ²), g the column's map to near normal:

    log p(x) = log(Σ_b π_b [x in b]/|b| + π₀ N(g(x); μ, σ²) g′(x)),  log P(x = a) = log π_a for an atom a.

    Of numbers in steps it is a mass: a bin's is equal on its numbers, the bell's is that between g(x ± ½
    step), and an atom's is added to these. In nats; the measure of other numbers is Lebesgue's, with a point
    at each atom.

    The vector holds, a column each: the logits of the atoms, of the bins, of the bell, then μ, then log σ
    unless `scale` says σ.

    **Arguments:** `margins`: of the columns; `heights`: whether bins have probabilities, or all but atoms is
    the bell's; `steps`: of numbers in steps, how many there are to 1 in each column, 1 of whole numbers, and
    the margins are of numbers counted in them; `scale`: σ, where it does not depend on the condition;
    `missing`.

    >>> import jax.numpy as jnp, numpy as np
    >>> ages = np.random.default_rng(0).normal(40.0, 10.0, (500, 1))
    >>> family = FreeForm(Margins.of(ages, bins=16), heights=False)
    >>> p = family(jnp.zeros(family.size))
    >>> bool(abs(p.mean[0] - ages.mean()) < 0.5)
    True
    """

    margins: Margins
    heights: bool = eqx.field(static=True)
    steps: tuple[int, ...] | None = eqx.field(static=True)
    scale: LearnedScale | None

    def __init__(
        self,
        margins: Margins,
        *,
        heights: bool = True,
        steps: tuple[int, ...] | None = None,
        scale: LearnedScale | None = None,
        missing: bool = False,
    ):
        self.margins, self.heights, self.steps, self.missing = margins, heights, steps, missing
        self.event_size, self.scale = margins.columns, scale

    @classmethod
    def fitted_by_column(cls, found: Found, steps: tuple[int, ...] | None) -> Fitted:
        """The family for columns in which this was found, and the member that has their margins."""
        x = np.asarray(found.x, np.float64)
        x = x if steps is None else np.rint(x * steps)
        rows = int((~np.isnan(x)).sum(0).min())
        bins = min(rows // _ROWS_A_BIN, _MOST_BINS)
        heights = any(map(cls.has_bins, x.T))
        margins = Margins.of(
            x, bins=bins if heights else min(_KNOTS, max(rows // 8, 1)), whole=steps is not None
        )
        family = cls(margins, heights=heights, steps=steps, missing=found.missing)
        return Fitted(family, start=family.margin(x))

    @classmethod
    def fitted_smooth(cls, x: Float[np.ndarray, "n d"], steps: tuple[int, ...] | None) -> Fitted:
        """The family for columns of which what was not observed is to be told from what was: without bins,
        which say nothing of it, and with one spread of the bell for all z."""
        x = x if steps is None else np.rint(x * steps)
        margins = Margins.of(x, bins=min(_KNOTS, max(len(x) // 8, 1)), whole=steps is not None)
        scale = LearnedScale(margins.columns)
        family = cls(margins, heights=False, steps=steps, scale=scale, missing=True)
        return Fitted(family, start=family.margin(x))

    @staticmethod
    def has_bins(values: Float[np.ndarray, " n"]) -> bool:
        """Whether a column of these values has bins with probabilities: where rows are many, and not each of
        its values stands alone. Columns that have and that have not are best in a family each."""
        known = values[~np.isnan(values)]
        many = len(known) // _ROWS_A_BIN >= _FEWEST_BINS
        return many and not stand_alone(len(np.unique(known)), len(known))

    def margin(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " size"]:
        """The vector of the member that is near the columns' own margins, of `x` in steps."""
        atoms, widths = np.asarray(self.margins.atoms.value), np.asarray(self.margins.widths)
        rows = np.maximum((~np.isnan(x)).sum(0), 1)[:, None]
        alone = np.stack([(x[:, [i]] == row).sum(0) for i, row in enumerate(atoms)]) / rows
        rest = 1 - alone.sum(1, keepdims=True)
        bell = rest / 2 if self.heights else rest
        bins = np.broadcast_to(rest / 2 / (widths > 0).sum(1, keepdims=True), widths.shape)
        shares = np.concatenate([alone, bins, bell] if self.heights else [alone, bell], axis=1)
        standard = np.zeros((len(atoms), 2 if self.scale is None else 1))
        return np.concatenate([np.log(shares + 0.5 / rows), standard], axis=1).T.reshape(-1)

    def taking_missing(self) -> FreeForm:
        return FreeForm(self.margins, heights=self.heights, steps=self.steps, scale=self.scale, missing=True)

    @property
    def size(self) -> int:
        bins = self.margins.widths.shape[1] if self.heights else 0
        parts = self.margins.atoms.value.shape[1] + bins + 1
        return self.event_size * (parts + (2 if self.scale is None else 1))

    def cells(self, x: Float[np.ndarray, "n d"]) -> Cells:
        """The values that stand alone, and the bins. A hundredth of the first and of the last bin is beyond
        it, and falls off with the bin's own length."""
        x = x if self.steps is None else np.rint(x * self.steps)
        columns = [
            _in_column(*column, self.steps is not None)
            for column in zip(
                x.T,
                np.asarray(self.margins.atoms.value),
                np.asarray(self.margins.edges.value),
                strict=True,
            )
        ]
        place, log_within, counts = zip(*columns, strict=True)
        return Cells(counts, np.stack(place, 1), np.stack(log_within, 1))

    @property
    def each(self) -> Constraint:
        return constraints.real if self.steps is None else Steps(self.steps)

    def marginals(self, parameters: Float[Array, " size"]) -> Distribution:
        vectors = parameters.reshape(-1, self.event_size).T
        if self.scale is None:
            vectors, log_scale = vectors[:, :-1], vectors[:, -1]
        else:
            log_scale = jnp.broadcast_to(jnp.log(self.scale(parameters[:0])), (self.event_size,))
        # As far as ±9 a scale of the bell is free: beyond, numbers that fit a cell would make it 0.
        log_scale = 9 * jnp.tanh(log_scale / 9)
        return FreeFormDistribution(vectors[:, :-1], vectors[:, -1], log_scale, self.margins, self.steps)


_BEYOND = 0.01


def _in_column(
    x: np.ndarray, atoms: np.ndarray, edges: np.ndarray, in_steps: bool
) -> tuple[np.ndarray, np.ndarray, int]:
    """The cells of a column's values, how they lie in them, and how many cells there are."""
    atoms, edges = atoms[~np.isnan(atoms)].astype(np.float64), np.unique(edges).astype(np.float64)
    alone = x[:, None] == atoms
    last = len(edges) - 2
    bins = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, last)
    width = np.diff(edges)[bins]
    beyond = np.maximum(np.maximum(edges[0] - x, x - edges[-1]), 0)
    at_end = ((bins == 0) | (bins == last)) * _BEYOND / (1 if last else 0.5)
    fall = 1 / (width + 1) if in_steps else 1 / width
    rest = np.log1p(-fall) * (beyond - 0.5) if in_steps else -fall * beyond
    outside = np.log(_BEYOND * fall) + rest
    log_within = np.where(beyond > 0, outside, np.log1p(-at_end) - np.log(width))
    observed, stands = ~np.isnan(x), alone.any(1)
    place = np.where(stands, alone.argmax(1), len(atoms) + bins) if len(atoms) else bins
    log_within = np.where(observed & ~stands, log_within, 0.0)
    return np.where(observed, place, -1), log_within, len(atoms) + len(edges) - 1
