import re

import pytest

import lowerbound as lb
from lowerbound.chemistry.structures import ATOMS, structure_of

pytest.importorskip("rdkit", reason="molecules need RDKit")


def test_atoms_have_their_ink():
    inks = {line.ink for line in structure_of("NCC(Cl)CO").lines}
    assert inks == {"ink", "nitrogen", "oxygen", "halogen"}
    assert {line.ink for line in structure_of("CCC").lines} == {"ink"}


def test_lines_lie_within_the_picture():
    drawn = structure_of("CC(C)(C)c1ccc2occ(CC(=O)Nc3ccccc3F)c2c1")
    for line in drawn.lines:
        numbers = [float(each) for each in re.findall(r"-?[\d.]+", line.path)]
        assert all(0 <= x <= drawn.wide for x in numbers[::2])
        assert all(0 <= y <= drawn.high for y in numbers[1::2])


def test_a_bond_is_as_long_in_a_large_molecule_as_in_a_small_one():
    """n-alkanes are zigzags: each further bond adds the same width."""
    wide = [structure_of("C" * n).wide for n in (6, 8, 10)]
    assert wide[2] - wide[1] == pytest.approx(wide[1] - wide[0], abs=1)


@pytest.mark.parametrize("smiles", ["C(C", "", "C" * (ATOMS + 1)])
def test_what_is_no_molecule_or_too_large_is_not_drawn(smiles):
    assert structure_of(smiles) is None


def test_a_grid_is_drawn_in_the_houses_colours_and_says_what_is_none():
    figure = lb.figures.molecules({"drawn": ["NCCO", None, "C(C"], "nearest": ["CC", "CO", "CN"]}, columns=2)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words.count("drawn") == words.count("nearest") == 2
    assert "no molecule" in words
    assert "missing" in words
    element = lb.figures.svg(figure, "molecules", "grid")
    assert "var(--warning" in element
    assert "var(--validation" in element
    assert "var(--healthy" not in element


@pytest.mark.parametrize(
    ("smiles", "captions"), [([], None), ({"a": ["C"], "b": []}, None), (["C", "CC"], ["one"])]
)
def test_sets_of_other_sizes_are_refused(smiles, captions):
    with pytest.raises(ValueError, match="sets of as many molecules and captions"):
        lb.figures.molecules(smiles, captions)
