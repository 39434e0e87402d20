"""A service called from Python, with the verbs of the estimator."""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Self

import numpy as np

from lowerbound.data.errors import DataError
from lowerbound.data.settled import holes_in
from lowerbound.data.tables import Columns, columns_of, table_like
from lowerbound.estimator.filled import filled_frame, indexed
from lowerbound.estimator.frames import float_type
from lowerbound.serve.calls import Calls
from lowerbound.serve.media_types import ARROW, JSON, NPY
from lowerbound.serve.wire import array_in, bytes_of_array, bytes_of_table, columns_in

__all__ = ["Client"]


class Client:
    """The service at `url`, with the verbs of the [`VariationalAutoencoder`][]: arrays in, arrays out, and
    frames of pandas, polars and pyarrow in, such frames out. The numbers are those that the run gives in
    Python.

    **Arguments:**

    - `token`: the service's own, where it has one.
    - `timeout`: seconds that a request may take. A service that is starting, or has too much to do, is asked
      again within them, after the pause that it names.
    - `rows`: how many rows a request takes; more are sent in several, which changes no row's number.

    **Raises**, by a verb: [`DataError`][lowerbound.data.errors.DataError] for rows that the service refuses,
    with the place of the cell; `ValueError` for another wrong call; `PermissionError` for a wrong token;
    `TimeoutError`; `ConnectionError` where no service answers.

    >>> client = Client("http://127.0.0.1:8000", timeout=5)  # nothing is sent yet
    >>> client.close()
    """

    def __init__(
        self, url: str, token: str | None = None, *, timeout: float = 30.0, rows: int = 1000
    ) -> None:
        self._calls = Calls(url, token, timeout)
        self.rows = rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._calls.close()

    def wait(self, seconds: float = 600.0) -> Self:
        """The client, when the service is ready: one that was just started compiles its programs first."""
        self._calls.wait(seconds)
        return self

    @cached_property
    def card(self) -> Mapping[str, Any]:
        """What the service says of its model: columns, parts, evidence with its errors, provenance."""
        card: Mapping[str, Any] = self._calls.get("/model")
        return card

    def transform(self, X: Any) -> np.ndarray:
        """The posterior means E[z∣x], (n, latent_dim)."""
        read = columns_of(X, "X")
        return self._arrays("/encode", read).astype(float_type(read))

    def inverse_transform(self, Z: Any) -> Any:
        """The likelihood means E[x∣z], in the data's own units; of a table with categories a frame, with the
        most probable level of each."""
        read = columns_of(np.asarray(Z), "Z")
        if not self.card["numeric"]:
            return indexed(self._frame(self._frames("/decode", read)), Z)
        return self._arrays("/decode", read).astype(float_type(read))

    def reconstruct(self, X: Any) -> Any:
        """`inverse_transform(transform(X))`, of a frame of pandas with its index."""
        return indexed(self.inverse_transform(self.transform(X)), X)

    def score_samples(self, X: Any) -> np.ndarray:
        """log p(x) of each row, (n,), in nats; −∞ where the model has no mass."""
        return self._scored(X)["log_prob"].astype(np.float64)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of log p(x) over rows, in nats a row."""
        return float(self.score_samples(X).mean())

    def scores(self, X: Any) -> Any:
        """log p(x) of each row with all that is known of it, a frame: `log_prob` and its `standard_error`, in
        nats, `effective_sample_size`, `k_hat`, `method`, whether the error is `reliable`, and why a row is
        `outside` of what the model has mass on."""
        columns = self._scored(X)
        form = columns_of(X, "X").form
        table = table_like("pyarrow" if form == "array" else form, [*columns], [*columns.values()])
        return indexed(table, X)

    def p_values(self, X: Any) -> np.ndarray:
        """The conformal p-value of each row, (n,), among the calibration rows of the run."""
        return self._arrays("/p_values", columns_of(X, "X"))

    def surprise(self, X: Any) -> np.ndarray:
        """−log p(xⱼ∣x_rest) of each column given the others, (n, columns), in nats; NaN where a value is
        missing, 0 of a column that is left out."""
        nats = self._arrays("/surprise", columns_of(X, "X"))
        encoded = [column["encoded"] for column in self.card["columns"]]
        if not encoded or all(encoded):
            return nats
        by_column = np.zeros((len(nats), len(encoded)), nats.dtype)
        by_column[:, np.flatnonzero(encoded)] = nats
        return by_column

    def sample(
        self,
        n_samples: int = 1,
        *,
        given: Mapping[str, Any] | None = None,
        mean: bool = False,
        random_state: int | None = None,
    ) -> Any:
        """Generated observations, others at every call unless `random_state`, a whole number, is given; with
        `mean` the likelihood's means; with `given`, {"income": ">50K"}, rows that have these values."""
        asked = {"count": n_samples, "given": given, "mean": mean, "seed": random_state}
        if not self.card["numeric"]:
            return self._frame(columns_in(self._calls.ask("/sample", asked, ARROW)))
        drawn = array_in(self._calls.ask("/sample", asked, NPY))
        return drawn if given is None else drawn.astype(np.float64)

    def impute(
        self, X: Any, *, draws: int | None = None, mean: bool = False, random_state: int | None = None
    ) -> Any:
        """X with its missing values drawn from p(x_missing∣x_observed), `draws` times, (draws, n, d) or as
        many frames, where that is given; with `mean`, at their conditional means and most probable levels."""
        read, count = columns_of(X, "X"), 0 if mean else draws or 1
        seed = {} if random_state is None else {"seed": random_state}
        parts = []
        for part, body in self._answers("/impute", read, ARROW, draws=count, **seed):
            found = columns_in(body)
            starts = range(0, found.length, part.length)
            parts.append([found.of_rows(slice(start, start + part.length)) for start in starts])
        tables = [self._completed(X, read, _joined([*draw])) for draw in zip(*parts, strict=True)]
        if mean or draws is None:
            return tables[0]
        return np.stack(tables) if read.form == "array" else tables

    def interpolate(self, a: Any, b: Any, steps: int = 9) -> tuple[np.ndarray, Any]:
        """Codes on the way from the code `a` to the code `b`, (steps, latent_dim), and the rows there."""
        return self._path("/interpolate", {"from": _code(a), "to": _code(b), "steps": steps})

    def traverse(
        self, code: Any, dimension: int = 0, low: float = -3.0, high: float = 3.0, steps: int = 9
    ) -> tuple[np.ndarray, Any]:
        """Codes along one dimension through `code`, (steps, latent_dim), and the rows there."""
        way = {"dimension": dimension, "low": low, "high": high, "steps": steps}
        return self._path("/traverse", {"code": _code(code), **way})

    def _path(self, path: str, asked: Mapping[str, Any]) -> tuple[np.ndarray, Any]:
        codes = np.array(json.loads(self._calls.ask(path, asked, JSON))["codes"])
        return codes, self.inverse_transform(codes)

    def _scored(self, X: Any) -> dict[str, np.ndarray]:
        found = self._frames("/score", columns_of(X, "X"))
        return dict(zip(found.names or (), found.arrays, strict=True))

    def _completed(self, X: Any, read: Columns, found: Columns) -> Any:
        """X with what was found in the place of its holes; all else is its own."""
        holes = [holes_in(column) for column in read.arrays]
        if read.form == "array" and not self.card["numeric"]:
            return self._frame(found)
        if read.form == "array":
            pairs = zip(holes, found.arrays, read.arrays, strict=True)
            return np.stack([np.where(*each) for each in pairs], axis=1).astype(float_type(read))
        own, known = read.names or (), found.names or ()
        both = [name for name in known if name in own] if self.card["rows_are"] == "records" else own
        columns = [found.arrays[known.index(name) if name in known else own.index(name)] for name in both]
        places = [own.index(name) for name in both]
        like = X if hasattr(X, "columns") else table_like(read.form, own, [*read.arrays])
        return filled_frame(like, read.form, places, columns, [holes[place] for place in places])

    def _frame(self, found: Columns) -> Any:
        """Columns as a frame of the kind that the model was fitted to."""
        return table_like(self.card["form"], found.names or (), [*found.arrays], found.declared)

    def _arrays(self, path: str, read: Columns) -> np.ndarray:
        """The array that answers rows."""
        return np.concatenate([array_in(body) for _, body in self._answers(path, read, NPY)])

    def _frames(self, path: str, read: Columns) -> Columns:
        """The table that answers rows."""
        return _joined([columns_in(body) for _, body in self._answers(path, read, ARROW)])

    def _answers(
        self, path: str, read: Columns, answer: str, **query: Any
    ) -> Iterator[tuple[Columns, bytes]]:
        """Rows as many at once as a request takes, and the answers to them; of none there is one too, so that
        they are refused as such."""
        for start in range(0, max(read.length, 1), self.rows):
            part = read.of_rows(slice(start, start + self.rows))
            try:
                yield part, self._sent(path, part, answer, query)
            except DataError as error:
                raise error.moved(partial(operator.add, start)) from None

    def _sent(self, path: str, rows: Columns, answer: str, query: Mapping[str, Any]) -> bytes:
        """The answer to rows: those of an array go as such, others as a table."""
        if isinstance(rows.arrays, np.ndarray):
            return self._calls.post(path, bytes_of_array(rows.arrays.T), NPY, answer, query)
        names = rows.names or tuple(f"x{place}" for place in range(rows.width))
        table = table_like("pyarrow", names, [*rows.arrays], rows.declared)
        return self._calls.post(path, bytes_of_table(table), ARROW, answer, query)


def _joined(parts: list[Columns]) -> Columns:
    """Tables of the same columns, one after the other."""
    if len(parts) == 1:
        return parts[0]
    arrays = [np.concatenate(each) for each in zip(*(part.arrays for part in parts), strict=True)]
    return replace(parts[0], arrays=arrays)


def _code(code: Any) -> list[float]:
    return [float(value) for value in np.asarray(code).ravel()]
