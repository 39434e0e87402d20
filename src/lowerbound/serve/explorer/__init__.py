"""What the explorer's page is sent: where the codes of rows lie, what colours them, and the contours of the
aggregate posterior and of the prior."""

from __future__ import annotations

from lowerbound.serve.explorer.routes import routes

__all__ = ["routes"]
