"""Tables of cases: `make test` runs one row of each kind, `make test-all` every one."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pytest


def cases(
    table: Mapping[str, Any] | Iterable[Any], *, fast: Collection[Any], slow: Collection[Any] = ()
) -> list[Any]:
    """The rows of a table as a test's parameters: those that `fast` does not name are marked `thorough`, or
    `slow` where that names them, since they take many seconds.

    A row of a mapping goes by its name, which is its id; one of a list is named by its value. A tuple holds
    several parameters.
    """
    named = isinstance(table, Mapping)
    rows = list(table.items() if named else ((row, row) for row in table))
    unknown = [name for name in (*fast, *slow) if name not in [known for known, _ in rows]]
    assert not unknown, f"no rows of the table: {unknown}"
    return [
        pytest.param(
            *(row if type(row) is tuple else (row,)),
            id=name if named else None,
            marks=() if name in fast else pytest.mark.slow if name in slow else pytest.mark.thorough,
        )
        for name, row in rows
    ]
