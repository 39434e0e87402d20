"""Columns of different kinds in one row: a family for each column, or block of columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.distributions import Distribution
from numpyro.distributions.constraints import Constraint

from lowerbound.distributions.mixed import MixedDistribution, in_columns
from lowerbound.distributions.support import Columns
from lowerbound.families.cells import Cells
from lowerbound.families.family import Family

__all__ = ["MixedColumns"]


class MixedColumns(Family):
    """One family a column, or block of columns: log p(x) = Σ_b log p_b(x_b), in nats, of each block's own
    measure. With discrete and continuous columns the measure is mixed: counting for some, Lebesgue for the
    others.

    **Arguments:** `families`: one a block; `columns`: for each family the numbers of its columns, in the
    order of its event; by default the blocks follow one another. The event is one vector of floats, of as
    many entries as all families have; the conditioning vector holds the families' vectors one after
    another.

    `missing` is whether NaN may stand for a value that was not observed in *some* column: where a family
    was made with `missing=True`, in its columns. In any other column NaN is not in the support; a row that
    has one there is refused by what checks rows, and its log p(x) is NaN.

    **Raises:** `TypeError` where a block is no family; `ValueError` where there is none, where a family
    has not as many columns as its event is long, and where a column is in no block, or in two.

    >>> import jax.numpy as jnp, lowerbound as lb
    >>> family = lb.MixedColumns([lb.Bernoulli(1), lb.DiagonalGaussian(2)], columns=[[1], [0, 2]])
    >>> family.event_size, family.size
    (3, 5)
    >>> p = family(jnp.zeros(5))
    >>> round(float(p.log_prob(jnp.array([0.0, 1.0, 0.0]))), 4)      # log ½ − log 2π
    -2.531
    >>> p.mean.tolist()
    [0.0, 0.5, 0.0]
    """

    event_size: int = eqx.field(static=True)
    families: tuple[Family, ...]
    columns: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __init__(self, families: Sequence[Family], columns: Sequence[Sequence[int]] | None = None):
        self.families = tuple(families)
        if not self.families:
            raise ValueError("MixedColumns: expected at least one family, found none")
        for family in self.families:
            if not isinstance(family, Family):
                raise TypeError(f"MixedColumns.families: expected families, found {family!r}")
        sizes = [family.event_size for family in self.families]
        self.event_size = sum(sizes)
        if columns is None:
            ends = np.cumsum([0, *sizes]).tolist()
            columns = [range(start, end) for start, end in pairwise(ends)]
        self.columns = tuple(tuple(map(int, block)) for block in columns)
        if len(self.columns) != len(sizes):
            raise ValueError(
                f"MixedColumns.columns: expected the columns of each of {len(sizes)} families, found "
                f"{len(self.columns)} blocks"
            )
        for family, block in zip(self.families, self.columns, strict=True):
            if len(block) != family.event_size:
                raise ValueError(
                    f"MixedColumns.columns: {type(family).__name__}({family.event_size}) needs as many "
                    f"columns, found {list(block)}"
                )
        placed = [column for block in self.columns for column in block]
        for column in sorted({*placed, *range(sum(sizes))}):
            if not 0 <= column < sum(sizes):
                raise ValueError(
                    f"MixedColumns.columns: the families have {sum(sizes)} columns in all, 0 to "
                    f"{sum(sizes) - 1}; found column {column}"
                )
            if placed.count(column) != 1:
                found = "no block" if column not in placed else f"{placed.count(column)} blocks"
                raise ValueError(f"MixedColumns.columns: column {column} is in {found}, expected in one")

    @property
    def size(self) -> int:
        return sum(family.size for family in self.families)

    @property
    def missing(self) -> bool:
        """Whether NaN may be handed in, for the columns of families that take it."""
        return any(family.missing for family in self.families)

    @property
    def support(self) -> Constraint:
        blocks = zip(self.families, self.columns, strict=True)
        return Columns(*((family.support, columns) for family, columns in blocks))

    def __call__(self, parameters: Float[Array, " size"]) -> Distribution:
        parts = zip(self.families, self._parts(parameters), strict=True)
        return MixedDistribution(
            tuple(family(part) for family, part in parts),
            self.columns,
            tuple(family.missing for family in self.families),
        )

    def point(self, parameters: Float[Array, " size"]) -> Float[Array, " event_size"]:
        """Block by block, what each family gives."""
        parts = zip(self.families, self._parts(parameters), strict=True)
        return in_columns([family.point(part) for family, part in parts], self.columns)

    def cells(self, x: Float[np.ndarray, "n d"]) -> Cells | None:
        parts = zip(self.families, self.columns, strict=True)
        blocks = [family.cells(x[:, list(columns)]) for family, columns in parts]
        known = [block for block in blocks if block is not None]
        return Cells.in_columns(known, self.columns) if len(known) == len(blocks) else None

    @property
    def categories(self) -> tuple[int, ...]:
        blocks = zip(self.families, self.columns, strict=True)
        return tuple(sorted(columns[i] for family, columns in blocks for i in family.categories))

    @property
    def together(self) -> tuple[tuple[int, ...], ...]:
        blocks = zip(self.families, self.columns, strict=True)
        return tuple(
            tuple(columns[i] for i in each) for family, columns in blocks for each in family.together
        )

    def level_probabilities(self, parameters: Float[Array, " size"]) -> tuple[Float[Array, " levels"], ...]:
        found: dict[int, Array] = {}
        for family, columns, part in zip(self.families, self.columns, self._parts(parameters), strict=True):
            places = (columns[i] for i in family.categories)
            found |= dict(zip(places, family.level_probabilities(part), strict=True))
        return tuple(found[place] for place in sorted(found))

    def taking_missing(self) -> MixedColumns:
        return MixedColumns([family.taking_missing() for family in self.families], self.columns)

    def given_missing(self) -> MixedColumns:
        return MixedColumns([family.given_missing() for family in self.families], self.columns)

    def _parts(self, parameters: Float[Array, " size"]) -> list[Array]:
        """The vectors of the families."""
        return jnp.split(parameters, np.cumsum([family.size for family in self.families])[:-1])
