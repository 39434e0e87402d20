"""Synthetic rows, judged: every score in one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lowerbound.archive.records import as_json
from lowerbound.data.errors import DataError
from lowerbound.synthetic.aligned import Aligned
from lowerbound.synthetic.closest import nearer_to_training
from lowerbound.synthetic.detection import detected, undetected
from lowerbound.synthetic.learners import one_thread
from lowerbound.synthetic.margins import margins_alike
from lowerbound.synthetic.pairs import pairs_alike
from lowerbound.synthetic.score import Score, mean
from lowerbound.synthetic.transfer import Transfer, transferred
from lowerbound.text import counted

__all__ = ["FEWEST", "ROWS", "SyntheticQuality", "synthetic_quality"]

# Rows of each table that are looked at, as long as they have no more than so many values.
ROWS, _VALUES = 10_000, 4_000_000
# Pairs of columns that are looked at, and synthetic rows whose nearest are looked for.
_PAIRS, _NEAREST = 1_000, 2_000
# Rows of each kind without which no score has an error worth the name.
FEWEST = 20


@dataclass(frozen=True)
class SyntheticQuality:
    """How good synthetic rows are, each score with its standard error over rows.

    - `rows`: how many real and how many synthetic rows were compared.
    - `margins`: of each column, how alike its margins are: one minus the total variation of its levels, or
      one minus the Kolmogorov–Smirnov distance of its numbers. `shape` is their mean (SDMetrics' column
      shapes).
    - `pairs`: of each two columns, how alike they go together: 1 − ½ |difference of correlations|, or one
      minus the total variation of pairs. `trend` is their mean (SDMetrics' column pair trends); None of a
      single column.
    - `auroc`: of a classifier that tells synthetic rows from real ones; ½ is best. `c2st` is 2 − 2 max(½,
      auroc); 1 is best.
    - `transfer`: trained on synthetic rows, tested on real ones, where a target was named.
    - `nearer_to_training`: the share of synthetic rows that are nearer to training rows than to held-out
      rows, where there are held-out rows; ½ is best, more are copies.

    Margins, and detection by a linear model, prove nothing: columns drawn independently of each other have
    `shape` near 1. What they fail is `trend`, and `c2st` above all.
    """

    rows: tuple[int, int]
    margins: Mapping[str, Score]
    shape: Score
    pairs: Mapping[tuple[str, str], Score]
    trend: Score | None
    auroc: Score
    transfer: Transfer | None = None
    nearer_to_training: Score | None = None

    @property
    def c2st(self) -> Score:
        """2 − 2 max(½, AUROC): 1 where synthetic rows cannot be told from real ones."""
        return undetected(self.auroc)

    def to_json(self) -> dict[str, Any]:
        """The scores as what JSON holds; those of pairs as a list, since its names are text."""
        pairs = [{"columns": pair, **as_json(score)} for pair, score in self.pairs.items()]
        plain: dict[str, Any] = as_json(replace(self, pairs={}))
        return {**plain, "pairs": pairs, "c2st": as_json(self.c2st)}

    def __str__(self) -> str:
        real, synthetic = self.rows
        least = min(self.margins, key=lambda name: self.margins[name].value)
        lines = [
            f"{synthetic:,} synthetic rows beside {counted(real, 'real row')}, ± standard error over rows",
            f"  margins      {self.shape}, 1 is best; least {least}, {self.margins[least]}",
        ]
        if self.trend is not None:
            a, b = min(self.pairs, key=lambda pair: self.pairs[pair].value)
            lines.append(f"  pairs        {self.trend}, 1 is best; least {a} and {b}, {self.pairs[a, b]}")
        lines.append(
            f"  detection    {self.c2st}, 1 is best; a classifier has AUROC {self.auroc}, ½ if they are alike"
        )
        if (found := self.transfer) is not None:
            lines.append(
                f"  use          {found.measure} of {found.target} {found.on_synthetic} trained on synthetic "
                f"rows, {found.on_real} trained on real ones"
            )
        if self.nearer_to_training is not None:
            lines.append(
                f"  copies       {self.nearer_to_training}, ½ is best; the share nearer to training than to "
                "held-out rows"
            )
        return "\n".join(lines)


def synthetic_quality(
    synthetic: Any,
    real: Any,
    held_out: Any = None,
    *,
    target: str | None = None,
    rows: int = ROWS,
    seed: int = 0,
) -> SyntheticQuality:
    """Judge synthetic rows by real ones: margins, pairs, detection, use, and copies.

    **Arguments:**

    - `synthetic`: a table; `real`: the rows that the model which drew it was trained on (or others), whose
      columns are those that count; `held_out`: real rows that it never saw, without which there is no use
      and nothing on copies. Each is an array or a frame of pandas, polars or pyarrow; columns are matched by
      name. Missing values are allowed, and count as a level of their own.
    - `target`: the column that is foretold from the others, by a learner of synthetic rows and one of real
      ones.
    - `rows`: of each table at most so many are looked at, drawn at random, and no more than have four million
      values; of pairs of columns 1,000, and for copies 2,000 synthetic rows. `seed`: of what is drawn.

    Scores are noisy below: of rows of the same distribution `shape` is less than 1 by about √(1/n + 1/m), and
    the least of many columns by more.

    Sources: Lopez-Paz and Oquab 2017, Revisiting Classifier Two-Sample Tests; SDMetrics; Zhang et al. 2024,
    Mixed-Type Tabular Data Synthesis with Score-based Diffusion in Latent Space (TabSyn), for the protocol.

    **Raises:** [`DataError`][lowerbound.data.errors.DataError] for fewer than 20 rows, a column that a table
    lacks, or a target that is none.

    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> def coins(n):
    ...     first = random.integers(0, 2, n)
    ...     return np.stack([first, np.where(random.random(n) < 0.9, first, 1 - first)], axis=1)
    >>> independent = random.integers(0, 2, (400, 2))
    >>> quality = synthetic_quality(independent, coins(400))
    >>> quality.shape.value > 0.9, quality.c2st.value < 0.7
    (True, True)
    """
    if target is not None and held_out is None:
        raise DataError("held_out", f"real rows, on which {target!r} is foretold", "none")
    tables = {"real": real, "synthetic": synthetic} | ({} if held_out is None else {"held_out": held_out})
    all_rows = Aligned.of(tables)
    all_rows = all_rows.at_most(min(rows, max(_VALUES // len(all_rows.names), FEWEST)), seed)
    for name, table in all_rows.tables.items():
        if len(table) < FEWEST:
            raise DataError(name, f"at least {FEWEST} rows", f"{len(table)}")
    x, y = all_rows.tables["real"], all_rows.tables["synthetic"]
    margins = margins_alike(all_rows)
    pairs = pairs_alike(all_rows, _PAIRS, seed)
    with one_thread():
        auroc = detected(x, y, all_rows.sizes, seed=seed)
        transfer = None if target is None else transferred(all_rows, target, seed)
    return SyntheticQuality(
        rows=(len(x), len(y)),
        margins={name: found.score for name, found in margins.items()},
        shape=mean(margins.values()).score,
        pairs={pair: found.score for pair, found in pairs.items()},
        trend=mean(pairs.values()).score if pairs else None,
        auroc=auroc,
        transfer=transfer,
        nearer_to_training=None if held_out is None else _nearer(all_rows),
    )


def _nearer(rows: Aligned) -> Score:
    train, held_out = rows.features("real", "real"), rows.features("held_out", "real")
    few = min(len(train), len(held_out))
    return nearer_to_training(train[:few], held_out[:few], rows.features("synthetic", "real")[:_NEAREST])
