"""The package's face: the index, what an import costs, and the README."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import lowerbound as lb

REPOSITORY = Path(__file__).resolve().parent.parent


def test_every_public_name_resolves_and_is_documented():
    for name in lb.__all__:
        assert name == "__version__" or getattr(lb, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lb.nothing


@pytest.mark.parametrize("module", ["lowerbound", "lowerbound.cli.app", "lowerbound.serve.server"])
def test_importing_imports_nothing_heavy(module):
    """Neither the library, nor its commands and their help, nor what answers that a server lives."""
    heavy = (
        *("numpy", "scipy", "jax", "jaxtyping", "equinox", "numpyro"),
        *("pandas", "pyarrow", "sklearn", "matplotlib"),
    )
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


@pytest.mark.parametrize(
    "shortened",
    [
        pytest.param({"epochs=50": "epochs=2", "x[1437:]": "x[1437:1445]"}, marks=pytest.mark.thorough),
        pytest.param({}, marks=pytest.mark.slow),
    ],
    ids=["shortened", "whole"],
)
def test_the_readmes_python_runs(capsys, shortened):
    (code,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), flags=re.S)
    assert len([line for line in code.splitlines() if line.strip()]) <= 14
    for said, less in shortened.items():
        assert said in code
        code = code.replace(said, less)
    exec(code, {})
    said = capsys.readouterr().out
    bound = float(re.search(r"log p\(x\) = (-[\d.]+) ± [\d.]+ nats a row, counting measure", said)[1])
    assert -200 < bound < -75 if shortened else -100 < bound < -75


def test_the_readmes_verbs_are_those_that_exist():
    from lowerbound.cli.app import app

    text = (REPOSITORY / "README.md").read_text()
    verbs = set(re.findall(r"^\| `lowerbound (\w+)", text, flags=re.M))
    assert verbs == {command.callback.__name__ for command in app.registered_commands}
