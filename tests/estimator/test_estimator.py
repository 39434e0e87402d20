"""scikit-learn's own checks, and what an estimator promises besides."""

import pickle

import numpy as np
import pyarrow
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

import lowerbound as lb
from lowerbound.estimator.estimator import VariationalAutoencoder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {
    "latent_dim": 1,
    "width": 8,
    "depth": 1,
    "epochs": 3,
    "evidence_method": "importance",
    "evidence_samples": 4,
    "random_state": 0,
}
DIGITS = load_digits().data


# Training goes by random batches: a row of weight 2 is the row twice in expectation, not to the bit.
STOCHASTIC = {"check_sample_weight_equivalence_on_dense_data": "equal in expectation"}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks():
    vae = VariationalAutoencoder(**SMALL)
    results = check_estimator(vae, on_fail=None, expected_failed_checks=STOCHASTIC)
    failed = {r["check_name"]: repr(r["exception"]) for r in results if r["status"] == "failed"}
    assert not failed
    assert len(results) > 40


# Of scikit-learn's checks a few that go through all methods; all of them are among the slow tests.
FEW = (
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_n_features_in",
    "check_transformer_general",
)


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FEW)
def test_some_of_scikit_learns_checks(name):
    checks = list(estimator_checks_generator(VariationalAutoencoder(**SMALL)))
    chosen = [(estimator, check) for estimator, check in checks if check.func.__name__ == name]
    assert chosen
    for estimator, check in chosen:
        check(estimator)


@pytest.fixture(scope="module")
def vae():
    return VariationalAutoencoder(
        latent_dim=2, width=32, epochs=60, evidence_method="importance", evidence_samples=20, random_state=0
    ).fit(DIGITS[:1500])


def test_a_rows_numbers_do_not_depend_on_the_other_rows(vae):
    X = DIGITS[1500:1600]
    scores = vae.score_samples(X)
    np.testing.assert_array_equal(vae.score_samples(X[::-1])[::-1], scores)
    np.testing.assert_array_equal(vae.score_samples(X[7:8])[0], scores[7])
    np.testing.assert_array_equal(vae.transform(X[3:50]), vae.transform(X)[3:50])
    assert vae.score(X) == pytest.approx(scores.mean())


@pytest.mark.slow
def test_rows_with_holes_are_completed_by_a_model_that_never_saw_one(vae):
    """The nearest of 17 levels is far nearer than by the columns' means."""
    X = DIGITS[1500:1520].copy()
    hole = np.random.default_rng(0).random(X.shape) < 0.1
    X[hole] = np.nan
    means, drawn = vae.impute(X, samples=50, mean=True), vae.impute(X, samples=50)
    for filled in (means, drawn):
        np.testing.assert_array_equal(filled[~hole], X[~hole])
    assert set(drawn[hole]) <= set(range(17))
    truth, columns = DIGITS[1500:1520], DIGITS[:1500].mean(0)
    assert ((means - truth)[hole] ** 2).mean() < ((columns - truth)[hole] ** 2).mean()
    with pytest.raises(ValueError, match="Input X contains NaN"):
        vae.score_samples(X)


def test_codes_and_means_go_there_and_back(vae):
    X = DIGITS[1500:1600]
    Z = vae.transform(X)
    assert Z.shape == (100, 2)
    np.testing.assert_array_equal(vae.reconstruct(X), vae.inverse_transform(Z))
    error, spread = ((vae.reconstruct(X) - X) ** 2).mean(), X.var(0).mean()
    assert error < 0.8 * spread  # two dimensions explain a good part of the variance
    with pytest.raises(ValueError, match="Z has 3 columns, but the model has 2 latent dimensions"):
        vae.inverse_transform(np.ones((1, 3)))


def test_a_reconstruction_may_be_of_codes_fitted_to_the_rows(vae):
    X = DIGITS[1500:1600]
    codes = lb.encode(vae.model_, X, steps=8, key=vae.seed_)
    again = vae.reconstruct(X, steps=8)
    np.testing.assert_allclose(again, vae.inverse_transform(codes), rtol=1e-5, atol=1e-5)
    assert ((again - X) ** 2).mean() < ((vae.reconstruct(X) - X) ** 2).mean()


WORDS = {"word": ["aba", "cab", "bac", "abc"] * 5, "mass": np.linspace(0.5, 2.5, 20)}


@pytest.mark.slow
def test_a_target_is_not_seen_and_a_window_is_that_of_the_text():
    options = {**SMALL, "kinds": {"word": "tokens"}, "targets": ("mass",), "window": 2}
    table = pyarrow.table(WORDS)
    vae = VariationalAutoencoder(**options).fit(table)
    (text,) = (each for each in vae.model_.likelihood.family.families if isinstance(each, lb.Autoregressive))
    assert text.network.window == 2
    heavier = pyarrow.table({**WORDS, "mass": WORDS["mass"][::-1]})
    np.testing.assert_array_equal(vae.transform(heavier), vae.transform(table))
    words = table.drop_columns("mass")
    np.testing.assert_array_equal(vae.transform(words), vae.transform(table))
    told = vae.impute(words, mean=True)
    assert told.column_names == ["word", "mass"]
    assert told["word"] == table["word"]
    assert np.isfinite(told["mass"].to_numpy()).all()


@pytest.mark.thorough
def test_the_weight_of_the_rate_rises_within_a_pass_of_partial_fit():
    """Of text: it had its end when the pass ended, or a warning, which is an error here, would say so."""
    vae = VariationalAutoencoder(**SMALL, kinds={"word": "tokens"}, batch_size=4)
    for _ in range(2):
        vae.partial_fit(pyarrow.table(WORDS))
    assert vae.n_iter_ == 2


def test_samples_are_observations_or_means(vae):
    observations, means = vae.sample(50), vae.sample(50, mean=True)
    assert (vae.sample(50) != observations).any()  # others at every call
    assert set(np.unique(observations)) <= set(range(17))
    assert (means % 1 != 0).any()
    np.testing.assert_array_equal(vae.sample(3, random_state=1), vae.sample(3, random_state=1))
    assert (vae.sample(3, random_state=1) != vae.sample(3, random_state=2)).any()


def test_outliers_are_the_rows_whose_p_value_is_small(vae):
    """Of 150 calibration rows those are 15; p-values are conformal ones; noise is flagged, and of usual rows
    beside it hardly any."""
    X, noise = DIGITS[1500:], np.random.default_rng(0).integers(0, 17, (50, 64))
    assert len(vae.calibration_scores_) == 150
    assert vae.offset_ == vae.threshold(0.1) == vae.calibration_scores_[14]
    p = vae.p_values(X)
    np.testing.assert_array_equal(vae.predict(X) == -1, p <= 0.1)
    np.testing.assert_array_equal(p, lb.conformal_p_values(vae.score_samples(X), vae.calibration_scores_))
    assert (vae.p_values(noise) == 1 / 151).all()
    flagged = vae.flag(np.r_[noise, X], false_discovery_rate=0.1)
    assert flagged[:50].all()
    assert flagged[50:].sum() <= 20
    with pytest.raises(ValueError, match="a share between 0 and 1, found 2"):
        vae.threshold(2)


def test_calibration_rows_neither_train_nor_choose(vae):
    """The rows that fit was given less those that trained and chose are as many, and their log p(x) is what
    was kept."""
    from lowerbound.inference.fingerprints import fingerprints

    X = vae.schema_.encode(DIGITS[:1500])
    known = {bytes(row) for part in vae.trained_on_[:2] for row in part}
    others = np.array([bytes(row) not in known for row in fingerprints(X)])
    assert others.sum() == 150
    np.testing.assert_array_equal(np.sort(vae.score_samples(DIGITS[:1500][others])), vae.calibration_scores_)


@pytest.mark.slow
def test_a_number_for_contamination_is_the_share_of_the_rows_of_fit():
    options = {**SMALL, "contamination": 0.25}
    for calibration, kept in ((0.1, 30), (0, 0), (40, 40)):
        vae = VariationalAutoencoder(**options, calibration=calibration).fit(DIGITS[:300])
        assert (vae.predict(DIGITS[:300]) == -1).sum() == 75
        assert len(vae.calibration_scores_) == kept
    vae = VariationalAutoencoder(**SMALL, calibration=0).fit(DIGITS[:300])
    assert (vae.predict(DIGITS[:300]) == -1).sum() == 30
    with pytest.raises(ValueError, match="calibration: expected rows that were kept back, found none"):
        vae.p_values(DIGITS[:3])
    for wrong in ({"calibration": 299}, {"calibration": -0.1}, {"contamination": 2}):
        with pytest.raises(ValueError, match=r"(calibration|contamination): expected .* found"):
            VariationalAutoencoder(**{**SMALL, **wrong}).fit(DIGITS[:300])


@pytest.mark.slow
def test_the_surprise_of_a_row_points_at_the_column_that_is_odd():
    """Two columns that are nearly one, a third apart, one that never changes: the row that breaks the tie is
    surprising in both of them, the row far off in the third there; a constant that changes was never seen."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=400)
    X = np.c_[
        z + rng.normal(0, 0.1, 400), z + rng.normal(0, 0.1, 400), rng.normal(size=400), np.full(400, 3.0)
    ]
    options = {**SMALL, "width": 32, "epochs": 200, "learning_rate": 1e-2, "evidence_error": 0.2}
    vae = VariationalAutoencoder(**options).fit(X)
    odd = np.array([[1.0, -1.0, 0.0, 3.0], [0.5, 0.5, 9.0, 3.0], [0.5, np.pi / 6, 0.0, 2.0]])
    nats = vae.surprise(odd)
    assert nats.shape == (3, 4)
    assert nats[0, :2].min() > nats[0, 2] + 3
    assert nats[1].argmax() == 2
    assert nats[2, 3] == np.inf
    assert (nats[:2, 3] == 0).all()


def test_pickling_cloning_and_saving_keep_every_number(vae, tmp_path):
    X = DIGITS[1500:1520]
    vae.save(tmp_path / "vae")
    for copy in (pickle.loads(pickle.dumps(vae)), lb.load(tmp_path / "vae")):
        assert isinstance(copy, VariationalAutoencoder)
        np.testing.assert_array_equal(copy.score_samples(X), vae.score_samples(X))
        np.testing.assert_array_equal(copy.transform(X), vae.transform(X))
        assert (copy.offset_, copy.n_iter_, copy.schema_) == (vae.offset_, vae.n_iter_, vae.schema_)
        assert copy.threshold(0.3) == vae.threshold(0.3)
    with pytest.raises(FileExistsError, match="already holds a model"):
        vae.save(tmp_path / "vae")
    fresh = clone(vae)
    assert not hasattr(fresh, "model_")
    with pytest.raises(NotFittedError):
        fresh.transform(X)


@pytest.mark.slow
def test_random_state_is_all_there_is_to_chance():
    def fitted(state):
        return (
            VariationalAutoencoder(**{**SMALL, "random_state": state}).fit(DIGITS[:100]).transform(DIGITS[:9])
        )

    np.testing.assert_array_equal(fitted(3), fitted(3))
    assert (fitted(3) != fitted(4)).any()
    np.testing.assert_array_equal(fitted(np.random.RandomState(5)), fitted(np.random.RandomState(5)))


@pytest.mark.slow
def test_it_works_in_a_pipeline_a_search_and_beside_others():
    X, y = DIGITS[:300], load_digits().target[:300]
    pipe = make_pipeline(VariationalAutoencoder(**SMALL), LogisticRegression())
    assert 0 <= pipe.fit(X, y).score(X, y) <= 1
    search = GridSearchCV(VariationalAutoencoder(**SMALL), {"latent_dim": [1, 2]}, cv=2).fit(X)
    assert set(search.best_params_) == {"latent_dim"}
    scores = cross_val_score(VariationalAutoencoder(**SMALL), X, cv=2)  # of the search's shapes
    assert scores.shape == (2,)
    assert np.isfinite(scores).all()


@pytest.mark.slow
def test_it_works_under_joblib(vae):
    parts = np.array_split(DIGITS[:60], 3)
    together = Parallel(n_jobs=2)(delayed(vae.score_samples)(part) for part in parts)
    np.testing.assert_array_equal(np.concatenate(together), vae.score_samples(DIGITS[:60]))


@pytest.mark.thorough
def test_pandas_goes_in_and_comes_out():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(DIGITS[:80, 20:23], columns=["a", "b", "c"])
    vae = VariationalAutoencoder(**{**SMALL, "latent_dim": 2}).set_output(transform="pandas").fit(frame)
    assert vae.feature_names_in_.tolist() == ["a", "b", "c"]
    out = vae.transform(frame)
    expected = ["variationalautoencoder0", "variationalautoencoder1"]
    assert out.columns.tolist() == vae.get_feature_names_out().tolist() == expected
    permuted = frame[["c", "b", "a"]]
    np.testing.assert_array_equal(vae.transform(permuted), out)
    np.testing.assert_array_equal(vae.score_samples(permuted), vae.score_samples(frame))
    with pytest.raises(ValueError, match="feature names"):
        vae.transform(frame[["a", "b"]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_named_by_its_column(value):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": [30.0, 40.0, 50.0], "height": [1.5, value, 1.75]})
    with pytest.raises(
        lb.DataError, match=f"X: expected finite numbers, found {value} in row 1, column 'hei"
    ):
        VariationalAutoencoder(**SMALL).fit(frame)


@pytest.mark.thorough
def test_partial_fit_goes_on_with_the_optimiser_where_it_was(tmp_path):
    X, _ = make_blobs(200, 3, random_state=0)
    vae = VariationalAutoencoder(**{**SMALL, "batch_size": 50, "learning_rate": 1e-2})
    bounds = [vae.partial_fit(X).history_[-1]["bound"] for _ in range(15)]
    assert vae.n_iter_ == 15
    assert np.mean(bounds[-3:]) > np.mean(bounds[:3]) + 0.5
    _, (adam, *_) = vae.state_.optimizer  # behind the limit on the norm
    assert int(adam.count) == 15 * 4  # steps of all passes, not of the last
    again = pickle.loads(pickle.dumps(vae)).partial_fit(X)
    np.testing.assert_array_equal(again.transform(X), vae.partial_fit(X).transform(X))


@pytest.mark.slow
def test_a_fit_that_has_not_converged_says_so():
    with pytest.warns(ConvergenceWarning, match="still rose by .* nats a row.*raise epochs"):
        VariationalAutoencoder(latent_dim=1, width=8, epochs=12, random_state=0).fit(DIGITS[:500])


@pytest.mark.slow
def test_the_density_of_real_data_is_in_their_own_units():
    """Scaling a column by c moves log p(x) by −log c."""
    rng = np.random.default_rng(0)
    X = rng.normal(3, 2, (400, 2)) @ np.array([[1, 0.5], [0, 1]])
    options = {
        **SMALL,
        "epochs": 30,
        "evidence_method": "importance",
        "evidence_samples": 50,
    }
    one = VariationalAutoencoder(**options).fit(X)
    ten = VariationalAutoencoder(**options).fit(X * [1, 10])
    assert one.likelihood_.endswith("Gaussian with a learned scale a column, standardised")
    assert ten.score(X * [1, 10]) == pytest.approx(one.score(X) - np.log(10), abs=0.02)


@pytest.mark.parametrize(
    ("options", "X", "message"),
    [
        ({"likelihood": "bernoulli"}, DIGITS[:50], r"values in \{0, 1\}.*binarise"),
        ({"likelihood": "poison"}, DIGITS[:50], "unknown 'poison'"),
        ({"latent_dim": 0}, DIGITS[:50], "latent_dim: expected at least 1"),
        ({"epochs": -1}, DIGITS[:50], "epochs: expected a number above 0"),
        (
            {"evidence_method": "importance", "evidence_samples": 0},
            DIGITS[:50],
            "samples of at least 2",
        ),
        ({}, DIGITS[:1], "minimum of 2 is required"),
    ],
)
def test_a_wrong_call_says_what_was_expected(options, X, message):
    with pytest.raises(ValueError, match=message):
        VariationalAutoencoder(**{**SMALL, **options}).fit(X)


@pytest.mark.thorough
@pytest.mark.parametrize("options", [{"calibration": 200}, {"calibration": 0}])
def test_the_threshold_is_of_rows_in_any_order(monkeypatch, options):
    """Of rows whose likely ones come first, more than are looked at, a tenth is below it; within 5 standard
    errors of 200 that are looked at."""
    monkeypatch.setattr("lowerbound.estimator.trained._KEPT", 200)
    x = np.random.default_rng(0).normal(size=(1000, 1))
    X = x[np.argsort(np.abs(x[:, 0]))] * [1, -1]
    vae = VariationalAutoencoder(**SMALL, **options).fit(X)
    share = (vae.predict(X) == -1).mean()
    assert share == pytest.approx(0.1, abs=5 * np.sqrt(0.1 * 0.9 / 200))


@pytest.mark.thorough
@pytest.mark.parametrize("likelihood", ["diagonal-gaussian", "negative-binomial"])
def test_a_row_far_out_is_an_outlier(likelihood):
    """A fill value in one column, 2,000 and more deviations off: a number, below all others, or −∞."""
    X = np.random.default_rng(0).poisson(20, (60, 3)).astype(float)
    vae = VariationalAutoencoder(**SMALL, likelihood=likelihood).fit(X)
    far = X[:3].copy()
    far[:, 1] = [1e4, 1e6, 1e30]
    scores = vae.score_samples(far)
    assert scores.dtype == np.float64
    assert (scores < vae.score_samples(X).min()).all()
    assert (vae.predict(far) == -1).all()


@pytest.mark.slow
def test_the_rows_that_trained_it_are_known_again(tmp_path):
    """Of 80 rows 72 trained and 8 chose; of a saved estimator too; of a second pass over others all."""
    X, others = DIGITS[:80], DIGITS[80:120]
    vae = VariationalAutoencoder(**SMALL).fit(X)
    vae.save(tmp_path / "vae")
    for what in (vae, tmp_path / "vae"):
        metrics = lb.evaluate(what, DIGITS[:120], method="importance", samples=4).metrics
        assert (metrics.rows_trained_on, metrics.rows_that_chose_the_model) == (72, 8)
    again = lb.load(tmp_path / "vae").partial_fit(others)
    assert lb.evaluate(again, DIGITS[:120], method="importance", samples=4).metrics.rows_trained_on == 112


@pytest.mark.thorough
def test_an_objective_may_be_an_object(tmp_path):
    vae = VariationalAutoencoder(**SMALL, objective=lb.IWAE(3)).fit(DIGITS[:40])
    vae.save(tmp_path / "vae")
    assert lb.load(tmp_path / "vae").objective.samples == clone(vae).objective.samples == 3
    with pytest.raises(ValueError, match=r"IWAE.* has its own beta and gradient; found beta=2"):
        VariationalAutoencoder(**SMALL, objective=lb.IWAE(3), beta=2.0).fit(DIGITS[:40])


@pytest.mark.slow
def test_a_column_of_seconds_since_1970_keeps_its_digits():
    """As an array, float64: distinct values stay distinct, a row ten deviations out in it is an outlier, and
    samples are in its own units."""
    rng = np.random.default_rng(0)
    X = np.c_[1.7e9 + rng.normal(0, 5, 300), rng.normal(size=300), np.full(300, 3.5)]
    vae = lb.VariationalAutoencoder(
        1, width=8, epochs=30, evidence_method="importance", evidence_samples=20, random_state=0
    ).fit(X)
    far = X[:1].copy()
    far[0, 0] += 50
    assert vae.predict(far).tolist() == [-1]
    assert vae.score_samples(far)[0] < vae.score_samples(X).min()
    drawn = vae.sample(200, random_state=0)
    assert drawn.shape == (200, 3)
    assert abs(drawn[:, 0].mean() - 1.7e9) < 3
    assert 2 < drawn[:, 0].std() < 10
    assert set(drawn[:, 2]) == {3.5}
    np.testing.assert_allclose(vae.reconstruct(X)[:, 2], 3.5)
    assert "says nothing of a row" in str(vae.schema_)
    left = X[:2].copy()
    left[1, 2] = 4.0
    assert vae.score_samples(left)[1] == -np.inf
    assert vae.predict(left)[1] == -1


@pytest.mark.slow
def test_the_schema_knows_the_names_of_a_frames_columns():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame({"height": [1.5, 1.75, 1.6, 1.8], "age": [30, 40, 50, 60]})
    vae = lb.VariationalAutoencoder(1, width=4, epochs=1, random_state=0).fit(X)
    assert str(vae.schema_).splitlines()[1] == "  height  real numbers from 1.5 to 1.8"
    np.testing.assert_array_equal(vae.transform(X[["age", "height"]]), vae.transform(X))
