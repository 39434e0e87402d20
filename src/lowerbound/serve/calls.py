"""Calls of a service: tries within a time, and refusals as the errors that Python has for them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from lowerbound.data.errors import DataError, Place
from lowerbound.serve.media_types import JSON

__all__ = ["Calls", "refusal"]

# Refusals of a moment: what is asked again may be answered.
_FOR_NOW = frozenset({"starting", "overloaded", "stopping"})


class Calls:
    """A service at `url`, called so long as `timeout` seconds, tries included.

    **Raises:** `ValueError` for what is no URL of HTTP.
    """

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        import httpx

        if not re.match(r"https?://[^/]", url):
            raise ValueError(f"url: expected one such as http://127.0.0.1:8000, found {url!r}")
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.url, self.timeout = url, timeout
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout)

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def wait(self, seconds: float) -> None:
        """Return when the service is ready, which may not listen yet.

        **Raises:** `ConnectionError`, `TimeoutError` where it is not within so many seconds.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                self.get("/ready")
                return
            except (ConnectionError, TimeoutError):
                if time.monotonic() > end:
                    raise
            time.sleep(0.2)

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        return self._answer("GET", path, {}, None, {}).json()

    def post(self, path: str, body: bytes, kind: str, answer: str, query: Mapping[str, Any]) -> bytes:
        """The body of the answer of a type, to a body of a type."""
        headers = {"Content-Type": kind, "Accept": answer}
        return self._answer("POST", path, headers, body, query).content

    def ask(self, path: str, asked: Mapping[str, Any], answer: str) -> bytes:
        """The answer, of a type, to a record of fields."""
        return self.post(path, json.dumps(asked, default=_of_json).encode(), JSON, answer, {})

    def _answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, query: Mapping[str, Any]
    ) -> Any:
        """An answer of 200; one that is refused for now is asked for again when its Retry-After is over, if
        there is time."""
        import httpx

        end = time.monotonic() + self.timeout
        while True:
            try:
                found = self._http.request(
                    method,
                    path,
                    headers=headers,
                    content=body,
                    params=query or None,
                    timeout=max(end - time.monotonic(), 0.001),
                )
            except httpx.TimeoutException:
                raise TimeoutError(f"{self.url}: no answer in {self.timeout:g} s") from None
            except httpx.TransportError as error:
                raise ConnectionError(f"{self.url}: no answer ({error})") from None
            if found.status_code == 200:
                return found
            told = _told(found)
            pause = _seconds(found.headers.get("retry-after"))
            if told.get("code") not in _FOR_NOW or time.monotonic() + pause > end:
                raise refusal(self.url, found.status_code, told)
            time.sleep(pause)


def refusal(url: str, status: int, error: Mapping[str, Any]) -> Exception:
    """A refusal as an exception: what is wrong with the data is a
    [`DataError`][lowerbound.data.errors.DataError] that knows its place, another wrong request a
    `ValueError`, a token or a host that is not the service's a `PermissionError`, an answer that takes too
    long a `TimeoutError`, and what the service is to blame for a `ConnectionError`.

    >>> error = {"message": "…", "field": "rows[3].age", "expected": "a number", "found": "'old'"}
    >>> refused = refusal("http://localhost", 422, error)
    >>> print(refused)
    X: expected a number, found 'old' in row 3, column 'age'
    >>> refused.place.row
    3
    """
    message = error.get("message") or f"status {status}"
    field, expected, found = (error.get(name) for name in ("field", "expected", "found"))
    if status in (401, 403, 421):
        return PermissionError(f"{url}: {message}")
    if status in (408, 503, 504):
        return TimeoutError(f"{url}: {message}")
    if status >= 500:
        return ConnectionError(f"{url}: {message}")
    place = None if field is None else _place(field)
    if place is not None and expected is not None:
        return DataError("X", expected, found or "none", place)
    where = f" ({field})" if field else ""
    return ValueError(f"{url}: {message}{where}")


def _of_json(value: Any) -> Any:
    """What JSON has for a value: of NumPy's their Python's, of dates and times ISO 8601."""
    return value.isoformat() if hasattr(value, "isoformat") else value.item()


def _place(field: str) -> Place | None:
    """The cell that a field is, such as `rows[3].age` or `codes[0][2]`; None of another field."""
    found = re.fullmatch(r"(?:rows|codes)\[(\d+)\](?:\[(\d+)\]|\.(.+))?", field, re.S)
    if found is None:
        return None
    row, number, name = found.groups()
    return Place(int(row), int(number) if number is not None else name)


def _told(found: Any) -> Mapping[str, Any]:
    """What an answer says of itself: of a proxy, which has another shape, its status alone."""
    try:
        error = found.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = None
    code = "overloaded" if found.status_code == 503 and "retry-after" in found.headers else None
    return error if isinstance(error, dict) else {"code": code}


def _seconds(text: str | None) -> float:
    """A Retry-After in seconds; of a date, or none, one."""
    return float(text) if text is not None and re.fullmatch(r"\d{1,6}", text) else 1.0
