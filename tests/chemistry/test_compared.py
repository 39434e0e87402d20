from dataclasses import replace

import numpy as np
import pytest

import lowerbound as lb
from lowerbound.baselines.comparison import TrainedOn, compared
from lowerbound.chemistry.compared import COMPARED, Molecules, texts_of
from lowerbound.chemistry.interpolation import interpolation
from lowerbound.chemistry.measures import Share
from lowerbound.diagnosis.diagnosis import Estimate
from lowerbound.pages import report

from ..pages.page import VERDICTS, Reader, a_diagnosis
from .conftest import SMILES


def test_rows_are_read_as_their_molecules(source, x):
    assert texts_of(source.schema, x).tolist() == [lb.data.molecules.canonical(each) for each in SMILES]
    with pytest.raises(ValueError, match="expected a column of molecules"):
        texts_of(lb.Schema.of([[0.5, 1.0]]), np.zeros((1, 2)))


def test_a_table_without_molecules_has_none(model):
    assert Molecules.of(model, lb.Schema.of([[0.5, 1.0]]), np.zeros((1, 2))) is None
    assert Molecules.of(model, None, np.zeros((1, 2))) is None


def test_what_is_compared_is_of_the_sets_that_are_there(model, source, x):
    found = Molecules.of(model, source.schema, x, x[:5], draws=30, seed=3)
    assert found.column == "smiles"
    assert len(found.drawn) == 30
    assert found.first(4) == found.drawn[:4]
    assert found.reconstructed.of == len(SMILES)
    assert found.data_near.likeness[:5].tolist() == [1.0] * 5
    assert found.apart("logp", "data").value == 0
    assert set(found.properties["trained"]) == set(COMPARED)
    assert Molecules.of(model, source.schema, x, draws=1).near is None


def test_ways_between_molecules_begin_and_end_at_their_reconstructions(model, source, x):
    """Of two steps there is nothing between, and neighbours are the two ends' reconstructions."""
    ends = interpolation(model, source.schema, x, pairs=5, steps=2)
    assert ends.valid == Share(0, 0)
    way = interpolation(model, source.schema, x, pairs=5, steps=4, seed=1)
    assert way.valid.of == 10
    assert 1 <= way.different.value <= 4
    assert 0 <= way.ends.value < 1
    with pytest.raises(ValueError, match="expected 2 rows, pairs and steps at least, found 20, 1, 4"):
        interpolation(model, source.schema, x, pairs=1, steps=4)


def test_a_model_that_knows_its_schema_has_the_same_molecules(model, source, x):
    """As one that was loaded from a run."""
    loaded = replace(model, schema=source.schema)
    for make in (
        lambda model: Molecules.of(model, source.schema, x, draws=9, seed=3).drawn,
        lambda model: Molecules.of(model, source.schema, x).again,
        lambda model: interpolation(model, source.schema, x, pairs=3, steps=3),
    ):
        assert make(loaded) == make(model)


@pytest.mark.thorough
def test_a_report_has_a_section_on_molecules_with_structures(model, source, x, monkeypatch):
    monkeypatch.setattr("lowerbound.figures.shown._DRAWN", 40)
    evaluation = compared(model, source, {}, TrainedOn(), method="importance", samples=30)
    diagnosis = a_diagnosis(*VERDICTS)
    assert isinstance(diagnosis.rate, Estimate)
    page = report.page(model, source, evaluation, diagnosis, train=x[:10])
    words = " ".join("".join(Reader(page).text).split())
    assert (
        words.index("Numbers") < words.index("40 molecules of the column 'smiles'") < words.index("Pictures")
    )
    for said in ("exactly reconstructed", "of 40", "distance of logP", "nearest training molecule", "1 of 2"):
        assert said in words
    labels = [each["aria-label"] for each in Reader(page).all("svg")]
    assert sum("molecule" in label for label in labels) >= 4
    assert "Samples without noise" not in words
