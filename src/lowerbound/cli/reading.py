"""The options by which a person says how a table is read, declared once and handed to a verb as one value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Literal, TypeVar

import typer

from lowerbound.archive.records import Reading

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


def reads(verb: Verb) -> Verb:
    """A verb that takes a `reading`, as a command with the options that make one."""
    options = inspect.signature(_options, eval_str=True).parameters
    signature = inspect.signature(verb, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "reading"]

    @wraps(verb)
    def command(**arguments: object) -> int:
        said = {name: arguments.pop(name) for name in options}
        return verb(**arguments, reading=_options(**said))  # type: ignore[arg-type]

    parameters = [*own, *options.values()]
    ordered = sorted(parameters, key=lambda parameter: parameter.default is not inspect.Parameter.empty)
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in ordered]
    )
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command  # type: ignore[return-value]
