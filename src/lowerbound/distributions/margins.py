"""Margins of columns: the values that stand alone, the bins of the others, and a map to near normal."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from scipy import special

from lowerbound.leaves import Fixed

__all__ = ["Margins", "Piece", "entries", "spikes", "stand_alone"]


def entries(table: Float[Array, "d m"], place: Int[Array, "... d"]) -> Float[Array, "... d"]:
    """The entry of each column's row of a table at a place; 0 at a place that it has not.

    >>> entries(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([1, -1])).tolist()
    [2.0, 0.0]
    """
    return jnp.where(place[..., None] == jnp.arange(table.shape[-1]), table, 0.0).sum(-1)


class Piece(NamedTuple):
    """Where values stand: in which bin, and the line y = y₀ + slope·(x − x₀) of g there."""

    bin: Int[Array, "... d"]
    start: Float[Array, "... d"]
    normal: Float[Array, "... d"]
    slope: Float[Array, "... d"]


class Margins(eqx.Module):
    """What d columns are without a model, as constants: the frame in which a free-form density is put.

    - `atoms`, (d, A): values that stand alone, each with a probability of its own; NaN where a column has
      fewer.
    - `edges`, (d, B + 1): the ends of B bins that hold about as many of the other values each; the last are
      repeated where a column has fewer.
    - `normal`, (d, B + 1): g at the edges. g is a line in each bin, goes on as the first and the last line
      outside, and maps a column's values to about N(0, 1).
    - `lowest`, (d,): −∞, or the value that no value lies below; g goes to −∞ there, as a logarithm does.

    >>> import numpy as np
    >>> margins = Margins.of(np.arange(1, 101.0)[:, None] ** 2, bins=4)
    >>> y, _ = margins.normalised(jnp.array([2600.0]))
    >>> y.round(1).tolist()                                                 # near the median, 2550.5
    [0.0]
    >>> margins.original(y).round(3).tolist()
    [2600.0]
    """

    atoms: Fixed
    edges: Fixed
    normal: Fixed
    lowest: Fixed

    @classmethod
    def of(cls, x: Float[np.ndarray, "n d"], *, bins: int, whole: bool = False) -> Margins:
        """The margins of the columns of `x`, in which NaN is a value that was not observed. Each of `whole`
        numbers is a cell of length 1, and bins end between them.
        """
        found = [_margin(column[~np.isnan(column)], bins, whole) for column in np.asarray(x, np.float64).T]
        most = max(len(one.atoms) for one in found)
        last = max(len(one.edges) for one in found)
        return cls(
            Fixed(np.stack([_padded(one.atoms, most, np.nan) for one in found])),
            Fixed(np.stack([_padded(one.edges, last, one.edges[-1]) for one in found])),
            Fixed(np.stack([_padded(one.normal, last, one.normal[-1]) for one in found])),
            Fixed(np.array([one.lowest for one in found], np.float32)),
        )

    @property
    def columns(self) -> int:
        """d."""
        return int(self.edges.value.shape[0])

    @property
    def widths(self) -> Float[Array, "d B"]:
        """The lengths of the bins, 0 of those that a column has not."""
        return jnp.diff(self.edges.value, axis=1)

    def piece(self, x: Float[Array, "... d"]) -> Piece:
        """The bins of values, and g's lines there."""
        return self._at((x[..., None] >= jnp.asarray(self.edges.value)[:, 1:-1]).sum(-1))

    def normalised(self, x: Float[Array, "... d"]) -> tuple[Float[Array, "... d"], Float[Array, "... d"]]:
        """g(x), about N(0, 1) over the column's values, and log g′(x)."""
        piece = self.piece(x)
        line, log_slope = piece.normal + piece.slope * (x - piece.start), jnp.log(piece.slope)
        bounded, lowest, room = self._room
        # Where values end at L, r below the first edge, g is y₀ + s·r·log((x − L)/r) there, of slope s at it.
        log_share = jnp.log(jnp.clip(x - lowest, 1e-6 * room) / room)
        curve = piece.normal + piece.slope * room * log_share
        below = bounded & (x < lowest + room)
        return jnp.where(below, jnp.where(x >= lowest, curve, _FAR), line), jnp.where(
            below, log_slope - log_share, log_slope
        )

    def original(self, y: Float[Array, "... d"]) -> Float[Array, "... d"]:
        """g⁻¹(y)."""
        normal = jnp.asarray(self.normal.value)
        piece = self._at((y[..., None] >= normal[:, 1:-1]).sum(-1))
        bounded, lowest, room = self._room
        line = piece.start + (y - piece.normal) / piece.slope
        curve = lowest + room * jnp.exp(jnp.minimum((y - piece.normal) / (piece.slope * room), 0.0))
        return jnp.where(bounded & (y < normal[:, 0]), curve, line)

    def _at(self, place: Int[Array, "... d"]) -> Piece:
        """The lines of bins; of those that a column has not, its last."""
        widths = self.widths
        place = jnp.minimum(place, (widths > 0).sum(1) - 1)
        edges, normal = jnp.asarray(self.edges.value), jnp.asarray(self.normal.value)
        slopes = jnp.diff(normal, axis=1) / jnp.where(widths > 0, widths, 1.0)
        tables = (edges[:, :-1], normal[:, :-1], slopes)
        return Piece(place, *(entries(table, place) for table in tables))

    @property
    def _room(self) -> tuple[Array, Array, Array]:
        """Whether a column has a lowest value, that, and how far the first edge is from it; of a column that
        has none, numbers that do no harm."""
        first, lowest = jnp.asarray(self.edges.value)[:, 0], jnp.asarray(self.lowest.value)
        bounded = jnp.isfinite(lowest)
        lowest = jnp.where(bounded, lowest, first - 1)
        return bounded, lowest, jnp.maximum(first - lowest, 1e-30)


# Where g goes to −∞.
_FAR = -1e9


class _Margin(NamedTuple):
    """Of one column."""

    atoms: np.ndarray
    edges: np.ndarray
    normal: np.ndarray
    lowest: float


# A column of so few values has each of them stand alone, or of more, up to so many, where there are so many
# rows to each; of others at most so many do, each in a share of the rows, a large one where rows are few and
# a small one where they are many, and so many times as often as a value does in the mean over its neighbours,
# so many on either side.
_FEW, _MANY, _ROWS_EACH = 40, 128, 200
_MOST, _LARGE, _SMALL, _ENOUGH, _LEAST, _TIMES, _NEIGHBOURS = 64, 0.01, 0.002, 20, 5, 4.0, 5


def stand_alone(different: int, rows: int) -> bool:
    """Whether each of so many different values of a column of so many rows stands alone.

    >>> stand_alone(40, 50), stand_alone(41, 50), stand_alone(100, 20_000)
    (True, False, True)
    """
    return different <= max(_FEW, min(_MANY, rows // _ROWS_EACH))


def spikes(values: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which values of a column are far more frequent than their neighbours.

    >>> hours = np.concatenate([np.full(50, 40.0), np.arange(100.0)])
    >>> np.unique(hours[spikes(hours)]).tolist()
    [40.0]
    """
    places = np.unique(values, return_inverse=True)[1]
    return _stands_out(np.bincount(places))[places]


def _margin(values: np.ndarray, bins: int, whole: bool) -> _Margin:
    values = values if len(values) else np.zeros(1)  # of a column without a value nothing is known
    different, counts = np.unique(values, return_counts=True)
    few = stand_alone(len(different), len(values))
    alone = np.full(len(different), True) if few else _stands_out(counts)
    others = values if alone.all() else values[~np.isin(values, different[alone])]
    edges, below = _edges(others, bins, whole)
    share = (below + 0.5) / (len(others) + 1)
    # Whole numbers from 0 have a cell for 0.
    lowest = -np.inf if different[0] < 0 else -0.5 if whole else 0.0
    return _Margin(different[alone], edges, special.ndtri(share), lowest)


def _stands_out(counts: np.ndarray) -> np.ndarray:
    """Which of a column's different values, in order, stand far more often than their neighbours."""
    padded = np.pad(counts.astype(float), _NEIGHBOURS, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1)
    around = (windows.sum(1) - counts) / (2 * _NEIGHBOURS)
    rows = counts.sum()
    often = counts >= max(_SMALL * rows, min(_LARGE * rows, _ENOUGH), _LEAST)
    alone = often & (counts > _TIMES * around)
    if alone.sum() > _MOST:
        alone &= counts >= np.sort(counts[alone])[-_MOST]
    return np.asarray(alone)


def _edges(values: np.ndarray, bins: int, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    """The ends of bins that hold about as many values each, and how many values lie below each end."""
    ordered = np.sort(values)
    edges = np.quantile(ordered, np.linspace(0, 1, bins + 1), method="linear")
    if whole:
        edges = np.concatenate([[ordered[0] - 0.5], np.floor(edges[1:-1]) + 0.5, [ordered[-1] + 0.5]])
    edges = np.unique(edges.astype(np.float32))
    if len(edges) < 2:  # of one value that is no whole number
        room = max(abs(float(edges[0])), 1.0) * 1e-3
        edges = np.array([edges[0] - room, edges[0] + room], np.float32)
    return edges, np.searchsorted(ordered, edges)


def _padded(row: np.ndarray, length: int, value: float) -> np.ndarray:
    return np.pad(row, (0, length - len(row)), constant_values=value).astype(np.float32)
