"""Options of a verb that several processes carry out together."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Together"]


@dataclass(frozen=True)
class Together:
    """Which of several processes this is, as the options say it."""

    coordinator: str | None
    processes: int | None
    process: int | None
    distributed: bool

    def join(self) -> bool:
        """Find the others, where there are some; whether this process writes the run.

        **Raises:** `ValueError` for options that do not go together.
        """
        by_hand = (self.coordinator, self.processes, self.process)
        if self.distributed and by_hand != (None, None, None):
            raise ValueError(
                "--distributed: expected alone, since it finds the processes; found --coordinator too"
            )
        if not self.distributed and by_hand == (None, None, None):
            return True
        from lowerbound.training.processes import join, writes

        join(*by_hand)
        return writes()
