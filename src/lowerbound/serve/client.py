"""A service called from Python, with the verbs of the estimator."""

from __future__ import annotations

from typing import Any

__all__ = ["Client"]


class Client:
    """A service that `lowerbound serve` runs, at `url`.

    **Arguments:** `token`: what the service was started with, where it was; `timeout`: seconds that a call
    may take, tries included.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 30.0) -> None:
        import httpx

        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout)

    def card(self) -> dict[str, Any]:
        """What the service says of its model: schema, parts, evidence with its errors, provenance."""
        found: dict[str, Any] = self._http.get("/model").raise_for_status().json()
        return found
