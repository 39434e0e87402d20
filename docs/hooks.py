"""What the site does beyond Markdown: it runs each page, and shows below a block what that printed.

A block of Python whose last line is a Matplotlib figure shows it. The blocks of a page share their names and
an empty folder; one that fails stops the build. `tests/test_docs.py` runs the pages in the same way.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import re
import shlex
import tempfile
import warnings
from typing import Any

import lowerbound

__all__ = ["executed", "on_env", "on_page_markdown"]

_BLOCK = re.compile(r"^```(python|console)\n(.*?)^```\n", flags=re.MULTILINE | re.DOTALL)


@functools.cache
def executed(markdown: str, page: str) -> str:
    """The page with the output of each of its blocks below it."""
    # The modules that a block could define a class in are looked up by name.
    names: dict[str, Any] = {"__name__": page.replace(".", "_")}

    def run(block: re.Match[str]) -> str:
        kind, code = block.groups()
        shown = block[0]
        if kind == "console":
            printed, figure = _commands(code, page), None
        else:
            # As many empty lines in front as the page has, so that a traceback has the page's line numbers.
            line = markdown.count("\n", 0, block.start()) + 1
            printed, figure = _python("\n" * line + code, page, names)
        if printed.strip():
            shown += f"\n```{{.text .output}}\n{printed.rstrip()}\n```\n"
        if figure is not None:
            shown += f"\n{_picture(figure, page, block.start())}\n"
        return shown

    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=_convergence_warning())
        return _BLOCK.sub(run, markdown)


def _convergence_warning() -> type[Warning]:
    from sklearn.exceptions import ConvergenceWarning

    return ConvergenceWarning


def _python(code: str, page: str, names: dict[str, Any]) -> tuple[str, Any]:
    """What the code prints, and the figure that its last line is, if it is one."""
    from matplotlib.figure import Figure

    tree = ast.parse(code, f"docs/{page}")
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    value = None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, f"docs/{page}", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"docs/{page}", "eval"), names)
    return printed.getvalue(), value if isinstance(value, Figure) else None


def _commands(lines: str, page: str) -> str:
    """What the commands print."""
    from lowerbound.cli import main

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for line in lines.strip().splitlines():
            program, *arguments = shlex.split(line.removeprefix("$ "))
            if (program, main(arguments)) != ("lowerbound", 0):
                raise RuntimeError(f"docs/{page}: failed: {line}")
    return printed.getvalue()


def _picture(figure: Any, page: str, place: int) -> str:
    """The figure as SVG in the page's colours, on a line of its own: Markdown leaves such HTML alone."""
    label = ", ".join(axes.get_title() or axes.get_ylabel() for axes in figure.axes)
    element = lowerbound.figures.svg(figure, label or "picture", f"{page.split('.')[0]}-{place}")
    return f'<div class="picture">{" ".join(element.split())}</div>'


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Run the page; where it links to a file of the library, lead to that module's reference. Of links to
    other files of the repository, which the site has not, the words stay."""

    def reference(link: re.Match[str]) -> str:
        return f"][lowerbound.{link[1].replace('/', '.')}]"

    markdown = re.sub(r"\]\(\.\./src/lowerbound/([\w/]+)\.py\)", reference, markdown)
    markdown = re.sub(r"\[([^]]+)\]\(\.\./[^)]*\)", r"\1", markdown)
    return executed(markdown, page.file.src_uri)


def on_env(env: Any, config: Any, **_: Any) -> Any:
    """A public name by itself, as docstrings write it, leads where the object is described."""
    urls = config.plugins["autorefs"]._primary_url_map
    for name, module in lowerbound._INDEX.items():
        if where := urls.get(f"lowerbound.{module}.{name}"):
            urls.setdefault(name, where)
            urls.setdefault(f"lowerbound.{name}", where)
    return env
