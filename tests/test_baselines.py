"""Baselines: closed forms, monotone EM, normalised densities, bounds that are bounds."""

import json
from itertools import islice, product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import save_file
from scipy import optimize, stats
from scipy.special import logsumexp

from lowerbound import baselines as lb
from lowerbound.baselines import (
    BetaBinomialMixture,
    BinomialMixture,
    CategoricalMixture,
    Dequantized,
    FactorMixture,
    FullGaussianMixture,
    expectation_maximization,
    fit_baselines,
    load_baselines,
    paired_difference,
    save_baselines,
)

TRIALS = {"bernoulli": 1, "binomial": 4, "beta-binomial": 4, "categorical": 3}
FAMILIES = {
    "bernoulli": BinomialMixture,
    "binomial": BinomialMixture,
    "beta-binomial": BetaBinomialMixture,
    "categorical": CategoricalMixture,
}


def clusters(kind, rows=300, columns=2, seed=0):
    """Rows from two clusters of Binomial columns, one of them never 0 in the first column."""
    rng = np.random.default_rng(seed)
    rate = np.where(rng.random((rows, 1)) < 0.5, 0.15, 0.8)
    return rng.binomial(TRIALS[kind], np.broadcast_to(rate, (rows, columns))).astype(float)


def grid(trials, columns=2):
    return np.array(list(product(range(trials + 1), repeat=columns)), float)


@pytest.fixture(scope="module")
def fitted():
    """Baselines of every kind on two columns, each with rows to score."""
    result = {}
    for kind, trials in TRIALS.items():
        x = clusters(kind)
        result[kind] = fit_baselines(x, kind, trials=trials), x
    x = np.random.default_rng(0).normal([3.0, -1e3], [2.0, 1e-2], (300, 2))
    return result | {"gaussian": (fit_baselines(x, "gaussian"), x)}


EVERY = [*TRIALS, "gaussian"]


@pytest.mark.parametrize("kind", EVERY)
def test_names_and_notes(fitted, kind):
    baselines, x = fitted[kind]
    gaussians = {"factor-analysis", "gaussian-mixture-full", "gaussian-mixture-diagonal"}
    assert set(baselines) == gaussians | (set() if kind == "gaussian" else {"independent", "mixture"})
    for name, density in baselines.items():
        bound = kind != "gaussian" and name in gaussians
        assert ("a lower bound, through uniform dequantisation" in density.note) == bound
        assert "\n" not in density.note
        scores = density.log_prob(x)
        assert scores.shape == (len(x),)
        assert np.isfinite(scores).all()


# ── EM ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize("pseudo_rows", [0.1, 1.0])
def test_em_never_lowers_its_objective(kind, pseudo_rows):
    x = clusters(kind, columns=7)
    rng = np.random.default_rng(1)
    start = FAMILIES[kind].uniform(5, 7, TRIALS[kind])
    steps = expectation_maximization(start, x, rng.dirichlet(np.ones(5), len(x)), pseudo_rows)
    objective = np.array([value for _, value in islice(steps, 60)])
    assert (np.diff(objective) >= -1e-11 * np.abs(objective[1:])).all()
    assert objective[-1] > objective[0] + 1


def test_em_is_monotone_to_rounding_in_single_precision(monkeypatch):
    monkeypatch.setattr(lb, "TABLE_ENTRIES", 0)
    x = clusters("binomial", rows=2000, columns=7)
    x[:, 0] = 4  # a mean that single precision can round to 1
    rng = np.random.default_rng(1)
    start = BinomialMixture.uniform(5, 7, 4)
    assert start.statistics(x).dtype == np.float32
    steps = expectation_maximization(start, x, rng.dirichlet(np.ones(5), len(x)))
    objective = np.array([value for _, value in islice(steps, 60)])
    assert (np.diff(objective) >= -1e-6 * np.abs(objective[1:])).all()


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_objective_is_the_penalised_log_likelihood(kind):
    """With two pseudo-rows of every column's smoothed marginal, column by column."""
    x, trials = clusters(kind, rows=50), TRIALS[kind]
    start = FAMILIES[kind].uniform(2, 2, trials)
    halves = np.eye(2)[np.arange(50) % 2]
    mixture, objective = next(expectation_maximization(start, x, halves, pseudo_rows=2.0))
    values = np.arange(trials + 1.0)
    expected = mixture.log_prob(x).sum()
    for k in range(2):
        eta, constant = mixture.natural()
        expected += 2.0 * (np.log(mixture.weights[k]) + constant[k])
        for d in range(2):
            counts = (x[:, d][:, None] == values).sum(0)
            marginal = (counts + 1 / (trials + 1)) / 51
            if kind in ("bernoulli", "binomial"):
                expected += 2.0 * marginal @ values * eta[k, d]
            else:
                expected += 2.0 * marginal @ eta[k].reshape(2, -1)[d]
    assert_allclose(objective, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["bernoulli", "binomial"])
def test_independent_columns_have_the_closed_form(fitted, kind):
    baselines, x = fitted[kind]
    n, rows = TRIALS[kind], len(x)
    marginal = (x.sum(0) + n / 2) / (rows + 1)
    p = (x.sum(0) + marginal) / (n * (rows + 1))
    assert_allclose(baselines["independent"].log_prob(x), stats.binom(n, p).logpmf(x).sum(1), rtol=1e-10)


def test_independent_beta_binomial_is_at_its_maximum(fitted):
    """Against a general optimiser: the same smoothed histogram, the same optimum."""
    baselines, x = fitted["beta-binomial"]
    independent, values = baselines["independent"], np.arange(5)
    for d in range(2):
        counts = (x[:, d][:, None] == values).sum(0)
        weights = counts + (counts + 1 / 5) / (len(x) + 1)

        def loss(log_ab, weights=weights):
            return -weights @ stats.betabinom(4, *np.exp(log_ab)).logpmf(values)

        best = optimize.minimize(loss, [0.0, 0.0], method="Nelder-Mead")
        found = loss(np.log([independent.a[0, d], independent.b[0, d]]))
        assert 0 <= found - best.fun + 1e-9 < 1e-2 * len(x)
        assert_allclose(found, best.fun, rtol=1e-4)


def test_one_component_is_independent_columns():
    x = clusters("bernoulli")
    one = lb._fit_products(x, 1, empty=BinomialMixture, trials=1, seed=5, steps=50)
    independent = fit_baselines(x, "bernoulli")["independent"]
    assert_allclose(one.log_prob(x), independent.log_prob(x), rtol=1e-12)


def test_a_mixture_finds_two_clusters(fitted):
    """The mixture is above independent columns where columns depend on each other."""
    for kind in TRIALS:
        baselines, _ = fitted[kind]
        fresh = clusters(kind, seed=9)
        better, error = paired_difference(
            baselines["mixture"].log_prob(fresh), baselines["independent"].log_prob(fresh)
        )
        assert better > 3 * error


# ── Densities ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", TRIALS)
@pytest.mark.parametrize("name", ["independent", "mixture"])
def test_probabilities_sum_to_one(fitted, kind, name):
    density = fitted[kind][0][name]
    assert_allclose(logsumexp(density.log_prob(grid(TRIALS[kind]))), 0, atol=1e-10)


@pytest.mark.parametrize("kind", TRIALS)
@pytest.mark.parametrize("name", ["factor-analysis", "gaussian-mixture-full"])
def test_dequantised_bounds_sum_to_at_most_one(fitted, kind, name):
    density = fitted[kind][0][name]
    assert logsumexp(density.log_prob(grid(TRIALS[kind]))) < 0


def test_members_agree_with_scipy():
    rng = np.random.default_rng(0)
    w, x = np.array([0.3, 0.7]), grid(6)
    p, a, b = rng.random((2, 2)), rng.gamma(1.0, size=(2, 2)), rng.gamma(1.0, size=(2, 2))
    a[0, 0] = 1e5  # nearly Binomial

    def mixture(members):
        return logsumexp([np.log(w[k]) + members[k] for k in range(2)], axis=0)

    assert_allclose(
        BinomialMixture(6, w, "", p).log_prob(x),
        mixture([stats.binom(6, p[k]).logpmf(x).sum(1) for k in range(2)]),
        rtol=1e-10,
    )
    assert_allclose(
        BetaBinomialMixture(6, w, "", a, b).log_prob(x),
        mixture([stats.betabinom(6, a[k], b[k]).logpmf(x).sum(1) for k in range(2)]),
        rtol=1e-7,  # scipy's own differences of log-gammas
    )


def test_gaussians_agree_with_scipy():
    rng = np.random.default_rng(0)
    shift, scale, w = rng.normal(size=3), rng.gamma(2.0, size=3), np.array([0.4, 0.6])
    means, noise = rng.normal(size=(2, 3)), rng.gamma(1.0, size=(2, 3))
    loadings, x = rng.normal(size=(2, 3, 2)), rng.normal(size=(50, 3))
    covariances = [loadings[k] @ loadings[k].T + np.diag(noise[k]) for k in range(2)]
    expected = logsumexp(
        [
            np.log(w[k])
            + stats.multivariate_normal(
                shift + scale * means[k], np.diag(scale) @ covariances[k] @ np.diag(scale)
            ).logpdf(x)
            for k in range(2)
        ],
        axis=0,
    )
    low_rank = FactorMixture(shift, scale, w, means, noise, loadings, "")
    roots = np.stack([np.linalg.inv(np.linalg.cholesky(c)).T for c in covariances])
    full = FullGaussianMixture(shift, scale, w, means, roots, "")
    assert_allclose(low_rank.log_prob(x), expected, rtol=1e-10)
    assert_allclose(full.log_prob(x), expected, rtol=1e-10)


def test_factor_analysis_is_that_of_scikit_learn():
    """Also through the compressed rows, and after a change of units."""
    from sklearn.decomposition import FactorAnalysis

    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 8)) + 0.3 * rng.normal(size=(400, 8))
    z = (x - x.mean(0)) / x.std(0)
    expected = FactorAnalysis(2, random_state=0, max_iter=5000, tol=1e-8).fit(z).score_samples(z)
    found = lb._fit_factors(x, 2, seed=0).log_prob(x) + np.log(x.std(0)).sum()
    assert_allclose(found.mean(), expected.mean(), atol=1e-3)


def test_a_change_of_units_changes_the_density_by_its_jacobian():
    x = np.random.default_rng(0).normal(size=(200, 3))
    unit, milli = fit_baselines(x, "gaussian"), fit_baselines(1e3 * x + 7e5, "gaussian")
    for name in unit:
        assert_allclose(
            milli[name].log_prob(1e3 * x + 7e5), unit[name].log_prob(x) - 3 * np.log(1e3), rtol=1e-5
        )


def test_dequantised_gaussian_is_below_the_integrated_probability():
    """In one dimension log P(x) = log(Φ(x+1) - Φ(x)); the bound's expectation by quadrature."""
    mean, sd = 2.3, 1.4
    normal = FullGaussianMixture(
        np.array([mean]), np.array([sd]), np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)), ""
    )
    x, draws = np.arange(7.0)[:, None], 20_000
    bound = Dequantized(normal, seed=0, draws=draws).log_prob(x)
    u = (np.arange(1000) + 0.5) / 1000
    each = stats.norm(mean, sd).logpdf(x + u)
    assert (np.abs(bound - each.mean(1)) < 4 * each.std(1) / np.sqrt(draws)).all()
    exact = np.log(np.diff(stats.norm(mean, sd).cdf(np.arange(8.0))))
    assert (each.mean(1) < exact).all()
    assert (bound < exact).all()


def test_a_value_unseen_in_training_keeps_a_probability():
    x = np.zeros((100, 2))
    x[:50] = 4
    unseen = np.array([[2.0, 2.0]])
    for kind in ("binomial", "beta-binomial", "categorical"):
        for name in ("independent", "mixture"):
            score = fit_baselines(x, kind, trials=4)[name].log_prob(unseen)
            assert score > -40


# ── The numbers belong to rows ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", EVERY)
def test_a_subset_or_permutation_gives_each_row_its_number(fitted, kind):
    baselines, x = fitted[kind]
    x = np.concatenate([x] * 3)  # more than one chunk
    order = np.random.default_rng(3).permutation(len(x))
    for density in baselines.values():
        scores = density.log_prob(x)
        assert_allclose(density.log_prob(x[order]), scores[order], rtol=1e-12)
        assert_allclose(density.log_prob(x[7:8]), scores[7:8], rtol=1e-12)
        assert_array_equal(density.log_prob(np.where(x == 0, -0.0, x)), scores)  # -0 is 0
        assert density.log_prob(x[:0]).shape == (0,)


def test_the_seed_decides_everything():
    x = clusters("binomial", columns=3)
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first, second, third = (fit_baselines(x, "binomial", trials=4, seed=s) for s in (1, 1, 2))
    assert_array_equal(np.random.get_state()[1], before)
    for name in first:
        assert_array_equal(first[name].log_prob(x), second[name].log_prob(x))
    bound = "factor-analysis"
    assert (first[bound].log_prob(x) != third[bound].log_prob(x)).any()


def test_a_cap_on_rows_is_said(monkeypatch):
    monkeypatch.setattr(lb, "GAUSSIAN_ENTRIES", 300)
    monkeypatch.setattr(lb, "FULL_COLUMNS", 2)
    baselines = fit_baselines(clusters("bernoulli", columns=3), "bernoulli")
    assert "trained on 100 of 300 rows" in baselines["factor-analysis"].note
    assert "trained on" not in baselines["mixture"].note
    assert "gaussian-mixture-full" not in baselines
    assert "full covariance left out above 2 columns" in baselines["gaussian-mixture-diagonal"].note


def test_paired_difference():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=50), rng.normal(size=50)
    mean, error = paired_difference(a, b)
    assert_allclose([mean, error], [(a - b).mean(), stats.sem(a - b)])
    with pytest.raises(ValueError, match=r"found shapes \(3,\) and \(2,\)"):
        paired_difference([1.0, 2.0, 3.0], [1.0, 2.0])


# ── Store ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", EVERY)
def test_saved_and_loaded_baselines_give_the_same_numbers(fitted, kind, tmp_path):
    baselines, x = fitted[kind]
    path = tmp_path / "baselines.safetensors"
    save_baselines(baselines, path)
    loaded = load_baselines(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert list(loaded) == list(baselines)
    for name in baselines:
        assert loaded[name].note == baselines[name].note
        assert_array_equal(loaded[name].log_prob(x), baselines[name].log_prob(x))


COIN = {"coin": {"kind": "binomial-mixture", "trials": 1, "note": "a coin"}}
ARRAYS = {"coin/weights": np.ones(1), "coin/probabilities": np.full((1, 2), 0.5)}


def write(path, records, arrays=ARRAYS, form="lowerbound-baselines-1"):
    text = records if isinstance(records, str) else json.dumps(records)
    save_file(arrays, path, metadata={"format": form, "baselines": text})


def test_the_file_that_the_malformed_ones_differ_from(tmp_path):
    write(tmp_path / "good", COIN)
    assert_allclose(load_baselines(tmp_path / "good")["coin"].log_prob([[0, 1]]), np.log(0.25))


@pytest.mark.parametrize(
    "case",
    [
        dict(records=COIN, form="another"),
        dict(records="{"),
        dict(records="[" * 100_000),
        dict(records="3"),
        dict(records={"coin": "text"}),
        dict(records={"coin": {}}),
        dict(records={"coin": COIN["coin"] | {"kind": "os.system"}}),
        dict(records={"coin": COIN["coin"] | {"trials": "many"}}),
        dict(records={"coin": COIN["coin"] | {"trials": 0}}),
        dict(records={"coin": COIN["coin"] | {"note": 3}}),
        dict(records={"coin": COIN["coin"] | {"weights": [1.0]}}),
        dict(records={"x": {"kind": "dequantized", "density": COIN["coin"], "seed": 0}}),
        dict(records=COIN, arrays={"coin/weights": np.ones(1)}),
        dict(records=COIN, arrays=ARRAYS | {"coin/weights": np.full(1, 0.5)}),
        dict(records=COIN, arrays=ARRAYS | {"coin/weights": np.ones(1, np.int64)}),
        dict(records=COIN, arrays=ARRAYS | {"coin/probabilities": np.full((1, 2), 1.5)}),
        dict(records=COIN, arrays=ARRAYS | {"coin/probabilities": np.full((1, 2), np.nan)}),
        dict(records=COIN, arrays=ARRAYS | {"coin/probabilities": np.full(2, 0.5)}),
    ],
    ids=lambda case: "",
)
def test_a_malformed_file_is_one_line_that_names_it(case, tmp_path):
    path = tmp_path / "broken.safetensors"
    write(path, **case)
    with pytest.raises(ValueError, match=r"broken\.safetensors: not a file of baselines") as error:
        load_baselines(path)
    assert "\n" not in str(error.value)


def test_a_truncated_or_foreign_file_is_refused(fitted, tmp_path):
    path = tmp_path / "baselines.safetensors"
    save_baselines(fitted["gaussian"][0], path)
    whole = path.read_bytes()
    for content in (b"", b"\x80\x04N.", whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a file of baselines"):
            load_baselines(path)
    with pytest.raises(FileNotFoundError, match="absent"):
        load_baselines(tmp_path / "absent")


# ── Wrong calls ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("x", "kind", "trials", "message"),
    [
        (np.ones((20, 2)), "poisson", None, "kind 'poisson': expected one of bernoulli"),
        (np.ones(20), "gaussian", None, r"expected rows \(n, d\), found shape \(20,\)"),
        (np.full((20, 2), np.nan), "gaussian", None, "column 0 holds NaN"),
        (np.full((20, 2), 0.5), "bernoulli", None, "row 0, column 0 is 0.5: expected whole"),
        (np.full((20, 2), -1), "binomial", 4, "row 0, column 0 is -1: expected whole"),
        (np.full((20, 2), 2), "bernoulli", None, "x holds 2: bernoulli data go from 0 to 1"),
        (np.full((20, 2), 5), "binomial", 4, "x holds 5: binomial data go from 0 to 4"),
        (np.ones((20, 2)), "beta-binomial", None, "needs trials"),
        (np.ones((20, 2)), "binomial", 0, "trials is 0"),
        (np.ones((9, 2)), "bernoulli", None, "x has 9 rows: baselines need at least 10"),
    ],
)
def test_a_wrong_call_says_what_was_expected(x, kind, trials, message):
    with pytest.raises(ValueError, match=message):
        fit_baselines(x, kind, trials=trials)


def test_rows_that_cannot_be_scored_are_refused(fitted):
    for density in fitted["binomial"][0].values():
        with pytest.raises(ValueError, match="x has 3 columns: the baseline was fitted to 2"):
            density.log_prob(np.ones((4, 3)))
        with pytest.raises(ValueError, match=r"row 0, column 1 is 0\.5: expected whole"):
            density.log_prob([[0, 0.5]])
    with pytest.raises(ValueError, match="row 0, column 1 is 5: expected whole numbers from 0 up"):
        fitted["binomial"][0]["mixture"].log_prob([[0, 5]])


@pytest.mark.parametrize("rows", [10, 30])
@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("constant", [False, True])
def test_small_and_constant_tables_are_fitted(rows, columns, constant):
    x = clusters("binomial", rows=rows, columns=columns)
    x[:, 0] = 3 if constant else x[:, 0]
    for kind, trials in (("beta-binomial", 4), ("gaussian", None)):
        for density in fit_baselines(x, kind, trials=trials).values():
            assert np.isfinite(density.log_prob(x)).all()


# ── Real data ────────────────────────────────────────────────────────────────────────────────────


def test_digits():
    """The order that the sketches found on 1,437 / 360 rows, 0..16."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(load_digits().data, test_size=0.2, random_state=0)
    baselines = fit_baselines(train, "beta-binomial", trials=16)
    score = {name: density.log_prob(test).mean() for name, density in baselines.items()}
    assert score["factor-analysis"] > -135
    assert score["gaussian-mixture-full"] > -123
    assert score["gaussian-mixture-diagonal"] > -119
    assert score["independent"] > -111
    assert score["mixture"] > -90.5
