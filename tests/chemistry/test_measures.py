import math
import sys
from types import ModuleType

import numpy as np
import pytest

from lowerbound.chemistry.measures import (
    Mean,
    Share,
    distance,
    diversity,
    frechet_distance,
    likeness,
    nearest,
    novel,
    same,
    unique,
    valid,
)

pytest.importorskip("rdkit", reason="molecules need RDKit")

# Two ways to write ethanol, a salt, what is no molecule, nothing, and none that was observed.
MADE = ["OCC", "CCO", "CC(=O)[O-].[Na+]", "C(C", "", None, "CC"]


def test_counts_of_a_small_set():
    assert valid(MADE) == Share(4, 7)
    assert unique(MADE) == Share(3, 4)
    assert novel(MADE, ["C(O)C", "CCC", "what"]) == Share(2, 3)


def test_uniqueness_is_of_the_first_10_000():
    assert unique(["CC", "C"] * 5_000 + ["CCC"]) == Share(2, 10_000)


def test_a_molecule_that_comes_back_written_otherwise_is_the_same():
    assert same(["OCC", "CC", "CCC", None], ["CCO", "C(C", None, "C"]) == Share(1, 3)
    with pytest.raises(ValueError, match="shorter"):
        same(["C"], [])


def test_the_error_of_a_share_is_that_of_a_coin():
    assert Share(90, 100).standard_error == pytest.approx(math.sqrt(0.9 * 0.1 / 100))
    assert str(Share(90, 100)) == "90.0 ± 3.0% of 100"


def test_likeness_is_of_fingerprints_bits_in_both_over_those_in_one():
    """Ethane has one kind of atom with two radii, propane four bits, of which ethane's methyl is one."""
    assert likeness("CC", "CC") == 1
    assert likeness("CC", "c1ccccc1") == 0
    assert likeness("CCO", "CCN") == likeness("CCN", "CCO")
    assert 0 < likeness("CCCCO", "CCCCN") < 1


def test_the_nearest_of_the_same_set_is_itself():
    smiles = ["CCO", "c1ccccc1", "CCCC#N"]
    found = nearest(smiles, ["C(C", *smiles])
    assert found.index.tolist() == [1, 2, 3]
    assert found.mean == Mean(1.0, 0.0)
    assert np.isnan(nearest(["CC"], []).likeness).all()


def test_diversity_is_one_less_the_mean_over_pairs():
    smiles = ["CCO", "CCN", "CCCl", "c1ccccc1"]
    pairs = [likeness(a, b) for i, a in enumerate(smiles) for b in smiles[:i]]
    assert diversity(smiles).value == pytest.approx(1 - np.mean(pairs))
    assert math.isnan(diversity(["C"]).value)


def test_the_distance_of_two_normal_samples_is_the_difference_of_their_means():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 4000), rng.normal(0.5, 1, 4000)
    found = distance(np.append(a, np.nan), b)
    assert abs(found.value - 0.5) < 4 * found.standard_error
    assert found.standard_error == pytest.approx(math.sqrt(2 / 4000), rel=0.4)
    assert distance(a, a).value == 0


def test_the_frechet_distance_is_the_packages_of_what_is_a_molecule(monkeypatch):
    monkeypatch.setattr("lowerbound.chemistry.measures.find_spec", lambda name: None)
    assert frechet_distance(["C"], ["CC"]) is None
    package = ModuleType("fcd")
    package.get_fcd = lambda a, b: len(a) + 10 * len(b)
    monkeypatch.setitem(sys.modules, "fcd", package)
    monkeypatch.setattr("lowerbound.chemistry.measures.find_spec", lambda name: object())
    assert frechet_distance(["C", "C(C"], ["CC", "CCC"]) == 21
