"""The documentation runs: every block of Python, and every command. And it has everything public."""

import importlib
import importlib.util
import re
from pathlib import Path

import pytest

import lowerbound

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(page.name for page in DOCS.glob("*.md") if "```python" in page.read_text("utf-8"))


def module_of(name):
    """A module that lies among the pages."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hooks():
    """The module that runs a page where the site is built."""
    return module_of("hooks")


# They run when the site is built too, `make docs`.
@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_from_top_to_bottom(page, hooks):
    markdown = (DOCS / page).read_text("utf-8")
    assert hooks.executed(markdown, page).startswith(markdown.split("```")[0])


def test_what_a_block_prints_stands_below_it_and_names_go_on(hooks):
    page = "Text.\n\n```python\nx = 2\nprint(x)\n```\n\nMore.\n\n```python\nassert x == 2\n```\n"
    assert hooks.executed(page, "page.md") == page.replace(
        "\n\nMore.", "\n\n```{.text .output}\n2\n```\n\nMore."
    )


@pytest.mark.parametrize("last", ["figure", "figure  # the last line"])
def test_a_figure_in_the_last_line_is_shown(hooks, last):
    page = (
        f"```python\nimport lowerbound as lb\nfigure = lb.figures.kl_per_dimension([1.0, 2.0])\n{last}\n```\n"
    )
    shown = hooks.executed(page, "page.md").removeprefix(page).strip()
    assert shown.startswith('<div class="picture"><svg role="img"')
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ("python\nassert 1 == 2\n", AssertionError),
        ("python\nimport warnings\nwarnings.warn('old')\n", UserWarning),
        ("console\n$ lowerbound evaluate nowhere digits\n", RuntimeError),
    ],
)
def test_a_block_that_fails_stops_the_build(hooks, block, error):
    with pytest.raises(error) as found:
        hooks.executed(f"One.\n\n```{block}```\n", "page.md")
    if block.startswith("python"):
        assert str(found.traceback[-1].path).endswith("page.md")
        assert found.traceback[-1].lineno + 1 == 3 + block.count("\n") - 1


def test_every_page_is_in_the_navigation():
    navigation = re.findall(r"^      - .*: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), flags=re.M)
    assert sorted(navigation) == sorted(page.name for page in DOCS.glob("*.md"))


def test_everything_public_is_in_the_reference():
    pages = "\n".join(page.read_text("utf-8") for page in DOCS.glob("*.md"))
    described = set(re.findall(r"^::: (\S+)$", pages, flags=re.M))
    for name, module in lowerbound._INDEX.items():
        assert f"lowerbound.{module}" in described, name
        assert name in importlib.import_module(f"lowerbound.{module}").__all__
    for module in described:
        importlib.import_module(module)


def test_the_page_of_the_command_line_is_its_help():
    from lowerbound.cli.reference import reference

    found = (DOCS / "cli.md").read_text()
    assert found == reference(), "run python -m lowerbound.cli.reference > docs/cli.md"


def test_every_verb_has_an_example():
    from lowerbound.cli.app import app

    for command in app.registered_commands:
        assert f"Example: lowerbound {command.callback.__name__} " in command.callback.__doc__


@pytest.fixture(scope="module")
def travel():
    """The module that draws how rows travel."""
    return module_of("travel")


@pytest.mark.slow
def test_fit_looks_at_rows_once_as_the_picture_of_the_architecture_says(travel):
    """A table is looked at where its schema is found; `checked` is handed rows that know it, and what looks
    at an array is handed none. The picture has every function that is handed all rows."""
    visits = travel.fitted()
    functions = [visit.function for visit in visits]
    assert functions.count("described") == functions.count("checked") == functions.count("block_of") == 1
    assert not {"as_table", "as_rows", "check_finite", "check_support"} & set(functions)
    drawn = (DOCS / "travel.svg").read_text("utf-8")
    assert [name for name in functions if f"<!-- {name} -->" not in drawn] == []
