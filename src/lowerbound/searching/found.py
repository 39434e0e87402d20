"""What a search found: rows with their scores, best first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lowerbound.data.declared import as_arrow
from lowerbound.searching.decoded import Decoded
from lowerbound.text import counted

__all__ = ["Found"]


@dataclass(frozen=True)
class Found:
    """The rows that a search had scored, no two alike, best first; those that are worth nothing (NaN) last.

    - `decoded`: the rows, as `rows` a table of the kind that trained the model; `z`: the codes that they are
      decoded from, (n, d), where they are rows of the data those of the rows;
    - `score`, (n,); `call`, (n,): the number of the call that scored it, from 1;
    - `nats`, (n,): what −log q(z) is at most, in nats, q the aggregate posterior
      ([`Mass`][lowerbound.searching.mass.Mass]); `limit`: the most of it at which a method might ask;
    - `method`: its name; `minimized`: whether low scores are the best.
    """

    decoded: Decoded
    z: Float[np.ndarray, "n d"]
    score: Float[np.ndarray, " n"]
    call: Int[np.ndarray, " n"]
    nats: Float[np.ndarray, " n"]
    limit: float
    method: str
    minimized: bool = False

    def __len__(self) -> int:
        return len(self.score)

    @property
    def calls(self) -> int:
        """How many calls of the score there were."""
        return len(self.score)

    @cached_property
    def rows(self) -> Any:
        """The rows, as a table of the kind that trained the model."""
        return self.decoded.table

    @property
    def best(self) -> float:
        """The best score; NaN where no row is worth anything."""
        return float(self.score[0]) if len(self) else np.nan

    def best_after(self, calls: int) -> float:
        """The best score of the first so many calls."""
        scores = self.score[(self.call <= calls) & ~np.isnan(self.score)]
        return float(scores[0]) if len(scores) else np.nan

    def first(self, n: int) -> Found:
        """The best `n`."""
        some = slice(n)
        decoded = self.decoded[np.arange(len(self))[some]]
        parts = (self.z[some], self.score[some], self.call[some], self.nats[some])
        return Found(decoded, *parts, self.limit, self.method, self.minimized)

    def columns(self) -> dict[str, np.ndarray]:
        """The columns of a table of all by name: score, call, nats, and those of the rows. One of the former
        whose name a column of the rows has is called `search_…`."""
        own = {"score": self.score, "call": self.call, "nats": self.nats}
        names = self.decoded.names
        told = {f"search_{name}" if name in names else name: each for name, each in own.items()}
        return told | dict(zip(names, self.decoded.columns, strict=True))

    def table(self) -> Any:
        """All as a table of pyarrow: score, call, nats, and the columns of the rows."""
        import pyarrow

        return pyarrow.table({name: as_arrow(column, None) for name, column in self.columns().items()})

    def __str__(self) -> str:
        """The five best, in words."""
        few = self.first(5)
        lines = [
            f"{counted(self.calls, 'call')} of the score, {self.method}; "
            f"{'low' if self.minimized else 'high'} is good",
            f"  {'score':>10}  {'call':>5}  {'−log q(z) ≤, nats':>17}",
        ]
        for score, call, nats, row in zip(few.score, few.call, few.nats, _shown(few.decoded), strict=True):
            lines.append(f"  {score:>10.4g}  {call:>5}  {nats:>17.1f}  {row}")
        return "\n".join([*lines, f"  {'limit':>17}  {self.limit:>17.1f}"])


def _shown(rows: Decoded) -> Iterable[str]:
    """Each row in a line, if its columns are few."""
    columns = [column.tolist() for column in rows.columns]
    if len(columns) > _MOST:
        return ["" for _ in columns[0]]
    return [", ".join(_cell(value) for value in row) for row in zip(*columns, strict=True)]


# The most columns that are shown in a line.
_MOST = 8


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
