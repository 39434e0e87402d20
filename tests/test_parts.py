"""The one table of parts, and what is made of it: names of options, the index, the stub of its types."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import jax
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.assembly import build, objective_named
from lowerbound.data.likelihood import choose
from lowerbound.data.schema import described
from lowerbound.distributions import support
from lowerbound.families.family import Family
from lowerbound.parts import TABLE, Place, default, kebab, names, part
from lowerbound.stub import stub

from .tables import cases

SOURCE = Path(lb.__file__).parent
RNG = np.random.default_rng(0)
# Rows in each set that a likelihood is over.
ROWS = {
    "real numbers": RNG.normal(size=(20, 3)),
    "numbers above 0": RNG.lognormal(size=(20, 3)),
    "numbers from 0 to 1": RNG.uniform(size=(20, 3)),
    "values in {0, 1}": RNG.integers(0, 2, (20, 3)),
    "whole numbers from 0 to n": RNG.integers(0, 7, (20, 3)),
    "whole numbers from 0": RNG.integers(0, 7, (20, 3)),
}


def in_table_words(events):
    return re.sub(r"(whole numbers from 0 to) \d+", r"\1 n", support.words(events))


def test_every_row_names_a_part_and_places_that_there_are():
    for row in TABLE:
        assert row.value.__name__ == row.kind
        assert set(row.places.split()) <= set(get_args(Place))
        assert row.places or not row.called
    rows = [(place, row.name) for row in TABLE for place in row.places.split()]
    assert len(rows) == len(set(rows))


OVER = {row.name: row for row in TABLE if row.over}
FLOWS = {name for name in OVER if name.endswith("-flow")}


@pytest.mark.parametrize("row", cases(OVER, fast=OVER.keys() - FLOWS))
def test_the_set_that_a_family_is_over_is_that_of_its_events(row):
    assert issubclass(row.value, Family)
    if "posterior" in row.places.split():
        assert in_table_words(row.value.latent(3, jax.random.key(0)).support) == row.over
    if "likelihood" in row.places.split():
        assert in_table_words(choose(ROWS[row.over], row.name).family.support) == row.over


@pytest.mark.parametrize("place", get_args(Place))
def test_a_name_is_read_in_kebab_case_and_in_snake_case(place):
    for name in names(place):
        assert part(name, place) is part(name.replace("-", "_"), place)
    assert default(place) in names(place)


@pytest.mark.parametrize("place", [place for place in get_args(Place) if place != "file"])
def test_a_name_that_is_none_is_refused_with_the_option_the_nearest_and_all_known(place):
    known = ", ".join(names(place))
    wrong = names(place)[-1] + "x"
    with pytest.raises(
        ValueError, match=f"{place}: unknown '{wrong}'; the nearest is '.*', known are {known}"
    ):
        part(wrong, place)
    for what in (None, 3, part):
        with pytest.raises(TypeError, match=f"{place}: expected a name, one of {known}; found"):
            part(what, place)


def test_every_way_to_name_a_part_reads_both():
    assert objective_named("reweighted_wake_sleep") == objective_named("reweighted-wake-sleep")
    both = [lb.ELBO(gradient=name) for name in ("sticking-the-landing", "sticking_the_landing")]
    assert both[0] == both[1] == objective_named("elbo", gradient="sticking_the_landing")
    x = ROWS["real numbers"]
    built = build(x, likelihood="student_t", posterior="low_rank_gaussian", prior="standard_prior", width=4)
    assert type(built.model.likelihood.family) is lb.StudentT
    assert type(built.model.posterior.family) is lb.LowRankGaussian
    assert type(built.model.prior) is lb.StandardPrior


def test_prior_and_objective_go_by_the_rows_where_none_is_named():
    small = {"width": 4, "depth": 1, "latent_dim": 2}
    table = described([{"colour": colour, "size": size} for colour in "rgb" for size in (0.5, 1.25, 7.0)])[1]
    numbers, holes = ROWS["real numbers"], np.where(ROWS["real numbers"] > 1, np.nan, ROWS["real numbers"])
    for x, prior, objective in (
        (table, lb.MixturePrior, lb.IWAE(5)),
        (numbers, lb.StandardNormal, lb.ELBO()),
        (holes, lb.StandardNormal, lb.IWAE(5)),
    ):
        model = build(x, missing=x is holes, **small).model
        assert type(model.prior) is prior
        assert objective_named(model=model) == objective
        assert objective_named(beta=0.5, model=model) == lb.ELBO(beta=0.5)
    assert type(build(table, posterior="beta", **small).model.prior) is lb.StandardPrior


@pytest.mark.parametrize("option", ["likelihood", "posterior", "prior", "network", "objective", "gradient"])
def test_the_estimator_checks_its_names_before_it_trains(option):
    with pytest.raises(TypeError, match=f"{option}: expected a name, one of .*; found None"):
        lb.VariationalAutoencoder(**{option: None}).fit(ROWS["real numbers"])


# What other libraries' distributions are attributes of.
OTHERS = ("dist", "models", "pandas", "polars")


def code_words(path):
    """The identifiers and the texts of a file's code: docstrings and comments left out."""
    tree = ast.parse(path.read_text())
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, False)
    }
    identifiers, texts = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") not in OTHERS:
            identifiers.add(node.attr)
        elif isinstance(node, ast.Name):
            identifiers.add(node.id)
        elif isinstance(node, (ast.ClassDef, ast.alias)):
            identifiers.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            texts.add(node.value.replace("Pareto k-hat", ""))
    return identifiers, texts


def is_named(family, identifiers, texts):
    """By an identifier, by a text that is its name, or in a sentence: by the class, and by a name that is no
    common word."""
    called = kebab(family)
    # β is the weight of the KL as well, and rows are transformed.
    if family in identifiers or (called in texts and called not in ("beta", "transformed")):
        return True
    told = [family, called] if "-" in called else [family]
    return any(re.search(rf"(?<![\w-]){name}(?![\w-])", text) for name in told for text in texts)


def test_a_familys_name_stands_in_two_files_at_most():
    """In its own and in the table: what another file needs to know of a family, the family says."""
    files = {path.relative_to(SOURCE): code_words(path) for path in SOURCE.rglob("*.py")}
    families = [row.kind for row in TABLE if not row.called and isinstance(row.value, type)]
    families = [name for name in families if issubclass(getattr(lb, name), Family)]
    assert len(families) > 35
    for family in families:
        found = [str(path) for path, words in files.items() if is_named(family, *words)]
        assert len(found) <= 2, (family, found)
        assert "parts.py" in found


def test_the_stub_of_the_index_is_up_to_date():
    assert (SOURCE / "__init__.pyi").read_text() == stub(), (
        "run python -m lowerbound.stub > src/lowerbound/__init__.pyi"
    )


@pytest.mark.thorough
def test_a_type_checker_sees_the_index(tmp_path):
    """Of the library's own types: JAX's and others' are left out, which takes most of the time."""
    (tmp_path / "seen.py").write_text(
        "import lowerbound as lb\n\n"
        "reveal_type(lb.fit)\nreveal_type(lb.VAE)\nreveal_type(lb.Bernoulli(3).size)\n"
    )
    others = ("jax", "jaxtyping", "equinox", "numpy", "numpyro", "optax", "scipy", "sklearn", "matplotlib")
    (tmp_path / "mypy.ini").write_text(
        f"[mypy]\nmypy_path = {SOURCE.parent}\nignore_missing_imports = True\n"
        + "".join(f"[mypy-{name}.*]\nfollow_imports = skip\n" for name in others)
    )
    out = subprocess.run(
        [sys.executable, "-m", "mypy", "seen.py"], cwd=tmp_path, capture_output=True, text=True
    ).stdout
    fit, vae, size = re.findall(r'seen\.py:\d+: note: Revealed type is "(.*)"', out)
    assert fit.startswith("def (model: ")
    assert vae.startswith("def (")
    assert vae.endswith("lowerbound.models.vae.VAE")
    assert size.endswith("int")
