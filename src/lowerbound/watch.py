"""Who is told how far a run is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lowerbound.archive.records import HistoryRecord
    from lowerbound.data.mapped.passed import Passed
    from lowerbound.evidence.ladder import Callback, Scored

__all__ = ["Silent", "Watch"]


class Watch(ABC):
    """Who is told how far a run is."""

    @abstractmethod
    def said(self, text: str) -> None:
        """What is done now."""

    @abstractmethod
    def training(self) -> AbstractContextManager[Callable[[HistoryRecord], object]]:
        """While it trains; what it gives is called with every record of the history."""

    @abstractmethod
    def scoring(self, rows: int) -> AbstractContextManager[Callback]:
        """While it scores so many rows; what it gives is called with a record of what is done."""

    @abstractmethod
    def encoding(self) -> AbstractContextManager[Callable[[Passed], object]]:
        """While rows beyond memory are encoded; what it gives is called with how many are."""


class Silent(Watch):
    """No one."""

    def said(self, text: str) -> None:
        pass

    def training(self) -> AbstractContextManager[Callable[[HistoryRecord], object]]:
        return nullcontext(_ignored)

    def scoring(self, rows: int) -> AbstractContextManager[Callback]:
        return nullcontext(_ignored)

    def encoding(self) -> AbstractContextManager[Callable[[Passed], object]]:
        return nullcontext(_ignored)


def _ignored(record: HistoryRecord | Scored | Passed) -> None:
    pass
