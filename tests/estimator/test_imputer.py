"""The imputer: scikit-learn's checks, and what it promises of frames."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.estimator_checks import check_estimator

import lowerbound as lb

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

VAE = lb.VariationalAutoencoder(
    latent_dim=1,
    width=8,
    depth=1,
    epochs=2,
    evidence_method="importance",
    evidence_samples=10,
    random_state=0,
)
SMALL = lb.Imputer(VAE, samples=20)
N, RNG = 80, np.random.default_rng(0)
# A row counted twice has another draw of noise each time, and falls into other batches.
STOCHASTIC = {
    "check_sample_weight_equivalence_on_dense_data": "trained by random batches: equal in expectation"
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks():
    results = check_estimator(clone(SMALL), on_fail=None, expected_failed_checks=STOCHASTIC)
    failed = {r["check_name"]: repr(r["exception"]) for r in results if r["status"] == "failed"}
    assert not failed
    assert len(results) > 40


@pytest.fixture(scope="module")
def people():
    """Text, truth values, numbers, counts; holes in each, and an index of its own."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "color": pandas.Categorical(RNG.choice(["red", "green", "blue"], N)),
            "member": RNG.random(N) < 0.3,
            "weight": RNG.normal(70, 10, N),
            "children": RNG.integers(0, 4, N),
        },
        index=np.arange(N)[::-1],
    )
    return frame.mask(RNG.random(frame.shape) < 0.1)


@pytest.fixture(scope="module")
def imputer(people):
    return clone(SMALL).fit(people)


@pytest.mark.slow
def test_a_frame_comes_back_without_holes_and_otherwise_as_it_was(imputer, people):
    filled = imputer.transform(people)
    assert filled.notna().all(axis=None)
    assert filled.index.equals(people.index)
    assert filled.columns.tolist() == imputer.get_feature_names_out().tolist() == people.columns.tolist()
    assert filled.dtypes["color"] == people.dtypes["color"]
    observed = people.notna().to_numpy()
    assert (filled.to_numpy()[observed] == people.to_numpy()[observed]).all()
    alone = imputer.transform(people[5:6])
    assert alone.equals(filled[5:6].astype(alone.dtypes))


@pytest.mark.slow
def test_what_is_known_of_holes_and_a_copy_of_the_imputer(imputer, people, tmp_path):
    found = imputer.imputed(people, draws=2)
    assert found.mean.equals(imputer.transform(people))
    assert found.probabilities["color"].index.equals(people.index)
    hole = people["weight"].isna()
    assert (found.lower["weight"] < found.upper["weight"])[hole].all()
    lb.save(imputer, tmp_path / "imputer")
    for copy in (pickle.loads(pickle.dumps(imputer)), lb.load(tmp_path / "imputer")):
        assert copy.transform(people).equals(found.mean)
    assert not hasattr(clone(imputer), "estimator_")


@pytest.fixture(scope="module", params=["pandas", "polars"])
def texts(request, people):
    """Two columns of text with holes, whose model is one program for any rows; and the frame's library."""
    columns = people[["color", "member"]].astype(object).replace({True: "yes", False: "no"})
    if request.param == "polars":
        polars = pytest.importorskip("polars")
        cells = columns.to_dict("list")
        known = {name: [cell if cell == cell else None for cell in cells[name]] for name in cells}
        return polars.DataFrame(known), "polars"
    return columns, "pandas"


TARGET = RNG.integers(0, 2, N)


@pytest.mark.slow
def test_it_works_in_pipelines_column_transformers_and_searches(texts):
    table, library = texts
    levels = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    pipe = make_pipeline(clone(SMALL), levels, LogisticRegression(max_iter=10))
    search = GridSearchCV(pipe, {"imputer__samples": [10, 20]}, cv=2, error_score="raise")
    assert search.fit(table, TARGET).best_params_["imputer__samples"] in (10, 20)
    beside = ColumnTransformer([("filled", clone(SMALL), ["color", "member"])])
    out = beside.set_output(transform=library).fit_transform(table)
    assert [*out.columns] == ["filled__color", "filled__member"]
    if library == "pandas":
        assert out.index.equals(table.index)


@pytest.mark.slow
def test_the_estimator_works_in_pipelines_column_transformers_and_searches(texts):
    table, _ = texts
    vae = clone(VAE).set_params(evidence_method="importance", evidence_samples=4)
    search = GridSearchCV(vae, {"epochs": [1, 2]}, cv=2, error_score="raise").fit(table)
    assert np.isfinite(search.best_score_)
    columns = ColumnTransformer([("codes", vae, ["color", "member"])])
    pipe = make_pipeline(columns, LogisticRegression()).fit(table, TARGET)
    assert set(pipe.predict(table)) <= {0, 1}


def test_a_wrong_estimator_is_named():
    with pytest.raises(TypeError, match="expected a VariationalAutoencoder, or None, found 'mean'"):
        lb.Imputer("mean").fit(np.ones((3, 2)))
