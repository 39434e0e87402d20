"""What `fit` is given, held against what was expected, before anything is done."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

__all__ = ["check_callbacks", "check_kind", "check_number", "check_numbers", "check_validation"]


def check_number(
    name: str, value: object, expected: str, right: Callable[[float], bool], *, optional: bool = False
) -> None:
    """Whether a value is a real number that is `right`, or, where it is optional, `None`.

    **Raises:** `TypeError` for anything but a real number, `ValueError` for a wrong one.

    >>> check_number("epochs", -1, "a number above 0", lambda epochs: epochs > 0)
    Traceback (most recent call last):
    ...
    ValueError: epochs: expected a number above 0, found -1
    """
    if value is None and optional:
        return
    message = f"{name}: expected {expected}{', or None' if optional else ''}, found {value!r}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(message)
    if not right(float(value)):
        raise ValueError(message)


def check_numbers(
    *,
    epochs: object,
    batch_size: object,
    weight_prior: object = None,
    devices: object = None,
    precision: object = None,
) -> None:
    """The numbers of `fit`, each on its own."""

    def above_0(value: float) -> bool:
        return 0 < value < math.inf

    check_number("epochs", epochs, "a number above 0", above_0, optional=True)
    check_number("weight_prior", weight_prior, "a scale above 0", above_0, optional=True)
    check_number("batch_size", batch_size, "a whole number above 0", above_0)
    for name, value in (("batch_size", batch_size), ("devices", devices)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, Integral)):
            raise TypeError(f"{name}: expected a whole number, found {value!r}")
    if precision not in (None, "bfloat16", "tensorfloat32"):
        expected = 'None (that of the arrays), "bfloat16" or "tensorfloat32"'
        raise ValueError(f"precision: expected {expected}, found {precision!r}")


def check_kind(name: str, value: object, kinds: type | tuple[type, ...], expected: str) -> None:
    """Whether a value is of a kind, with what to write where it is not.

    >>> check_kind("objective", "elbo", int, "an objective, such as lb.ELBO()")
    Traceback (most recent call last):
    ...
    TypeError: objective: expected an objective, such as lb.ELBO(), found 'elbo'
    """
    if not isinstance(value, kinds):
        raise TypeError(f"{name}: expected {expected}, found {value!r}")


def check_validation(validation: Any) -> None:
    """Whether `validation` is a share, rows, or rows with their condition."""
    expected = "validation: expected a share of the rows in [0, 1), rows, or the pair (rows, given), found"
    if validation is None or isinstance(validation, (bool, str)):
        raise TypeError(f"{expected} {validation!r}; 0 is for none")
    if isinstance(validation, Real) and not 0 <= float(validation) < 1:
        raise ValueError(f"{expected} {validation!r}")
    if isinstance(validation, tuple) and len(validation) != 2:
        raise ValueError(f"{expected} a tuple of {len(validation)}")


def check_callbacks(callbacks: Any) -> None:
    """Whether `callbacks` is a sequence of functions."""
    expected = "callbacks: expected a list of functions of a record"
    if callable(callbacks) or not isinstance(callbacks, Sequence):
        raise TypeError(f"{expected}, found {callbacks!r}")
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"{expected}, found {callback!r} among them")
