"""Search in latent space: ask a method for codes, decode them, score their rows, tell the method."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, is_dataclass
from types import FunctionType
from typing import Any

import numpy as np
from numpyro.distributions import constraints

from lowerbound.archive.unfinished import fingerprint
from lowerbound.data.rows import checked
from lowerbound.data.schema import Schema
from lowerbound.distributions.support import same_support, words
from lowerbound.inference.codes import decode, encode
from lowerbound.inference.fingerprints import digest_of, fingerprints
from lowerbound.inference.sampling import sample
from lowerbound.models.latent_model import LatentModel
from lowerbound.parts import nearest, part
from lowerbound.randomness.keys import as_key
from lowerbound.searching.decoded import Decoded
from lowerbound.searching.found import Found
from lowerbound.searching.log import Call, Log
from lowerbound.searching.mass import Mass
from lowerbound.searching.method import Method, Slope, Space
from lowerbound.searching.scores import BlackBox, ColumnMean, Score
from lowerbound.subject import Subject

__all__ = ["search"]

# What begins with a space: a method.
Begun = Callable[[Space, int, np.random.Generator], Method]


def search(
    vae: Any,
    score: Callable[[Any], Any] | str,
    *,
    calls: int = 1000,
    method: str | type[Method] = "bayesian",
    data: Any = None,
    batch: int = 20,
    start: int | None = None,
    columns: str | Sequence[str] | None = None,
    minimize: bool = False,
    quantile: float = 0.99,
    log: str | os.PathLike[str] | None = None,
    random_state: int = 0,
    callbacks: Sequence[Callable[[int, float], object]] = (),
) -> Found:
    """Search the latent space of a model for codes z whose decoded rows score high.

    **Arguments:**

    - `vae`: a model, a fitted estimator, a run or the name of its folder, over a latent space of real
      numbers.
    - `score`: what is to be large. A Python function, a black box: it is handed a table of some decoded rows,
      of the kind that trained the model (an array (n, d), or a frame of pyarrow, pandas or polars, each
      column in its own type and unit; text is text), and gives a number a row, NaN where a row is worth
      nothing. Or the name of a column of numbers: its mean given z, E[x_c∣z], under the likelihood, whose
      gradient is known.
    - `calls`: how many rows are scored at most. Every row that is scored counts, those that a method begins
      with too; a row equal to one that was scored is not scored again, and costs no call.
    - `method`: one of `lowerbound.parts.names("search")`: `bayesian`
      ([`Bayesian`][lowerbound.searching.bayesian.Bayesian]), `evolution`, `gradient`, and what these have to
      beat, `random` (codes of the prior) and `screening` (rows of the data, without a model); or a
      [`Method`][lowerbound.searching.method.Method] of your own, a class.
    - `data`: rows, for where codes have mass and where a method begins; by default 2,000 that the model draws
      itself. A model of a run or an estimator finds their columns by name.
    - `batch`: how many codes a method is asked for, and rows are scored, at once.
    - `start`: how many rows of the data, decoded from their codes, a method begins with; by default a fifth
      of the calls.
    - `columns`: the columns that the score is a function of, by name: the table that it is handed has these
      alone, and rows that agree in them are equal.
    - `minimize`: search for rows that score low.
    - `quantile`: of codes of data rows, the share that lies within the limit on −log q(z); no code beyond it
      is decoded ([`Mass`][lowerbound.searching.mass.Mass]).
    - `log`: a file of JSON lines in which each call is kept. A search that was stopped goes on with the same
      file, makes no call twice, and finds the same to the bit, where the score is a function of the row
      alone; with more `calls` (and the same `start`) a search that ended goes on. Of a function the log knows
      the name alone, and of a model that is made of Python functions it is the log in one process.
    - `random_state`: a whole number; all randomness follows from it. `callbacks`: each is called with the
      number of calls made and the best score, after every batch.

    A search ends before `calls` where a method finds no new row in 20 batches, or the data has no more.

    **Raises:** `ValueError` for a latent space that is not of real numbers, a conditional model, a column
    that there is not, `screening` without `data`, fewer than 4 rows, and a log of another search;
    `ImportError` for `evolution` without `cma` (`pip install 'lowerbound[search]'`).

    >>> import numpy as np, lowerbound as lb
    >>> from lowerbound.assembly import build
    >>> x = np.random.default_rng(0).normal(size=(100, 3))
    >>> model = build(x, latent_dim=2, width=4).model
    >>> found = lb.search(model, lambda rows: -((rows - 0.1) ** 2).sum(1), calls=60, data=x)
    >>> found.rows.shape, found.calls, bool((found.nats <= found.limit).all())
    ((60, 3), 60, True)
    """
    subject = Subject.of(vae)
    model, schema = subject.model, _schema_of(subject)
    _check(model, calls=calls, batch=batch, quantile=quantile, start=start)
    only = None if columns is None else (columns,) if isinstance(columns, str) else tuple(columns)
    _check_columns(only, schema)
    scored: Score = ColumnMean.of(model, schema, score) if isinstance(score, str) else BlackBox(score)
    begun: Begun = part(method, "search") if isinstance(method, str) else method
    called = method if isinstance(method, str) else method.__name__
    if data is None and called == "screening":
        raise ValueError("data: expected rows, which screening scores; found none")
    x = checked(model, sample(model, _DRAWN, key=random_state) if data is None else subject.rows(data).rows).x
    start = min(calls // 5 if start is None else start, len(x))
    header = {
        "method": called,
        "score": score if isinstance(score, str) else _called(score),
        "model": fingerprint(model),
        "data": digest_of(fingerprints(x)),
        "columns": None if only is None else list(only),
        "batch": batch,
        "start": start,
        "minimize": minimize,
        "quantile": quantile,
        "random_state": random_state,
    }
    kept = Log(header, log)
    scores: dict[str, float] = {}
    space = Space(
        model,
        *_space(model, x, quantile, random_state, most=max(calls, 2 * _ROWS)),
        keys=lambda z: Decoded(decode(model, z), schema, only).keys,
        scored=scores,
        slope=_slope(scored, minimize),
    )
    chosen = begun(space, batch, np.random.default_rng(random_state))
    searched = _Search(space, schema, only, scored, -1.0 if minimize else 1.0, calls, kept, callbacks, scores)
    searched.run(chosen, start if chosen.begins else 0, batch)
    return searched.found(called)


# Rows that a model draws for its own aggregate posterior; rows of the data whose posteriors say where it has
# mass, at most, and as many others for the limit; batches without a new row that end a search.
_DRAWN, _ROWS, _IDLE = 2000, 1000, 20


@dataclass
class _Search:
    """A search as it goes: what was scored, by the keys of rows, in the order of the calls."""

    space: Space
    schema: Schema | None
    only: tuple[str, ...] | None
    score: Score
    sign: float
    most: int
    log: Log
    callbacks: Sequence[Callable[[int, float], object]]
    scores: dict[str, float]
    z: list[np.ndarray] = field(default_factory=list)
    x: list[np.ndarray] = field(default_factory=list)

    def run(self, method: Method, start: int, batch: int) -> None:
        """Ask, decode, score, tell, until there are no calls left, or nothing new."""
        for first in range(0, start, batch):
            z = self.space.codes[first : min(first + batch, start)]
            method.tell(z, self._scored(z, method))
        idle = 0
        while len(self.scores) < self.most and idle < _IDLE:
            before, z = len(self.scores), method.ask()
            if not len(z):
                return
            method.tell(z, self._scored(z, method))
            idle = idle + 1 if len(self.scores) == before else 0

    def _scored(self, z: np.ndarray, method: Method) -> np.ndarray:
        """The scores of codes, of their rows, large ones good: NaN beyond the limit, and when there are no
        calls left."""
        asked = np.arange(len(z)) if method.of_data else np.flatnonzero(self.space.mass.inside(z))
        told = np.full(len(z), np.nan)
        if not len(asked):
            return told
        z, x = z[asked], method.rows(z)[asked]
        rows = Decoded(x, self.schema, self.only)
        keys = rows.keys
        places = {key: place for place, key in reversed([*enumerate(keys)]) if key not in self.scores}
        new = sorted(places.values())[: self.most - len(self.scores)]
        self._call([keys[place] for place in new], z[new], rows[new])
        self.z += [*z[new]]
        self.x += [*x[new]]
        told[asked] = [self.sign * self.scores.get(key, np.nan) for key in keys]
        self._tell()
        return told

    def _call(self, keys: Sequence[str], z: np.ndarray, rows: Decoded) -> None:
        """Score new rows: out of the log as far as it has them, the others by calls."""
        first = len(self.scores)
        known = [self.log.score_of(first + i, key) for i, key in enumerate(keys)]
        found = [score for score in known if score is not None]
        new = np.arange(len(found), len(keys))
        if len(new):
            scores = self.score(z[new], rows[new]).tolist()
            codes = map(tuple, z[new].astype(float).tolist())
            self.log.add([Call(*call) for call in zip(keys[len(found) :], scores, codes, strict=True)])
            found += scores
        self.scores |= dict(zip(keys, found, strict=True))

    def _tell(self) -> None:
        signed = self.sign * np.array([*self.scores.values(), np.nan])
        best = self.sign * (np.nanmax(signed) if np.isfinite(signed).any() else np.nan)
        for callback in self.callbacks:
            callback(len(self.scores), float(best))

    def found(self, method: str) -> Found:
        """What was scored, best first."""
        d, k = self.space.codes.shape[1], self.space.x.shape[1]
        scores = np.array([*self.scores.values()], np.float64)
        order = np.argsort(-self.sign * scores, kind="stable")  # NaN last
        z, x = np.array(self.z).reshape(-1, d)[order], np.array(self.x).reshape(-1, k)[order]
        rows = Decoded(x, self.schema)
        mass = self.space.mass
        return Found(rows, z, scores[order], order + 1, mass.nats(z), mass.limit, method, self.sign < 0)


def _called(score: Callable[[Any], Any]) -> str:
    """What a function is called: its name, the fields of a record, or a class."""
    if isinstance(score, FunctionType):
        return f"{score.__module__}.{score.__qualname__}"
    return repr(score) if is_dataclass(score) else type(score).__qualname__


def _schema_of(subject: Subject) -> Schema | None:
    return subject.schema if subject.folder is None else subject.folder.schema


def _check(model: LatentModel, *, calls: int, batch: int, quantile: float, start: int | None) -> None:
    """Whether there is a latent space to search, and numbers to search it by."""
    if model.takes_given:
        raise ValueError("search: expected a model without a condition, found one that is given one")
    latent = model.event().latent
    if latent.support is None or not same_support(latent.support, constraints.real_vector):
        found = "another" if latent.support is None else words(latent.support)
        raise ValueError(f"search: expected a latent space of real numbers, found {found}")
    for name, value, least in (("calls", calls, 1), ("batch", batch, 1), ("start", start, 1)):
        if value is not None and (not isinstance(value, int) or value < least):
            raise ValueError(f"{name}: expected a whole number of at least {least}, found {value!r}")
    if not 0 < quantile <= 1:
        raise ValueError(f"quantile: expected a share above 0, at most 1, found {quantile!r}")


def _check_columns(only: tuple[str, ...] | None, schema: Schema | None) -> None:
    for name in only or ():
        if schema is None:
            raise ValueError("columns: names columns, and this model knows of no table")
        if name not in schema.names:
            raise ValueError(f"columns: no column {name!r}; {nearest(name, schema.names)}")


def _slope(score: Score, minimize: bool) -> Slope | None:
    if not isinstance(score, ColumnMean):
        return None
    return (lambda z: -score.slope(z)) if minimize else score.slope


def _space(
    model: LatentModel, x: np.ndarray, quantile: float, seed: int, most: int
) -> tuple[Mass, np.ndarray, np.ndarray, np.ndarray]:
    """Of rows of the data where their codes have mass; at most so many of them and their codes, in an order
    drawn at random; the scale of each dimension."""
    if len(x) < _FEWEST:
        raise ValueError(f"data: expected at least {_FEWEST} rows, found {len(x)}")
    random, key = np.random.default_rng([seed, 1]), as_key(seed)
    chosen = np.asarray(x[random.permutation(len(x))[:most]])
    order, some = random.permutation(len(chosen)), min(_ROWS, len(chosen) // 2)
    posteriors, others = chosen[order[:some]], chosen[order[some : some + _ROWS]]
    mass = Mass.of(model, posteriors, others, len(x), quantile=quantile, key=key)
    scale = np.maximum(mass.sample(_ROWS, random).std(0), 1e-6)
    return mass, chosen, encode(model, chosen, key=key), scale


# Half of them say where codes have mass, and half how much.
_FEWEST = 4
