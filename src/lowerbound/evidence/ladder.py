"""`log_evidence`: log p(x) of each row, by the first way that can be relied on for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import PRNGKeyArray

from lowerbound.archive.unfinished import Unfinished, fingerprint
from lowerbound.data.chunks import chunks, in_chunks
from lowerbound.data.rows import Rows, checked
from lowerbound.distributions.support import words
from lowerbound.evidence.coordinates import bijection
from lowerbound.evidence.defaults import CHAINS, SAMPLES, STEPS, Method
from lowerbound.evidence.evidence import Evidence
from lowerbound.evidence.rungs import LADDER, RUNGS, Budget, Columns, Constants, Rung, never
from lowerbound.models.draws import few_values
from lowerbound.models.latent_model import LatentModel
from lowerbound.models.once import once_a_model
from lowerbound.models.part import Events
from lowerbound.randomness.keys import as_key
from lowerbound.statistics import RunningMean
from lowerbound.text import counted

__all__ = ["Callback", "Scored", "compiled", "found_by", "ladder", "log_evidence"]

# The shape of a compiled chunk, where none is said: the fastest on a CPU.
_CHUNK_ROWS, _CHUNK_SAMPLES = 32, 80
# Rows that go up the ladder together.
_TOGETHER = 256
# Of those that go on, which are few, so many are computed together: with a fit, and along long chains.
_FEW, _FEW_OF_CHAINS = 8, 2
# Weights of a network whose rows go one by one.
_SMALL = 2**17


class Scored(TypedDict):
    """What a callback is told after every chunk of rows: of how many rows (`of`) so many are done (`rows`);
    the mean `log_prob` of those that are finite, in nats a row, with its `standard_error` over rows; how many
    of them are `not_finite`. At the end these are the figures of the [`Evidence`][]'s finite rows."""

    rows: int
    of: int
    log_prob: float
    standard_error: float
    not_finite: int


Callback = Callable[[Scored], object]


def log_evidence(
    model: LatentModel,
    x: ArrayLike | Rows,
    *,
    method: Method = "auto",
    samples: int = SAMPLES,
    error: float | None = None,
    chains: int = CHAINS,
    steps: int = STEPS,
    key: PRNGKeyArray | int = 0,
    given: ArrayLike | None = None,
    chunk_rows: int = _CHUNK_ROWS,
    chunk_samples: int = _CHUNK_SAMPLES,
    devices: int | None = None,
    callbacks: Sequence[Callback] = (),
    unfinished: str | Path | None = None,
) -> Evidence:
    """log p(x) of each row, in nats, with its standard error.

    An importance estimate is as good as what z is drawn from, and an encoder's q(z∣x) is mostly too narrow:
    the samples that would count most are not met, and then neither the estimate nor its error know of them.
    So each row goes up a ladder (`method="auto"`), to the first rung whose number can be relied on:

    1. `"exact"`, where z has at most 4,096 values: log Σ_z p(x, z).
    2. `"refined"`: a Gaussian of full covariance is fitted to the row's own p(z∣x) from q(z∣x) on
       ([`fitted`][lowerbound.evidence.refined.fitted]), and samples are drawn around it, with some of q(z∣x)
       and of p(z), all weighed by the density of the three together. The fit's noise is apart from that of
       the samples, so that p̂ is without a bias whatever was fitted.
    3. `"refined-annealed"`: 64 short annealed chains from what was fitted; their number has to agree with the
       samples'.
    4. `"annealed"`: long chains from the prior ([`annealed`][lowerbound.evidence.annealing.annealed]), which
       need no posterior and cost a hundred times as much.

    Where nothing can be fitted, for codes of many values and on a sphere, there is `"importance"`, samples of
    q(z∣x) alone (Burda et al. 2016), of which no error can be relied on. `Evidence.method` says where a row
    stands, and `Evidence.reliable` whether that held. What no rung sees is a part of p(z∣x) that neither the
    fit nor the prior's samples meet; [`evidence_sandwich`][lowerbound.evidence.sandwich.evidence_sandwich]
    finds it on rows that the model made.

    Memory is bounded by `chunk_rows` × `chunk_samples` decoded rows, whatever n and K; that of annealed
    chains by `chunk_rows` × chains. A row's noise is a function of (key, the row's content), and its sample j
    of j besides, so that neither the other rows nor the chunks move its number (another chunk size changes
    the order of a float32 sum, no more).

    **Arguments:**

    - `x`: (n, d); `given`: the condition, a row each.
    - `method`: `"auto"`, or the one rung that is taken.
    - `samples`: K a row, at least 2; where they are refined rounded up to tens, and at least 100; with an
      `error`, in nats, no more than it takes until a row's standard error is below it.
    - `chains`, `steps`: chains a row, at least 2, and temperatures of the long way.
    - `key`: a key or a seed.
    - `chunk_rows`, `chunk_samples`: the shape of a compiled chunk, by default the fastest on a CPU.
    - `devices`: how many local devices share the rows, `chunk_rows` for each at a time; by default all.
    - `callbacks`: each is called after some rows with a record of what is done, a [`Scored`][].
    - `unfinished`: a file that keeps the rows that are done while the call runs. Where a call was
      interrupted, the same call goes on where that was; when it is finished the file is removed.

    >>> import jax, numpy as np, lowerbound as lb
    >>> latent, pixels, key = lb.DiagonalGaussian(2), lb.Bernoulli(4), jax.random.key(0)
    >>> model = lb.VAE(
    ...     lb.StandardNormal(2),
    ...     lb.Conditional(lb.MLP(4, latent.size, width=8, key=key), latent),
    ...     lb.Conditional(lb.MLP(2, pixels.size, width=8, key=key), pixels),
    ... )
    >>> everything = np.indices((2, 2, 2, 2)).reshape(4, 16).T
    >>> evidence = lb.log_evidence(model, everything)
    >>> bool(abs(np.exp(evidence.log_prob).sum() - 1) < 0.005)       # the 16 probabilities sum to 1
    True
    >>> evidence.methods, bool(evidence.reliable.all())
    ({'refined': 16}, True)
    """
    rows_of = checked(model, x, given)
    x, given = rows_of.x, rows_of.given
    event = model.event(None if given is None else jnp.asarray(given[0]))
    rungs = ladder(method, event.latent)
    budget = Budget(samples, error, chains, steps, chunk_samples)
    constants = [rung.constants(model, as_key(key), budget) for rung in rungs]
    kept = None if unfinished is None else Unfinished(unfinished, fingerprint(method, constants, x, given))
    done = (kept and kept.read()) or None
    parts: list[Columns] = [] if done is None else [done]
    told = _Told(callbacks, len(x))
    told.add(done)
    count = _local_devices(devices)
    climb = _Climb(list(zip(rungs, constants, strict=True)), chunk_rows, count)
    for part in climb.parts(x, given, told.rows):
        parts.append(part)
        told.add(part)
        if kept is not None and kept.due and told.rows < len(x):
            parts = [_joined(parts)]
            kept.write(parts[0])
        told.tell()
    columns = _joined(parts)
    for name in ("log_prob", "elbo"):
        columns[name][rows_of.impossible] = -np.inf
    if kept is not None:
        kept.finish()
    _, group = np.unique(columns.pop("hash"), axis=0, return_inverse=True)
    method_of_row = np.array([rung.name for rung in rungs])[columns.pop("rung")]
    return Evidence(
        **columns,
        method=method_of_row,
        group=group.reshape(-1),
        dimensions=x.shape[1],
        measure=event.measure,
    )


def ladder(method: Method, latent: Events) -> tuple[Rung, ...]:
    """The rungs that a row with such a z may come to.

    >>> import lowerbound as lb
    >>> from lowerbound.models.part import Events
    >>> [rung.name for rung in ladder("auto", Events(lb.DiagonalGaussian(2).support, 2))]
    ['refined', 'refined', 'refined-annealed', 'annealed']
    >>> [rung.name for rung in ladder("auto", Events(lb.Bernoulli(3).support, 3))]
    ['exact']

    **Raises:** `ValueError` for another method; `TypeError` for one that such a z has not.
    """
    assert latent.support is not None
    assert latent.size is not None
    if method == "auto":
        if few_values(latent.support, latent.size):
            return (RUNGS["exact"],)
        try:
            bijection(latent.support)
        except TypeError:
            return (RUNGS["importance"],)
        return LADDER
    name = method.replace("_", "-")
    if name not in RUNGS:
        raise ValueError(f"method: expected auto, {', '.join(RUNGS)}, found {method!r}")
    if name == "exact" and not few_values(latent.support, latent.size):
        raise TypeError(f'method="exact" sums over every z, and z is {words(latent.support)}: too many')
    if name not in ("exact", "importance"):
        bijection(latent.support)
    return (RUNGS[name],)


class _Climb:
    """Rows up the ladder: those of which a rung's number does not hold go on to the next."""

    def __init__(self, rungs: Sequence[tuple[Rung, Constants]], chunk_rows: int, devices: int):
        self.rungs, self.chunk_rows, self.devices = rungs, chunk_rows, devices

    def parts(self, x: np.ndarray, given: np.ndarray | None, start: int) -> Iterator[Columns]:
        """Some rows after the other, from row `start` on."""
        (first, constants), *higher = self.rungs
        if first.fit is None and not higher:
            rows, shape = (x, given, None), {"chunk": self.chunk_rows, "devices": self.devices}
            for found in chunks(first.program, constants, rows, start=start, **shape):
                yield _numbered(first.judged(found, constants.plan), 0)
            return
        together = max(_TOGETHER, self.chunk_rows * self.devices)
        for begin in range(start, len(x), together):
            some = slice(begin, begin + together)
            yield self._climbed(x[some], None if given is None else given[some])

    def _climbed(self, x: np.ndarray, given: np.ndarray | None) -> Columns:
        (first, constants), *higher = self.rungs
        rows: Any = (x, given, None)
        if first.fit is not None:
            rows = (x, given, self._through(first.fit, constants, rows))
        found = self._through(first.program, constants, rows)
        columns = _numbered(first.judged(found, constants.plan), 0)
        left, fitting = np.arange(len(x)), first.fit
        for number, (rung, constants) in enumerate(higher, 1):
            # Where every weight was 0 there is nothing to climb to.
            on = np.flatnonzero(~columns["reliable"][left] & np.isfinite(columns["log_prob"][left]))
            if not len(on):
                break
            left, rows = left[on], jax.tree.map(lambda leaf, on=on: leaf[on], rows)
            if rung.fit is None:
                rows = (*rows[:2], None)
            elif rung.fit is not fitting:
                fitting, rows = rung.fit, (*rows[:2], self._through(rung.fit, constants, rows, _FEW))
            few = _FEW_OF_CHAINS if rung.fit is None else _FEW
            before = {name: column[left] for name, column in columns.items()}
            found = self._through(rung.program, constants, rows, few)
            judged = _numbered(rung.judged(found, constants.plan, before), number)
            for name in set(judged) - _OF_Q:
                columns[name][left] = judged[name]
        return columns

    def _through(
        self, program: Callable[..., Any], constants: Constants, rows: Any, few: int | None = None
    ) -> Any:
        chunk = min(few or self.chunk_rows, self.chunk_rows)
        together = _together(constants.model)
        return in_chunks(program, constants, rows, chunk=chunk, together=together, devices=self.devices)


@once_a_model
def _together(model: LatentModel) -> int:
    """How many rows are computed together on a CPU. Rows of a large network go one by one, each with many
    samples, so that one alone costs what it costs; of a small one, where each operation takes longer to begin
    than to do, many cost no more than one."""
    weights = sum(leaf.size for leaf in jax.tree.leaves(model) if isinstance(leaf, jax.Array | np.ndarray))
    return 1 << max(_SMALL // max(weights, 1), 1).bit_length() - 1


def _numbered(columns: Columns, rung: int) -> Columns:
    return columns | {"rung": np.full(len(columns["log_prob"]), rung, np.uint8)}


# What is of q(z∣x) is taken from the first rung, which draws from it.
_OF_Q = {"elbo", "distortion", "hash"}


def found_by(methods: Mapping[str, int], samples: int) -> str:
    """How the numbers of some rows were found, in words; `methods`: of how many by each.

    >>> found_by({"refined": 359, "annealed": 1}, 3000)
    'samples around a posterior fitted to each row (359 rows, 3,000 samples each); annealed chains from the \
prior (1 row)'
    """
    words = []
    for name, rows in sorted(methods.items(), key=lambda item: -item[1]):
        each = f", {samples:,} samples each" if name in ("refined", "importance") else ""
        words.append(f"{RUNGS[name].words} ({counted(rows, 'row')}{each})")
    return "; ".join(words)


def _joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _local_devices(devices: int | None) -> int:
    local = jax.local_device_count()
    if devices is not None and not 1 <= devices <= local:
        raise ValueError(f"devices: expected 1 to {local}, found {devices}")
    return devices or local


class _Told:
    """What callbacks are told of the rows that are done; running sums, so that no row is looked at twice."""

    def __init__(self, callbacks: Sequence[Callback], of: int):
        self.callbacks, self.of, self.rows, self.finite = callbacks, of, 0, RunningMean()

    def add(self, columns: Columns | None) -> None:
        if columns is not None:
            log_prob, elbo = columns["log_prob"], columns["elbo"]
            self.rows += len(log_prob)
            self.finite.add(log_prob[np.isfinite(log_prob) & np.isfinite(elbo)].astype(float))

    def tell(self) -> None:
        for callback in self.callbacks:
            callback(
                Scored(
                    rows=self.rows,
                    of=self.of,
                    log_prob=self.finite.mean,
                    standard_error=self.finite.standard_error,
                    not_finite=self.rows - self.finite.count,
                )
            )


def compiled(
    model: LatentModel,
    x: ArrayLike | Rows,
    *,
    method: Method = "auto",
    samples: int = SAMPLES,
    error: float | None = None,
) -> None:
    """Compile, or read from a cache, every program that [`log_evidence`][] with these arguments may come to,
    whatever the rows: those of `x` go up the whole ladder, as if no number held."""
    rows = checked(model, x)
    budget = Budget(samples, error, CHAINS, STEPS, _CHUNK_SAMPLES)
    rungs = [
        (replace(rung, holds=never), rung.constants(model, as_key(0), budget))
        for rung in ladder(method, model.event().latent)
    ]
    for _ in _Climb(rungs, _CHUNK_ROWS, _local_devices(None)).parts(rows.x, rows.given, 0):
        pass
