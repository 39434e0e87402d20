"""Search: what every method keeps to, and that it finds what is there to be found."""

import numpy as np
import numpyro.distributions as dist
import pyarrow
import pytest

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.parts import names
from lowerbound.searching.method import Method

from ..tables import cases
from .models import MIRROR, TARGET, D, X, closeness

METHODS = names("search")
GUIDED = ("bayesian", "evolution", "gradient")
SOON = ("random", "screening", "evolution")  # they compile little


def searched(score=closeness, method="bayesian", **options):
    said = {"calls": 60, "batch": 10, "start": 20, "data": X} | options
    return lb.search(MIRROR, score, method=method, **said)


@pytest.mark.parametrize("method", METHODS)
def test_calls_are_no_more_than_the_budget_and_rows_are_their_codes(method):
    scored = []

    def score(rows):
        scored.extend(rows)
        return closeness(rows)

    found = searched(score, method, calls=57)
    assert found.calls == len(scored) == len(np.unique(scored, axis=0)) == 57
    assert sorted(found.call) == list(range(1, 58))
    assert (np.diff(found.score) <= 0).all()
    np.testing.assert_allclose(found.score, closeness(found.rows))
    np.testing.assert_array_equal(found.rows[np.argsort(found.call)], scored)
    if method == "screening":
        assert {tuple(row) for row in found.rows} <= {tuple(row) for row in X}
    else:
        np.testing.assert_allclose(found.rows, lb.decode(MIRROR, found.z), rtol=1e-6)
        assert (found.nats <= found.limit).all()
    assert found.best == found.best_after(57) >= found.best_after(20)


@pytest.mark.parametrize("method", cases(METHODS, fast=SOON))
def test_a_seed_says_all_and_another_something_else(method):
    a, b, c = (searched(method=method, calls=40, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a.z, b.z)
    assert not np.array_equal(a.z, c.z)


@pytest.mark.parametrize("method", cases(METHODS, fast=SOON))
def test_rows_that_are_worth_nothing_do_no_harm(method):
    def half(rows):
        return np.where(rows[:, 0] < 0, np.nan, closeness(rows))

    found = searched(half, method)
    good = ~np.isnan(found.score)
    assert good.any()
    assert not good.all()
    assert good[: good.sum()].all()
    nothing = searched(lambda rows: np.full(len(rows), np.nan), method, calls=40)
    assert nothing.calls == 40
    assert np.isnan(nothing.best)


@pytest.mark.parametrize("method", cases(GUIDED, fast=["bayesian"]))
def test_a_method_finds_the_best_row_better_than_random_codes_and_screening(method):
    plain = [searched(method=other, calls=120).best for other in ("random", "screening")]
    best = searched(method=method, calls=120).best
    assert best > max(plain)
    assert best > -0.03


@pytest.mark.parametrize("method", cases(GUIDED, fast=["gradient"]))
def test_a_column_is_climbed_to_the_limit(method):
    """E[x₀∣z] = z₀: what holds it is the limit alone."""
    plain = searched("x0", "random", calls=120).best
    found = searched("x0", method, calls=120)
    assert found.best > plain
    np.testing.assert_allclose(found.score, found.z[:, 0], rtol=1e-6)
    assert (found.nats <= found.limit).all()


def test_low_is_good_where_it_is_asked_for():
    low = searched(lambda rows: -closeness(rows), minimize=True)
    high = searched()
    np.testing.assert_array_equal(low.z, high.z)
    np.testing.assert_array_equal(low.score, -high.score)
    found = searched("x1", "gradient", minimize=True)
    assert found.best == found.score.min() < searched("x1", "random", minimize=True).best


def test_a_narrower_limit_keeps_closer_to_the_data():
    near, far = (searched("x0", quantile=q) for q in (0.5, 1.0))
    assert near.limit < far.limit
    assert near.nats.max() <= near.limit
    assert near.best < far.best


TABLE = pyarrow.table({"kind": ["a", "b", "c", "b"] * 20, "n": np.arange(80.0) % 7 + 0.25})


def with_schema(model, schema):
    return lb.VAE(model.prior, model.posterior, model.likelihood, model.transform, schema=schema)


@pytest.fixture(scope="module")
def of_a_table():
    """A model of a table of a word and a number that is drawn beside it."""
    schema = lb.Schema.of(TABLE)
    return with_schema(build(schema.rows(TABLE), latent_dim=2, width=8).model, schema)


def test_the_score_is_handed_a_table_such_as_trained_the_model(of_a_table):
    def score(table):
        assert isinstance(table, pyarrow.Table)
        assert table.column_names == ["kind", "n"]
        kinds = np.array([{"a": 0.0, "b": 1.0, "c": 2.0}[kind] for kind in table["kind"].to_pylist()])
        return kinds + table["n"].to_numpy()

    found = lb.search(of_a_table, score, calls=40, data=TABLE, method="random")
    assert found.rows.column_names == ["kind", "n"]
    np.testing.assert_allclose(found.score, score(found.rows))
    assert found.table().column_names == ["score", "call", "nats", "kind", "n"]


def test_rows_that_agree_in_the_columns_of_a_score_are_scored_once(of_a_table):
    asked = []

    def score(table):
        assert table.column_names == ["kind"]
        asked.extend(table["kind"].to_pylist())
        return [len(kind) for kind in table["kind"].to_pylist()]

    found = lb.search(of_a_table, score, calls=40, data=TABLE, columns="kind", method="screening")
    assert sorted(asked) == ["a", "b", "c"]
    assert found.calls == 3
    assert found.rows.column_names == ["kind", "n"]


@pytest.mark.parametrize("method", cases(METHODS, fast=SOON))
def test_a_search_ends_where_all_rows_are_alike(method):
    """A decoder that gives one row costs one call, and does not go on for ever."""
    model = lb.VAE(MIRROR.prior, MIRROR.posterior, lambda z: dist.Normal(0 * z, 1.0).to_event(1))
    found = lb.search(model, closeness, calls=30, batch=5, start=5, data=X[:20], method=method)
    assert found.calls == (20 if method == "screening" else 1)


def test_the_mean_of_a_column_is_in_its_own_unit(of_a_table):
    far = pyarrow.table({"kind": TABLE["kind"], "n": np.arange(80.0) + 1e9})
    schema = lb.Schema.of(far)
    assert schema.columns[1].offset
    model = with_schema(build(schema.rows(far), latent_dim=2, width=8).model, schema)
    found = lb.search(model, "n", calls=20, data=far, method="random")
    np.testing.assert_allclose(found.score, found.rows["n"].to_numpy(), rtol=0, atol=1e-3)


def test_without_rows_the_model_draws_its_own():
    found = lb.search(MIRROR, closeness, calls=20, method="random")
    assert found.calls == 20


@pytest.mark.thorough
def test_an_estimator_and_its_folder_are_searched_alike(tmp_path):
    vae = lb.VariationalAutoencoder(
        latent_dim=2, width=8, epochs=1, evidence_method="importance", evidence_samples=10, random_state=0
    ).fit(X)
    vae.save(tmp_path / "vae")
    found = [
        lb.search(of, closeness, calls=20, method="random", data=X) for of in (vae, str(tmp_path / "vae"))
    ]
    np.testing.assert_array_equal(found[0].z, found[1].z)
    np.testing.assert_array_equal(found[0].rows, found[1].rows)


class Nudge(Method):
    """A method of one's own."""

    def ask(self):
        return np.repeat(self.z, self.batch, 0) + 0.1 * self.random.normal(size=(self.batch, D))

    def tell(self, z, scores):
        self.z = z[[np.nanargmax(scores)]]


def test_a_method_of_ones_own_fills_the_slot():
    found = searched(method=Nudge)
    assert found.method == "Nudge"
    assert np.abs(found.rows[0] - TARGET).max() < 0.5


def test_callbacks_are_told_calls_and_the_best():
    told = []
    found = searched(method="random", calls=25, callbacks=[lambda *record: told.append(record)])
    assert told[-1] == (25, found.best)
    assert [calls for calls, _ in told] == [10, 20, 25]


def test_what_is_found_prints_units_and_the_limit():
    said = str(searched(method="random", calls=20))
    assert "20 calls of the score, random" in said
    assert "−log q(z) ≤, nats" in said
    assert "limit" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"score": "x9"}, "score: no column 'x9'"),
        ({"method": "bayes"}, "search: unknown 'bayes'; the nearest is 'bayesian'"),
        ({"method": "screening", "data": None}, "data: expected rows"),
        ({"calls": 0}, "calls: expected a whole number of at least 1, found 0"),
        ({"quantile": 0.0}, "quantile: expected a share"),
        ({"columns": "x0"}, "this model knows of no table"),
        ({"data": X[:3]}, "at least 4 rows, found 3"),
        ({"score": lambda rows: 1.0}, "a number for each of 10 rows"),
        ({"score": lambda rows: ["a"] * len(rows)}, "a number for each of 10 rows"),
    ],
)
def test_what_is_wrong_is_said(options, words):
    with pytest.raises(ValueError, match=words):
        searched(**options)


def test_only_a_latent_space_of_real_numbers_is_searched():
    posterior = dist.Categorical(logits=np.zeros((2, 2))).to_event(1)
    codes = lb.VAE(lb.UniformCodes(2, 2), lambda x: posterior, MIRROR.likelihood)
    with pytest.raises(ValueError, match="expected a latent space of real numbers"):
        lb.search(codes, closeness, data=X)


def test_a_column_without_a_mean_is_refused(of_a_table):
    with pytest.raises(ValueError, match="expected a column of numbers, found 'kind'"):
        lb.search(of_a_table, "kind", data=TABLE)


def test_cma_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cma", None)
    with pytest.raises(ImportError, match=r"pip install 'lowerbound\[search\]'"):
        searched(method="evolution")
