"""Parts that look at what a file says of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

__all__ = ["Checked"]


class Checked(ABC):
    """A part that looks at its fields when they come from a file."""

    @abstractmethod
    def checked(self) -> Self:
        """The part itself.

        **Raises:** `TypeError` or `ValueError` where a field holds what it cannot.
        """
