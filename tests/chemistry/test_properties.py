import math
import sys

import numpy as np
import pytest

from lowerbound.chemistry.properties import PROPERTIES, WORDS, property_of

pytest.importorskip("rdkit", reason="molecules need RDKit")

BENZENE, ASPIRIN = "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O"


def test_the_weight_is_the_sum_of_the_atoms_standard_weights():
    carbon, hydrogen, oxygen = 12.011, 1.008, 15.999
    assert PROPERTIES["weight"]("C") == pytest.approx(carbon + 4 * hydrogen, abs=1e-3)
    assert PROPERTIES["weight"](ASPIRIN) == pytest.approx(9 * carbon + 8 * hydrogen + 4 * oxygen, abs=1e-3)


def test_logp_is_the_sum_of_crippens_contributions_of_atoms():
    """Wildman and Crippen 1999, table 1: C18 .1581 and H1 .1230, six of each."""
    assert PROPERTIES["logp"](BENZENE) == pytest.approx(6 * (0.1581 + 0.1230), abs=1e-6)


def test_qed_of_the_molecule_of_rdkits_documentation():
    assert PROPERTIES["qed"]("N=C(CCSCc1csc(N=C(N)N)n1)NS(N)(=O)=O") == pytest.approx(0.253, abs=5e-3)


@pytest.mark.parametrize(
    ("smiles", "score"),
    [("Cc1c(C(=O)NCCO)[n+](=O)c2ccccc2n1[O-]", 3.166), ("OC(c1ccncc1)c1ccc(OCC[NH+]2CCCC2)cc1", 3.822)],
)
def test_sa_is_that_of_the_scores_own_test(smiles, score):
    """RDKit's Contrib/SA_Score/data/zim.100.txt."""
    assert PROPERTIES["sa"](smiles) == pytest.approx(score, abs=1e-3)


def test_a_cage_is_harder_to_make_than_a_ring():
    assert 1 <= PROPERTIES["sa"](BENZENE) < PROPERTIES["sa"]("C1CC2CC1C1CC3CC1C32") <= 10


@pytest.mark.parametrize(
    ("smiles", "above"), [("C1CCCCC1", 0), ("C1CCCCCC1", 1), ("C1CCCCCCCCC1", 4), ("CC", 0)]
)
def test_penalised_logp_takes_off_what_the_largest_ring_has_above_six(smiles, above):
    known = PROPERTIES["logp"](smiles) - PROPERTIES["sa"](smiles) - above
    assert PROPERTIES["penalised-logp"](smiles) == pytest.approx(known)


def test_the_standardised_form_is_linear_in_the_three():
    """Two molecules with the same rings differ by Δ logP / 1.4343 − Δ SA / .8335."""
    a, b = "CCCCCC", "CC(C)(O)CC"
    logp, sa = ([PROPERTIES[name](each) for each in (a, b)] for name in ("logp", "sa"))
    found = [PROPERTIES["penalised-logp-standardised"](each) for each in (a, b)]
    expected = (logp[0] - logp[1]) / 1.434324401111988 - (sa[0] - sa[1]) / 0.8335207024513095
    assert found[0] - found[1] == pytest.approx(expected)


@pytest.mark.parametrize("name", PROPERTIES)
def test_what_is_no_molecule_has_no_property(name):
    assert all(math.isnan(PROPERTIES[name](text)) for text in ("", "C(C", "what", "C1CC"))
    assert np.isfinite(PROPERTIES[name]("OCC"))


def test_every_property_is_told_in_words():
    assert set(WORDS) == set(PROPERTIES)


def test_two_ways_to_write_a_molecule_have_the_same_property():
    for name in PROPERTIES:
        values = property_of(name, ["OCC", "CCO", "C(O)C"])
        assert values == pytest.approx(values[0])


def test_a_property_that_is_none_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"expected one of logp, qed, .* found 'logP'"):
        property_of("logP", ["C"])


def test_without_rdkit_what_installs_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit.Chem", None)
    with pytest.raises(ImportError, match=r"pip install 'lowerbound\[molecules\]'"):
        PROPERTIES["logp"]("C")
