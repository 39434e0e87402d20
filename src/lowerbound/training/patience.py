"""`Patience`: how long a run goes on, and how often it is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from lowerbound.training import defaults
from lowerbound.training.checks import check_number

__all__ = ["Patience"]


@dataclass(frozen=True)
class Patience:
    """How long a run goes on, and how often it is looked at: the argument `patience` of [`lowerbound.fit`][],
    where a number of epochs does not say enough.

    **Arguments:**

    - `epochs`: training stops after so many without a better bound on the validation rows; `None` for never.
    - `minutes`: training stops at the first look after so many of it, those before a `resume` with them, and
      the best model so far is given back; the rate, which falls to 0 at the end of all epochs, has then not
      fallen so far. By default it has all the time that it needs.
    - `look_every`: so many epochs lie between two looks at the validation rows, each a record of the history;
      by default one, or as few as have 20 steps.

    **Raises:** `TypeError` and `ValueError` that name the argument and what was expected.

    >>> Patience(minutes=0)
    Traceback (most recent call last):
    ...
    ValueError: minutes: expected a number of minutes above 0, or None, found 0
    """

    epochs: float | None = defaults.PATIENCE
    minutes: float | None = None
    look_every: float | None = None

    def __post_init__(self) -> None:
        for name, value, unit in (
            ("patience", self.epochs, "epochs"),
            ("minutes", self.minutes, "minutes"),
            ("look_every", self.look_every, "epochs"),
        ):
            check_number(name, value, f"a number of {unit} above 0", lambda value: value > 0, optional=True)

    @staticmethod
    def of(value: float | Patience | None) -> Patience:
        """A number of epochs as patience; patience as it is."""
        return value if isinstance(value, Patience) else Patience(value)
