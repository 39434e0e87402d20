"""Which baselines suit the data, of what size, on how many rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from operator import index
from typing import Any, NamedTuple, TypeGuard, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from lowerbound.baselines.cells import fit_cells
from lowerbound.baselines.density import Array, Density, real, whole
from lowerbound.baselines.families import fit_family
from lowerbound.baselines.gaussians import Dequantized, Gaussian, fit_factors, fit_gaussians
from lowerbound.baselines.products import ProductMixture, fit_products
from lowerbound.distributions.support import range_of
from lowerbound.families.family import Family
from lowerbound.models.transforms import Identity, Standardization, Transform
from lowerbound.parts import kebab, names, part

__all__ = ["are_comparable", "by_cells", "fit_baselines"]

Size = TypeVar("Size")
Fitted = TypeVar("Fitted", bound=Density)

# Grids for the choice of sizes; what the data cannot carry is left out of them.
FACTORS = (1, 2, 5, 10, 20, 40)
COMPONENTS = (2, 5, 20, 60, 180)
FULL_COMPONENTS = (1, 2, 5, 10, 20)
FULL_COLUMNS = 200  # full covariances above this many columns have more parameters than data
FAMILY_COMPONENTS = (2, 5, 20)

# Bounds on the work, in entries (rows by columns): beyond them a seeded choice of rows is trained on, and
# the note says so.
GAUSSIAN_ENTRIES = 4_000_000  # ~5,000 rows of 784 columns
TABLE_ENTRIES = 5_000_000  # ~6,000 rows of 784 columns; also values of log p(v; θ_kd) held
PRODUCT_ENTRIES = 50_000_000  # ~60,000 rows of 784 columns
FAMILY_ENTRIES = 4_000_000  # log p of every component of every value, some ten times a step
SMALL_ENTRIES = 1_000_000  # up to here one thread is faster: products so small wait on each other
SELECTION_ENTRIES = 16_000_000  # rows that choose a size


def fit_baselines(
    x: ArrayLike,
    family: Family | None = None,
    *,
    transform: Transform | None = None,
    sample_of: int | None = None,
    seed: int = 0,
) -> dict[str, Density]:
    """Classical densities fitted to training rows x (n, d), by name, in the measure of a family; x may be a
    sample of so many (`sample_of`), which their notes then say.

    | name | for | what |
    |---|---|---|
    | `factor-analysis` | all | N(m, ΛΛᵀ + Ψ), maximum likelihood |
    | `gaussian-mixture-diagonal` | all | by EM |
    | `gaussian-mixture-full` | all, up to 200 columns | by EM |
    | `independent` | a family | a member of the family per column |
    | `mixture` | a family | of K such members, by EM |
    | `latent-classes` | columns of several kinds | independent columns in each of K classes, by EM |

    Without a `family`, and for one of independent Gaussians, the three Gaussians alone, in nats per row,
    Lebesgue measure in the units of x. For a family over whole numbers the measure is counting, and the
    Gaussians are lower bounds through uniform dequantisation. Families that have a discrete product of
    columns (the table of `lowerbound.parts` names it) take it; another over 0 … n takes that of counts. Any
    other [`Family`][], such as `lb.NegativeBinomial(50)`, is fitted itself, behind a `transform` that draws
    nothing. Sizes are chosen on a fifth of the training rows. `independent` and `mixture` are smoothed by one
    pseudo-row per component (`expectation_maximization`).

    **Raises:** `ValueError` for fewer than 10 rows, and for values that the family does not have.

    >>> import lowerbound as lb
    >>> x = np.random.default_rng(0).binomial(4, 0.3, size=(100, 2))
    >>> baselines = fit_baselines(x, lb.Binomial(2, 4))
    >>> sorted(baselines)[-2:]
    ['independent', 'mixture']
    >>> baselines["independent"].note
    'independent columns, Binomial(4), one pseudo-row'
    >>> baselines["independent"].log_prob(x).shape
    (100,)
    """
    if not isinstance(family, Family | None):
        raise TypeError(
            f"family: expected a family, such as that of the likelihood, or None; found {family!r}"
        )
    if by_cells(family):
        return _cell_baselines(np.asarray(x, np.float64), family, index(seed), sample_of)
    span = None if family is None else range_of(family.support)
    seed, discrete = index(seed), span is not None and span.whole
    x = real(x) if span is None or not span.whole else whole(x, most=span.high)
    if len(x) < 10:
        raise ValueError(f"x has {len(x)} rows: baselines need at least 10 to be fitted")
    columns = _columns(family)

    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1 if x.size <= SMALL_ENTRIES else None):
        baselines = _gaussian_baselines(x, discrete, seed, sample_of)
        if columns is not None and issubclass(columns.density, ProductMixture):
            baselines |= _product_baselines(x, columns, seed, sample_of)
        elif columns is None and family is not None:
            baselines |= _family_baselines(x, family, transform or Identity(), seed, sample_of)
    return baselines


def are_comparable(family: Family, transform: Transform) -> bool:
    """Whether there are baselines in the measure of a family behind a transform."""
    if by_cells(family):
        return isinstance(transform, Identity)
    drawn = not isinstance(transform, Identity | Standardization)
    return _columns(family) is not None or not (range_of(family.support) is None or drawn)


def by_cells(family: Family | None) -> TypeGuard[Family]:
    """Whether it is of columns of several kinds, each of which has cells, whose baselines take holes."""
    if family is None or not isinstance(family, part("several", "columns")):
        return False
    return family.cells(np.zeros((1, family.event_size))) is not None


def _cell_baselines(x: Array, family: Family, seed: int, sample_of: int | None) -> dict[str, Density]:
    x, said = _choice(x, PRODUCT_ENTRIES, seed, sample_of)
    fit = partial(fit_cells, family=family, seed=seed)
    one, best = fit(x, 1), _best(fit, x, [k for k in COMPONENTS if k <= len(x) // 5] or [1], seed)
    return {
        "independent": replace(one, note=f"independent columns, cells of each by frequency{said}"),
        "latent-classes": replace(best, note=f"{len(best.weights)} latent classes, by EM{said}"),
    }


class _Columns(NamedTuple):
    """The classical density of a family's independent columns, and what it is called."""

    density: type[Any]
    trials: int
    words: str


def _columns(family: Family | None) -> _Columns | None:
    """Of families that have one; of another over 0 … n that of counts."""
    if family is None:
        return None
    span = range_of(family.support)
    n = int(span.high) if span is not None and span.whole and math.isfinite(span.high) else 0
    if n and kebab(type(family).__name__) not in names("baseline"):
        family = part("few-counts", "columns")(family.event_size, n)
    name = kebab(type(family).__name__)
    if name not in names("baseline"):
        return None
    sizes = [str(getattr(family, f.name)) for f in fields(family) if f.name in ("trials", "levels")]
    return _Columns(
        part(name, "baseline"),
        n,
        f"{type(family).__name__}({', '.join(sizes)})" if sizes else type(family).__name__,
    )


def _gaussian_baselines(x: Array, discrete: bool, seed: int, sample_of: int | None) -> dict[str, Density]:
    x, said = _choice(x, GAUSSIAN_ENTRIES, seed, sample_of)
    if discrete:
        x = x + np.random.default_rng(seed).random(x.shape)
    n, d = x.shape
    few = n // 5  # more components, or factors, than this the selection's rows cannot carry
    factors = [r for r in FACTORS if r <= min(few, max(1, d - 1))]
    full = [(k, ridge) for k in FULL_COMPONENTS if k <= few for ridge in (0.03, 0.1)]
    diagonal = [(k, ridge) for k in COMPONENTS if k <= few for ridge in (0.01, 0.1)]
    fit = partial(fit_gaussians, seed=seed)
    fits: dict[str, Gaussian] = {"factor-analysis": _best(partial(fit_factors, seed=seed), x, factors, seed)}
    if d <= FULL_COLUMNS:
        fits["gaussian-mixture-full"] = _best(partial(fit, covariance="full"), x, full, seed)
    mixture = _best(partial(fit, covariance="diag"), x, diagonal, seed)
    left_out = "" if d <= FULL_COLUMNS else f", full covariance left out above {FULL_COLUMNS} columns"
    fits["gaussian-mixture-diagonal"] = replace(mixture, note=mixture.note + left_out)
    fits = {name: replace(density, note=density.note + said) for name, density in fits.items()}
    return {name: Dequantized(density, seed, 8) if discrete else density for name, density in fits.items()}


def _product_baselines(x: Array, columns: _Columns, seed: int, sample_of: int | None) -> dict[str, Density]:
    sizes, entries, trials = list(COMPONENTS), PRODUCT_ENTRIES, columns.trials
    if columns.density.table:  # which holds a probability for every value
        entries = TABLE_ENTRIES
        sizes = [k for k in sizes if k * x.shape[1] * (trials + 1) <= TABLE_ENTRIES] or [2]
    x, said = _choice(x, entries, seed, sample_of)
    sizes = [k for k in sizes if k <= len(x) // 5]
    fit = partial(fit_products, family=columns.density, trials=trials, seed=seed)
    one = fit(x, 1, steps=200)
    best = _best(partial(fit, steps=50), x, sizes, seed)
    count = f"{len(best.weights)} components"
    return {
        "independent": replace(one, note=f"independent columns, {columns.words}, one pseudo-row{said}"),
        "mixture": replace(best, note=f"mixture of {columns.words} columns, {count}, by EM{said}"),
    }


def _family_baselines(
    x: Array, family: Family, transform: Transform, seed: int, sample_of: int | None
) -> dict[str, Density]:
    member = type(family).__name__
    x, said = _choice(x, FAMILY_ENTRIES // FAMILY_COMPONENTS[-1], seed, sample_of)
    sizes = [k for k in FAMILY_COMPONENTS if k <= len(x) // 5] or [1]
    fit = partial(fit_family, family=family, transform=transform, seed=seed)
    one, best = fit(x, 1), _best(fit, x, sizes, seed)
    count = f"{len(best.weights)} components"
    return {
        "independent": replace(one, note=f"one {member}, one pseudo-row{said}"),
        "mixture": replace(best, note=f"mixture of {member}, {count}, by EM{said}"),
    }


def _best(fit: Callable[[Array, Size], Fitted], x: Array, sizes: Sequence[Size], seed: int) -> Fitted:
    """Refit, on all of x, of the size with the highest log-likelihood of a held-out fifth."""
    if len(sizes) > 1:
        rows = np.random.default_rng(seed).permutation(len(x))[: max(10, SELECTION_ENTRIES // x.shape[1])]
        held, rest = x[rows[: len(rows) // 5]], x[rows[len(rows) // 5 :]]
        sizes = [max(sizes, key=lambda size: float(fit(rest, size).log_prob(held).mean()))]
    return fit(x, sizes[0])


def _choice(x: Array, entries: int, seed: int, sample_of: int | None) -> tuple[Array, str]:
    """At most `entries` of x as whole rows, and what to say about it."""
    limit, of = max(10, entries // x.shape[1]), sample_of or len(x)
    if len(x) > limit:
        rows = np.random.default_rng(seed).choice(len(x), limit, replace=False)
        x = x[np.sort(rows)]
    return x, "" if len(x) == of else f", trained on {len(x):,} of {of:,} rows"
