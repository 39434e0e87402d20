"""The estimator on frames with text: the five jobs by one object, and frames come back."""

import numpy as np
import pytest

import lowerbound as lb

pandas = pytest.importorskip("pandas")
pytestmark = pytest.mark.thorough
N = 120
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def people():
    frame = pandas.DataFrame(
        {
            "color": RNG.choice(["red", "green", "blue"], N),
            "member": RNG.random(N) < 0.3,
            "weight": RNG.normal(70, 10, N),
            "children": RNG.integers(0, 4, N),
        }
    )
    frame.loc[3, "color"] = None
    frame.loc[4, "weight"] = np.nan
    return frame


@pytest.fixture(scope="module")
def vae(people):
    quick = {"evidence_method": "importance", "evidence_samples": 100}
    return lb.VariationalAutoencoder(latent_dim=2, width=8, epochs=2, random_state=0, **quick).fit(people)


def test_rows_are_scored_and_encoded(vae, people):
    assert vae.likelihood_.startswith("columns of several kinds: Categorical (1), Bernoulli (1)")
    assert vae.transform(people).shape == (N, 2)
    scores = vae.score_samples(people)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(vae.score_samples(people[people.columns[::-1]]), scores)
    assert set(vae.predict(people)) <= {-1, 1}
    assert list(vae.feature_names_in_) == list(people.columns)


def test_drawn_and_reconstructed_rows_are_such_a_frame(vae, people):
    for frame in (vae.sample(10), vae.reconstruct(people[:10])):
        assert list(frame.columns) == list(people.columns)
        assert (frame.dtypes.drop("color") == people.dtypes.drop("color")).all()
        assert set(frame["color"]) <= {"red", "green", "blue"}
    some = people[10:13].set_axis(["x", "y", "z"])
    for frame in (vae.reconstruct(some), vae.impute(some, samples=50)):
        assert frame.index.tolist() == ["x", "y", "z"]


def test_holes_are_filled_and_what_was_observed_is_as_it_was(vae, people):
    filled = vae.impute(people, samples=50)
    assert filled.notna().all(axis=None)
    observed = people.notna()
    assert (filled.where(observed) == people.where(observed)).where(observed, True).all(axis=None)
    assert len(vae.impute(people[:5], samples=50, draws=3)) == 3


def test_what_is_known_of_holes_comes_in_such_frames(vae, people):
    found = vae.imputed(people, samples=50, interval=0.8, draws=2)
    for frame in (found.mean, *found.draws):
        assert frame.notna().all(axis=None)
        assert list(frame.columns) == list(people.columns)
    assert found.lower["weight"][4] < found.mean["weight"][4] < found.upper["weight"][4]
    assert pandas.isna(found.lower["color"][3])
    levels = found.probabilities["color"]
    assert list(levels.columns) == ["blue", "green", "red"]
    assert levels.loc[3].sum() == pytest.approx(1, abs=1e-5)
    assert levels.loc[3].idxmax() == found.mean["color"][3]
    assert set(levels.drop(index=3).to_numpy().ravel()) == {0, 1}
    assert (found.probabilities["member"].to_numpy()[:, 1] == people["member"]).all()
    assert np.flatnonzero(~np.isnan(found.effective_sample_size)).tolist() == [3, 4]


@pytest.mark.slow
def test_rows_are_drawn_given_columns(vae, people):
    rows = vae.sample(30, given={"color": "green", "member": True, "children": 2}, random_state=0)
    assert (rows.dtypes.drop("color") == people.dtypes.drop("color")).all()
    assert set(rows["color"]) == {"green"}
    assert rows["member"].all()
    assert (rows["children"] == 2).all()
    assert rows["weight"].nunique() == 30
    with pytest.raises(
        lb.DataError, match="expected one of blue, green, red, found 'pink' in column 'color'"
    ):
        vae.sample(3, given={"color": "pink"})


def test_a_level_that_was_never_seen_is_an_outlier(vae, people):
    odd = people[:2].copy()
    odd["color"] = ["pink", "red"]
    assert vae.score_samples(odd)[0] == -np.inf
    assert vae.predict(odd)[0] == -1


def test_another_frame_is_refused_by_its_columns(vae, people):
    with pytest.raises(lb.DataError, match="found no 'color'"):
        vae.transform(people.drop(columns="color"))


def test_it_is_saved_and_loaded(vae, people, tmp_path):
    vae.save(tmp_path / "vae")
    again = lb.load(tmp_path / "vae")
    assert again.schema_ == vae.schema_
    np.testing.assert_array_equal(again.transform(people), vae.transform(people))
