"""The public index as type checkers and editors read it.

`python -m lowerbound.stub > src/lowerbound/__init__.pyi`; a test holds the file and the index together.
"""

from __future__ import annotations

import lowerbound

__all__ = ["stub"]


def stub() -> str:
    """The text of `__init__.pyi`: an import for each public name.

    >>> "from lowerbound.training.fit import fit as fit" in stub()
    True
    """
    names = sorted((module, name) for name, module in lowerbound._INDEX.items())
    return "\n".join(
        (
            "# Made by `python -m lowerbound.stub` from the index in `__init__.py`.",
            "# ruff: noqa: I001\n",
            *(f"from lowerbound import {name} as {name}" for name in lowerbound._MODULES),
            *(f"from lowerbound.{module} import {name} as {name}" for module, name in names),
            "\n__version__: str\n_INDEX: dict[str, str]\n_MODULES: tuple[str, ...]\n",
        )
    )


if __name__ == "__main__":
    print(stub(), end="")
