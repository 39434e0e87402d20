"""Who is answered: the Host that a request names, and its token."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from lowerbound.serve.errors import Refused

__all__ = ["HEADERS", "LOOPBACK", "Access", "header_of"]

Headers = Iterable[tuple[bytes, bytes]]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# What every answer says to a browser.
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@dataclass(frozen=True)
class Access:
    """Who is answered: requests that name one of the `hosts`, and, where there is a `token`, that bear it.

    >>> access = Access(b"secret")
    >>> access.check([(b"host", b"localhost:8000"), (b"authorization", b"Bearer secret")], public=False)
    >>> access.check([(b"host", b"localhost")], public=False)
    Traceback (most recent call last):
    ...
    lowerbound.serve.errors.Refused: The token is missing, or is not this server's.
    """

    token: bytes | None = None
    hosts: frozenset[str] = field(default=LOOPBACK)

    def check(self, headers: Headers, *, public: bool) -> None:
        """Whether a request with these headers is answered; a `public` route needs no token.

        **Raises:** [`Refused`][lowerbound.serve.errors.Refused].
        """
        host = bearer = None
        for name, value in headers:
            if name == b"host":
                if host is not None:
                    raise Refused("bad_request", "expected one Host header, found two", "Host", "one", "two")
                host = value
            elif name == b"authorization":
                bearer = value if bearer is None else b""
        if host is None or name_of(host) not in self.hosts:
            found = None if host is None else host.decode("latin-1")
            raise Refused("wrong_host", "", "Host", "a name of this server (--allow-host)", found)
        if self.token is None or public:
            return
        kind, _, token = (bearer or b"").partition(b" ")
        if not hmac.compare_digest(token.strip(), self.token) or kind.lower() != b"bearer":
            raise Refused("unauthorized", "", "Authorization", "Bearer and the server's token", None)


def name_of(host: bytes) -> str:
    """The name in a Host header, without its port.

    >>> name_of(b"LOCALHOST:8000"), name_of(b"[::1]:80"), name_of(b"example.org.")
    ('localhost', '::1', 'example.org')
    """
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


def header_of(headers: Headers, name: bytes) -> bytes:
    """The value of a header, empty where there is none.

    **Raises:** [`Refused`][lowerbound.serve.errors.Refused] where there are two.
    """
    found = [value for key, value in headers if key == name]
    if len(found) > 1:
        shown = name.decode().title()
        raise Refused("bad_request", f"expected one {shown} header, found {len(found)}", shown, "one")
    return found[0] if found else b""
