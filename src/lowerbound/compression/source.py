"""Where codes are drawn from."""

from __future__ import annotations

from typing import Literal

__all__ = ["Source"]

# q(z∣x), or a Gaussian fitted to the row.
Source = Literal["encoder", "refined"]
