"""The documentation runs: every block of Python, and every command."""

import re
import shlex
from pathlib import Path

import pytest

from lowerbound.cli import main

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = sorted(page.name for page in DOCS.glob("*.md") if "```python" in page.read_text("utf-8"))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": page}
    blocks = re.findall(r"```(python|console)\n(.*?)```", (DOCS / page).read_text(), flags=re.S)
    assert blocks
    for kind, code in blocks:
        if kind == "python":
            exec(compile(code, page, "exec"), namespace)
            continue
        for line in code.strip().splitlines():
            program, *arguments = shlex.split(line.removeprefix("$ "))
            assert (program, main(arguments)) == ("lowerbound", 0), line


def test_the_page_of_the_command_line_is_its_help():
    from lowerbound.cli.reference import reference

    found = (DOCS / "cli.md").read_text()
    assert found == reference(), "run python -m lowerbound.cli.reference > docs/cli.md"


def test_every_verb_has_an_example():
    from lowerbound.cli.app import app

    for command in app.registered_commands:
        assert f"Example: lowerbound {command.callback.__name__} " in command.callback.__doc__
