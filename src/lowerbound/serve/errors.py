"""The one shape that every refusal of the service has, whatever raised it."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import orjson

from lowerbound.data.errors import DataError

__all__ = ["CODES", "Refused", "of_data"]

# Every code there is, with its HTTP status and what it means.
CODES: Final = {
    "bad_json": (400, "The body is no JSON: a syntax error, NaN or Infinity, or text that is not UTF-8."),
    "too_deep": (400, "Lists and records stand in each other too deep."),
    "bad_request": (400, "The request is not one of HTTP's, or its headers contradict each other."),
    "bad_array": (400, "The body is no whole .npy array, or none of numbers."),
    "bad_table": (400, "The body is no whole Arrow stream, or not of one value a cell."),
    "unauthorized": (401, "The token is missing, or is not this server's."),
    "not_found": (404, "There is no such route."),
    "method_not_allowed": (405, "The route takes another method."),
    "not_acceptable": (406, "The answer has no form of the types that `Accept` names."),
    "slow_head": (408, "The head of the request did not arrive in time."),
    "slow_body": (408, "The body did not arrive in time."),
    "no_calibration": (409, "The run has no calibration rows, which p-values are ranks among."),
    "not_possible": (409, "The model has no answer of this kind."),
    "too_large": (413, "More bytes than a body may have."),
    "unsupported_type": (415, "The body is of a type that is not read."),
    "wrong_host": (421, "The Host header names no host that this server answers for."),
    "missing_field": (422, "A field that is needed is missing."),
    "unknown_field": (422, "There is a field that the route does not have."),
    "wrong_type": (422, "A value is of another type than is expected."),
    "out_of_range": (422, "A value lies outside what is allowed."),
    "wrong_width": (422, "A row or a code has another number of values than the model."),
    "missing_column": (422, "A row lacks a column."),
    "unknown_column": (422, "A row has a column that the model has not."),
    "unknown_level": (422, "A category has a level that the model never saw."),
    "wrong_value": (422, "A value is none that its column can have."),
    "too_many_rows": (422, "More rows or codes than one request may have."),
    "too_many_samples": (422, "More samples than one request may ask for."),
    "too_many_steps": (422, "More steps than one request may ask for."),
    "internal": (500, "The server failed; the reason is in its log."),
    "starting": (503, "The programs are being compiled."),
    "overloaded": (503, "What is waiting already takes longer than this request has."),
    "too_slow": (503, "The answer took longer than a request has."),
    "stopping": (503, "The server is about to stop."),
}


class Refused(Exception):  # noqa: N818  # as DataError says what is wrong, this says what becomes of it
    """A request that is not served: by its `code` of [`CODES`][lowerbound.serve.errors.CODES], in words, and,
    where they are known, the `field` as a path in the request, what was `expected` there and what was
    `found`; with 503 after how many seconds to come again.

    >>> error = Refused("unknown_column", "a row has a column that the model has not", "rows[3].aeg",
    ...                 "one of age, income", "aeg")
    >>> error.status, orjson.loads(error.body())["error"]["field"]
    (422, 'rows[3].aeg')
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        field: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.code, self.status = code, CODES[code][0]
        self.message = message or CODES[code][1]
        self.field, self.expected, self.found = field, expected, found
        self.retry_after = 1.0 if retry_after is None and self.status == 503 else retry_after
        super().__init__(self.message)

    def body(self, *, flat: bool = False) -> bytes:
        """The answer's body, JSON in UTF-8; `flat` as the Open Inference Protocol has it, in which `error` is
        the message, and the other parts stand beside it."""
        words = {name: _shown(getattr(self, name)) for name in ("message", "field", "expected", "found")}
        if flat:
            return orjson.dumps({"error": words.pop("message"), "code": self.code, **words})
        return orjson.dumps({"error": {"code": self.code, **words}})

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What the answer's head says besides."""
        said = []
        if self.retry_after is not None:
            said.append((b"retry-after", str(max(1, math.ceil(self.retry_after))).encode()))
        if self.status == 401:
            said.append((b"www-authenticate", b"Bearer"))
        return said

    def within(self, place: str) -> Refused:
        """The same of a value that stands at a place of the request."""
        field = place if self.field is None else f"{place}{self.field}"
        return Refused(self.code, self.message, field, self.expected, self.found, self.retry_after)

    def moved(self, rows: int) -> Refused:
        """The same of a row that stands so many further on, `[3].age` as `[13].age`."""
        place = re.match(r"\[(\d+)\]", self.field or "")
        if place is None or not self.field:
            return self
        field = f"[{int(place[1]) + rows}]{self.field[place.end() :]}"
        message = self.message.replace(f"row {place[1]}", f"row {int(place[1]) + rows}")
        return Refused(self.code, message, field, self.expected, self.found, self.retry_after)


# Of what was found no more is shown.
_LONGEST = 200


def _shown(words: str | None) -> str | None:
    """Text as UTF-8 has it, without lone surrogates, and not endless."""
    if words is None:
        return None
    plain = words.encode("utf-8", "replace").decode()
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


def of_data(error: DataError, field: str = "rows", code: str = "wrong_value") -> Refused:
    """The refusal of data that the library would not have, by its typed parts.

    >>> from lowerbound.data.errors import Place
    >>> refused = of_data(DataError("x", "whole numbers", "2.5", Place(3, "age"), "round it"))
    >>> refused.field, refused.expected, refused.found
    ('rows[3].age', 'whole numbers', '2.5')
    """
    row, column = error.place
    place = field if row is None else f"{field}[{row}]"
    if column is not None:
        place += f"[{column}]" if isinstance(column, int) else f".{column}"
    found: Any = "null" if error.found == "nan" else error.found
    where = f" in {error.place}" if str(error.place) else ""
    return Refused(code, f"expected {error.expected}, found {found}{where}", place, error.expected, found)
