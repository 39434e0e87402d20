"""The options by which a person says how a table is read, declared once and handed to a verb as one value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from lowerbound.archive.records import Reading
from lowerbound.data.mapped.memory import Memory

__all__ = ["reads"]

Verb = TypeVar("Verb", bound=Callable[..., int])


def _options(
    header: Annotated[
        Literal["yes", "no"] | None,
        typer.Option(help="Whether the first line of text is names [default: as it looks]."),
    ] = None,
    missing_values: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="Cells that stand for no value, such as ',NA,-9999' [default: empty, NA, N/A, NaN, NULL, "
            "None, ?].",
        ),
    ] = None,
    drop: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="Columns to leave out, by name or by number from 0."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="Columns to keep alone, by name or by number from 0."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="Make all images of this width and height, such as 32x32."),
    ] = None,
    mode: Annotated[
        Literal["grey", "colour"] | None,
        typer.Option(help="Make all images grey or colour [default: as they are]."),
    ] = None,
) -> Reading:
    """How a table is read, from the options."""
    return Reading.of(
        header=None if header is None else header == "yes",
        missing_values=None if missing_values is None else missing_values.split(","),
        drop=drop.split(",") if drop else (),
        columns=None if columns is None else columns.split(","),
        size=None if size is None else _pixels(size),
        mode=mode,
    )


def _memory(
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Rows that take more, such as '2 GB', are encoded once into a file, and read from there "
            "[default: all in memory].",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where that file is [default: the folder `cache` of the run]."),
    ] = None,
) -> Memory | None:
    """How much memory rows may take, from the options."""
    if memory is None and cache is not None:
        raise ValueError(f"--cache {cache}: goes with --memory, found none; say how much rows may take")
    return None if memory is None else Memory.of(memory, cache)


def _pixels(size: str) -> tuple[int, ...]:
    """Width and height of text.

    >>> _pixels("32x24")
    (32, 24)
    """
    try:
        width, height = map(int, size.lower().replace("×", "x").split("x"))
    except ValueError:
        raise ValueError(f"--size: expected a width and a height, such as 32x32, found {size}") from None
    return width, height


# What each of a verb's parameters is made of, by its name.
_MADE: dict[str, Callable[..., object]] = {"reading": _options, "memory": _memory}


def reads(verb: Verb) -> Verb:
    """A verb that takes a `reading`, and perhaps a `memory`, as a command with the options that make them."""
    signature = inspect.signature(verb, eval_str=True)
    made = {name: made for name, made in _MADE.items() if name in signature.parameters}
    options = {name: inspect.signature(each, eval_str=True).parameters for name, each in made.items()}
    own = [parameter for name, parameter in signature.parameters.items() if name not in made]

    @wraps(verb)
    def command(**arguments: object) -> int:
        said = {name: {option: arguments.pop(option) for option in options[name]} for name in made}
        return verb(**arguments, **{name: make(**said[name]) for name, make in made.items()})

    parameters = [*own, *(option for each in options.values() for option in each.values())]
    ordered = sorted(parameters, key=lambda parameter: parameter.default is not inspect.Parameter.empty)
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in ordered]
    )
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command  # type: ignore[return-value]
