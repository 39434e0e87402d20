"""Missing values: drawn, and stated, from what a model says of them given those that were observed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from lowerbound.conformal import conformal_threshold
from lowerbound.data.chunks import CHUNK, in_chunks
from lowerbound.data.kept import by_name
from lowerbound.data.rows import Rows, checked, in_own_units
from lowerbound.data.tables import columns_of
from lowerbound.evidence.refined import Fit
from lowerbound.inference.conditioning import PERIOD, can_be_fitted, fits_of, weighed
from lowerbound.models.latent_model import LatentModel
from lowerbound.randomness.keys import RowKeys, as_key, content_key

__all__ = ["Imputation", "compile_imputed", "impute", "imputed"]

# Of a row with a smaller share of effective samples the posterior is refined.
_SHARE = 0.1


def impute(
    model: LatentModel,
    x: Rows | ArrayLike,
    *,
    draws: int | None = None,
    samples: int = 1000,
    key: PRNGKeyArray | int = 0,
    given: ArrayLike | None = None,
    mean: bool = False,
) -> Float[np.ndarray, "*draws n d"]:
    """`x` with its missing values (NaN) drawn from p(x_missing∣x_observed), by self-normalised importance
    resampling (Mattei & Frellsen 2019, section 3): of `samples` z⁽ʲ⁾, each with weight w ∝ p(x_observed, z)
    over the density that it was drawn from, one is chosen with probability w̃ⱼ = wⱼ/Σw, and x_missing drawn
    from p(x∣z). Observed values are given back as they are, to the bit. [`imputed`][] says more: intervals,
    the probabilities of levels, effective sample sizes.

    Nine in ten samples are of q(z∣x_observed) and one is of p(z), weighed by the density of both together; a
    row of which fewer than 10 % of the samples are effective has its posterior refined
    ([`fitted`][lowerbound.evidence.refined.fitted]), where z can be followed by gradients, and is drawn anew.

    **Arguments:** `x`: (n, d), in the data's own units; of a table with categories a frame, or its encoded
    rows, for encoded rows; `draws`: how many times x_missing is drawn, for (draws, n, d); by default once,
    for (n, d); `samples`: K, samples of z a row, rounded up to tens: the more, the closer to the exact
    conditional; `mean`: the conditional means Σ w̃ⱼ E[x∣z⁽ʲ⁾] in place of draws, the best in squared error; of
    a category, whose levels have no mean, the most probable level; `given`, `key`: as for [`log_evidence`][].

    A model that was trained without holes will do: it is a joint density, of which this is a conditional. Its
    encoder, which never saw one, sees a hole as 0.

    **Raises:** `TypeError` for a likelihood whose columns are not independent given z, `ValueError` for
    `draws` of means, and for numbers below 1.

    >>> import jax, numpy as np, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(4, missing=True), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> filled = lb.impute(model, np.array([[1, np.nan, 0, 1]]), samples=100)
    >>> filled[0, [0, 2, 3]].tolist(), filled[0, 1] in (0, 1)
    ([1.0, 0.0, 1.0], True)
    """
    if mean and draws is not None:
        raise ValueError(f"impute: a mean is one, found draws={draws} besides; leave one of them out")
    count = (0 if mean else 1) if draws is None else _positive("draws", draws)
    model = _taking_holes(model)
    rows = checked(model, x, given)
    cells = _cells_of(model, rows, as_key(key), _Asked(_positive("samples", samples), count, mean))
    completed = _completion(model, x, rows)
    if mean:
        return completed(cells.mean)
    filled = np.stack([completed(drawn) for drawn in cells.draws.swapaxes(0, 1)])
    return filled[0] if draws is None else filled


@dataclass(frozen=True)
class Imputation:
    """What a model says of the missing values of n rows. In every table of it what was observed is as it was,
    to the bit.

    - `mean`: the conditional means, the best in squared error; of a category its most probable level.
    - `draws`: completions drawn from p(x_missing∣x_observed), one after the other.
    - `lower`, `upper`: of each missing number the ends of an equal-tailed interval that holds it with
      probability `interval`, by the model: quantiles of Σ w̃ⱼ p(x∣z⁽ʲ⁾). Each end's level has a Monte-Carlo
      error of √(α(1 − α)/ESS), α = (1 − interval)/2. Of a missing level there are none (NaN), but its
      probabilities.
    - `probabilities`: of each column of categories, by its name or its number, those of its levels in a row,
      (n, levels): Σ w̃ⱼ p(x = level∣z⁽ʲ⁾); 1 for a level that was observed.
    - `effective_sample_size`: of each row, 1/Σw̃²: of so many samples that weigh the same its figures have the
      error. NaN for a row without holes; 0 for one so far out that no sample has a weight.
    """

    mean: Any
    draws: Sequence[Any]
    lower: Any
    upper: Any
    interval: float
    probabilities: Mapping[Any, Any]
    effective_sample_size: Float[np.ndarray, " n"]

    def in_tables(self, table: Callable[[np.ndarray], Any]) -> Imputation:
        """The same with each of its tables in another form, that `table` makes of one."""
        mean, lower, upper = map(table, (self.mean, self.lower, self.upper))
        return replace(self, mean=mean, lower=lower, upper=upper, draws=[*map(table, self.draws)])


def imputed(
    model: LatentModel,
    x: Rows | ArrayLike,
    *,
    draws: int = 1,
    interval: float = 0.9,
    calibration: Rows | ArrayLike | None = None,
    samples: int = 1000,
    key: PRNGKeyArray | int = 0,
    given: ArrayLike | None = None,
) -> Imputation:
    """All that a model says of the missing values (NaN) of `x`: means, draws, intervals, the probabilities of
    levels, and how many effective samples they come from.

    An interval is as true as the model. With `calibration`, rows that neither trained nor chose the model, it
    holds a number with the probability that it says, or a little more, whatever the model: of each column
    with holes the ends move by one distance, outwards or inwards, so that they hold that share of those rows'
    own values, hidden one column at a time ([`conformal_threshold`][] of how far inside a value lies; Romano,
    Patterson & Candès 2019, theorem 1). That is in the mean over rows that come from where `calibration`
    does, and over calibration sets: with one of n rows the share is about ± √(interval (1 − interval)/n).

    **Arguments:** `interval`: the probability with which an interval holds a number; `draws` may be 0;
    `calibration`: rows such as `x`, without conditions; the others as for [`impute`][], whose draws and means
    these are.

    **Raises:** as [`impute`][], and `ValueError` for an interval that is not between 0 and 1, and where fewer
    of the calibration rows know a column than `interval` asks for: at least interval/(1 − interval).

    >>> import jax.numpy as jnp, numpy as np, lowerbound as lb
    >>> latent = lb.DiagonalGaussian(1)                       # x₁ = z + e, x₂ = z + e, all of variance 1
    >>> pair = lb.DiagonalGaussian(2, scale=lb.FixedScale(1.0), missing=True)
    >>> model = lb.VAE(lb.StandardNormal(1), lambda x: latent(jnp.array([1.0, -0.35])),
    ...                lb.Conditional(lambda z: jnp.tile(z, 2), pair))
    >>> found = lb.imputed(model, np.array([[2.0, np.nan]]), samples=20_000)
    >>> found.mean.round(1).tolist()                          # x₂∣x₁ = 2 is N(1, 3/2)
    [[2.0, 1.0]]
    >>> found.lower.round(0).tolist(), found.upper.round(0).tolist()        # 1 ± 1.645 √1.5
    ([[2.0, -1.0]], [[2.0, 3.0]])
    """
    if not 0 < interval < 1:
        raise ValueError(f"imputed: expected an interval between 0 and 1, such as 0.9, found {interval}")
    if draws < 0:
        raise ValueError(f"imputed: expected draws of at least 0, found {draws}")
    model = _taking_holes(model)
    rows = checked(model, x, given)
    asked = _Asked(_positive("samples", samples), draws, True, jnp.asarray(interval, float))
    cells, completed = _cells_of(model, rows, as_key(key), asked), _completion(model, x, rows)
    # A level is no number between two others, nor is a text between two others.
    ends = np.stack([cells.lower, cells.upper])
    if calibration is not None:
        known = checked(model, calibration, name="calibration")
        inwards = _inwards(model, known, rows, as_key(key), asked, interval)
        ends += np.stack([inwards, -inwards])[:, None]
    ends[..., [*model.categories, *itertools.chain(*model.together)]] = np.nan
    lower, upper = map(completed, ends)
    return Imputation(
        mean=completed(cells.mean),
        draws=[completed(drawn) for drawn in cells.draws.swapaxes(0, 1)],
        lower=lower,
        upper=upper,
        interval=interval,
        probabilities=_probabilities(model, rows, cells),
        effective_sample_size=cells.effective_sample_size,
    )


def _inwards(
    model: LatentModel, known: Rows, rows: Rows, key: PRNGKeyArray, asked: _Asked, interval: float
) -> Float[np.ndarray, " d"]:
    """How far the ends of an interval of each column have to move inwards, for those of the `known` values to
    hold as many as is asked; 0 of a column of which `rows` misses nothing, and of one without numbers."""
    # 1 − 0.9 is a little less than 0.1, which is one row of nine.
    inwards, outside = np.zeros(rows.x.shape[1]), round(1 - interval, 12)
    holed = np.isnan(rows.x).any(0)
    holed[[*model.categories, *itertools.chain(*model.together)]] = False
    for column in np.flatnonzero(holed):
        there = ~np.isnan(known.x[:, column])
        hidden = np.where(np.arange(len(holed)) == column, np.nan, known.x[there])
        cells = _cells_of(
            model, replace(known, x=hidden, given=None), key, replace(asked, draws=0, mean=False)
        )
        x, lower, upper = (each[:, column] for each in (known.x[there], cells.lower, cells.upper))
        inside = np.minimum(x - lower, upper - x)
        inwards[column] = conformal_threshold(inside, outside) if len(inside) else -np.inf
        if not np.isfinite(inwards[column]):
            name = column if known.schema is None else repr(known.schema.placed[column].name)
            fewest = math.ceil(interval / (1 - interval) - 1e-9)
            raise ValueError(
                f"calibration: an interval of {interval:g} takes at least {fewest} rows that know column "
                f"{name}, found {len(inside)}; hand in more, or ask for less"
            )
    return inwards


def compile_imputed(model: LatentModel, x: Rows | ArrayLike, *, draws: int = 1, samples: int = 1000) -> None:
    """Compile, or read from a cache, every program that [`imputed`][] with so many draws and samples may come
    to, also those of rows whose posterior is refined; `x` are some rows with holes."""
    model = _taking_holes(model)
    rows = checked(model, x)
    asked = _Asked(samples, draws, True, jnp.asarray(0.9, float))
    _cells_of(model, rows, as_key(0), asked, always=True)


def _positive(name: str, number: int) -> int:
    if number < 1:
        raise ValueError(f"impute: expected {name} of at least 1, found {number}")
    return number


def _taking_holes(model: LatentModel) -> LatentModel:
    """The model to which NaN is a hole: one that was trained without any is a joint density all the same."""
    return model if model.takes_missing else model.taking_missing()


def _completion(model: LatentModel, x: Any, rows: Rows) -> Callable[[np.ndarray], np.ndarray]:
    """What fills the holes of `x` with encoded rows that have none, in the units in which `x` was handed in;
    of a table with categories those are the encoded rows."""
    if isinstance(x, Rows) or (rows.schema is not None and not rows.schema.numeric):
        return lambda new: np.where(np.isnan(rows.x), new, rows.x)
    table = columns_of(x) if model.schema is None else model.schema.held_against(x)
    observed = np.stack([*map(_numbers, table.arrays)], axis=1)
    return lambda new: np.where(np.isnan(observed), in_own_units(model, new), observed)


def _numbers(column: ArrayLike) -> np.ndarray:
    """A column in its own type of floats, or one that holds its whole numbers; None is NaN."""
    column = np.asarray(column)
    return column.astype(
        float if column.dtype.kind == "O" else np.result_type(column, np.float32), copy=False
    )


def _probabilities(model: LatentModel, rows: Rows, cells: _Cells) -> dict[str | int, np.ndarray]:
    """Of the levels of each column of categories, by its name or its number in the table; 1 where one was
    observed."""
    found = dict(zip(model.categories, cells.probabilities, strict=True))
    labels: dict[int, str | int] = {place: place for place in found}
    if (schema := rows.schema) is not None:
        placed = (place for place, column in enumerate(schema.columns) for _ in range(column.places))
        labels = dict(enumerate(schema.names[place] if schema.named else place for place in placed))
        if schema.mixed:  # truth values, whose mean is a probability
            bits = (i for i, column in enumerate(schema.placed) if column.kind == "bit")
            found |= {i: np.stack([1 - cells.mean[:, i], cells.mean[:, i]], axis=1) for i in bits}

    def whole(place: int) -> np.ndarray:
        observed = rows.x[:, place, None]
        levels = np.arange(found[place].shape[1])
        return np.where(np.isnan(observed), found[place], observed == levels)

    return {labels[place]: whole(place) for place in sorted(found)}


class _Asked(eqx.Module):
    """What is asked of each row."""

    samples: int = eqx.field(static=True)
    draws: int = eqx.field(static=True)
    mean: bool = eqx.field(static=True)
    interval: Array | None = None

    @property
    def count(self) -> int:
        """As many samples, or a few more, that every stratum has its share."""
        return -(-self.samples // PERIOD) * PERIOD


@by_name
class _Cells(NamedTuple):
    """What was asked of n rows; without the leading axis, of one. NaN for a row without holes."""

    draws: Any  # (n, draws, d)
    mean: Any  # (n, d), or None
    lower: Any
    upper: Any
    probabilities: tuple[Any, ...]  # (n, levels) of each category
    effective_sample_size: Any  # (n,)


def _cells_of(
    model: LatentModel, rows: Rows, key: PRNGKeyArray, asked: _Asked, *, always: bool = False
) -> _Cells:
    """Of every row with a hole; of others what is never read. Posteriors are refined where that is needed, or
    `always`."""
    holes = np.isnan(rows.x).any(1)
    there = np.flatnonzero(holes) if holes.any() else np.arange(1)
    x, given = rows.x[there], None if rows.given is None else rows.given[there]
    # Rows of a chunk, so that a chunk decodes about as many rows as elsewhere.
    chunk = max(1, min(CHUNK, 8192 // asked.count))
    constants = (model, key, asked)
    found = in_chunks(_cells, constants, (x, given, None), chunk=chunk)
    size = found.effective_sample_size
    few = np.flatnonzero(always | ((size < _SHARE * asked.count) & (size > 0)))
    if len(few) and can_be_fitted(model.event(None if given is None else jnp.asarray(given[0])).latent):
        some = (x[few], None if given is None else given[few])
        fits = fits_of(model, key, *some)
        again = in_chunks(_cells, constants, (*some, fits), chunk=chunk)
        better = again.effective_sample_size > size[few]
        found = jax.tree.map(lambda old, new: _replaced(old, few[better], new[better]), found, again)
    if not holes.any():
        there = there[:0]

    def of_all(leaf: np.ndarray) -> np.ndarray:
        return _replaced(
            np.full((len(holes), *leaf.shape[1:]), np.nan, leaf.dtype), there, leaf[: len(there)]
        )

    spread: _Cells = jax.tree.map(of_all, found)
    return spread


def _replaced(old: np.ndarray, places: np.ndarray, new: np.ndarray) -> np.ndarray:
    changed = old.copy()
    changed[places] = new
    return changed


def _cells(constants: tuple[LatentModel, PRNGKeyArray, _Asked], row: tuple[Array, Any, Fit | None]) -> _Cells:
    (model, key, asked), (x, given, fits) = constants, row
    keys = RowKeys.by_content(key, x)
    found = weighed(model.sampler(x, keys.transform, given), keys.draws, asked.count, fits)
    size, weight, inverse = found.effective_sample_size, found.weight, model.transform.inverse
    noise, hidden = content_key(key, x, "imputation"), model.given_missing()

    def of(z: Array, y_key: PRNGKeyArray) -> Float[Array, " d"]:
        return inverse(jnp.asarray(hidden.p_x(z, given).sample(y_key), float))

    def drawn(j: Array) -> Float[Array, " d"]:
        choice_key, y_key = jax.random.split(jax.random.fold_in(noise, j))
        return of(found.z[jax.random.categorical(choice_key, jnp.log(weight))], y_key)

    draws = jax.vmap(drawn)(jnp.arange(asked.draws)) if asked.draws else jnp.zeros((0, len(x)))
    mean = lower = upper = None
    probabilities: tuple[Array, ...] = ()
    if asked.mean:
        each = jax.vmap(lambda z: hidden.level_probabilities(z, given))(found.z)
        probabilities = tuple(weight @ p for p in each)
        mean = _expected(model, jax.vmap(lambda z: hidden.point(z, given))(found.z), weight, probabilities)
    if asked.interval is not None:
        values = jax.vmap(of)(found.z, jax.random.split(jax.random.fold_in(noise, _APART), asked.count))
        lower, upper = _interval(values, weight, asked.interval, size)
    return _Cells(draws, mean, lower, upper, probabilities, size)


# A number that no draw has.
_APART = 2**32 - 1


def _expected(
    model: LatentModel,
    points: Float[Array, "K d"],
    weight: Float[Array, " K"],
    probabilities: Sequence[Float[Array, " levels"]],
) -> Float[Array, " d"]:
    """Σⱼ w̃ⱼ x̂ⱼ of numbers; of a category the most probable level; of what is one value in several places, as
    a text is, that of the greatest weight."""
    inverse = model.transform.inverse
    mean = weight @ jax.vmap(inverse)(points)
    if model.together:
        one = jnp.asarray([*itertools.chain(*model.together)])
        mean = mean.at[one].set(inverse(points[weight.argmax()])[one])
    if not model.categories:
        return mean
    places = jnp.asarray(model.categories)
    levels = jnp.stack([p.argmax() for p in probabilities]).astype(float)
    return mean.at[places].set(inverse(points[0].at[places].set(levels))[places])


def _interval(
    values: Float[Array, "K d"], weight: Float[Array, " K"], interval: Array, size: Array
) -> tuple[Float[Array, " d"], Float[Array, " d"]]:
    """Equal-tailed quantiles of weighted draws, column by column."""
    order = jnp.argsort(values, axis=0)
    ordered, share = jnp.take_along_axis(values, order, 0), jnp.cumsum(weight[order], axis=0)

    def at(level: Array) -> Float[Array, " d"]:
        # Below the i-th of K draws lie i/(K + 1) in the mean, not i/K.
        place = (share < level * (1 + 1 / jnp.maximum(size, 1.0))).sum(0)
        return jnp.take_along_axis(ordered, jnp.minimum(place, len(values) - 1)[None], 0)[0]

    return at((1 - interval) / 2), at((1 + interval) / 2)
