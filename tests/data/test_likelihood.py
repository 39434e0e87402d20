"""Which likelihood data ask for."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from scipy import stats

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.data.chunks import transformed
from lowerbound.data.likelihood import by_columns, choose
from lowerbound.data.schema import described
from lowerbound.families.fitted import Found
from lowerbound.parts import names

from ..tables import cases

LIKELIHOODS = names("likelihood")

RNG = np.random.default_rng(0)
BINARY = RNG.integers(0, 2, (50, 3))
COUNTS = RNG.integers(0, 17, (50, 3))
TAIL = RNG.poisson(4, (200, 3))
AGES = RNG.integers(0, 100, (50, 3)).astype(np.uint8)
GREY = RNG.integers(0, 256, (50, 3)).astype(np.uint8)
REAL = RNG.normal(5, 2, (50, 3))
POSITIVE = RNG.lognormal(3, 1, (50, 3))
SHARES = RNG.beta(2, 3, (50, 3))
TABLE = RNG.negative_binomial(1, 0.01, (50, 3))


@pytest.mark.parametrize(
    ("x", "options", "family", "transform"),
    [
        (BINARY, {}, lb.Bernoulli, lb.Identity),
        (BINARY.astype(float), {}, lb.Bernoulli, lb.Identity),
        (COUNTS, {}, lb.BetaBinomial, lb.Identity),
        (GREY, {"image": "grey"}, lb.DiscretizedLogistic, lb.Identity),
        (GREY, {}, lb.DiagonalGaussian, lb.Standardization),
        (AGES, {}, lb.DiagonalGaussian, lb.Standardization),
        (TAIL, {}, lb.NegativeBinomial, lb.Identity),
        (TAIL, {"likelihood": "beta-binomial"}, lb.BetaBinomial, lb.Identity),
        (REAL, {}, lb.DiagonalGaussian, lb.Standardization),
        (GREY, {"binarize": "dynamic"}, lb.Bernoulli, lb.DynamicBinarization),
        (GREY, {"binarize": "static"}, lb.Bernoulli, lb.StaticBinarization),
        (GREY, {"binarize": "threshold"}, lb.Bernoulli, lb.Threshold),
        (COUNTS, {"likelihood": "binomial"}, lb.Binomial, lb.Identity),
        (COUNTS, {"likelihood": "categorical"}, lb.Categorical, lb.Identity),
        (COUNTS, {"likelihood": "diagonal-gaussian"}, lb.DiagonalGaussian, lb.Standardization),
        (TABLE, {}, lb.DiagonalGaussian, lb.Standardization),
        (TABLE, {"likelihood": "poisson"}, lb.Poisson, lb.Identity),
        (TABLE, {"likelihood": "negative-binomial"}, lb.NegativeBinomial, lb.Identity),
        (
            TABLE,
            {"likelihood": "zero-inflated-negative-binomial"},
            lb.ZeroInflatedNegativeBinomial,
            lb.Identity,
        ),
        (GREY, {"likelihood": "discretized-logistic"}, lb.DiscretizedLogistic, lb.Identity),
        (GREY, {"likelihood": "discretized-logistic-mixture"}, lb.DiscretizedLogisticMixture, lb.Identity),
        (
            GREY,
            {"likelihood": "continuous-bernoulli", "image": "grey"},
            lb.ContinuousBernoulli,
            lb.Dequantization,
        ),
        (SHARES, {"likelihood": "continuous-bernoulli"}, lb.ContinuousBernoulli, lb.Identity),
        (SHARES, {"likelihood": "beta"}, lb.Beta, lb.Identity),
        (REAL, {"likelihood": "laplace"}, lb.Laplace, lb.Standardization),
        (REAL, {"likelihood": "student-t"}, lb.StudentT, lb.Standardization),
        (REAL, {"likelihood": "full-gaussian"}, lb.FullGaussian, lb.Standardization),
        (REAL, {"likelihood": "low-rank-gaussian"}, lb.LowRankGaussian, lb.Standardization),
        (POSITIVE, {"likelihood": "log-normal"}, lb.LogNormal, lb.Standardization),
    ],
)
def test_the_choice_is_made_and_said(x, options, family, transform):
    choice = choose(x, **options)
    assert type(choice.family) is family
    assert type(choice.transform) is transform
    assert family.__name__.removeprefix("Diagonal").lower() in choice.words.lower().replace(" ", "")


def test_counts_know_their_range():
    assert choose(COUNTS).family.trials == 16
    assert choose(COUNTS, "categorical").family.levels == 17
    assert choose(COUNTS, "discretized-logistic").family.levels == 17
    assert choose(GREY // 2, "discretized-logistic-mixture", image="grey").family.levels == 256


@pytest.mark.parametrize("columns", cases([1, 2, 5], fast=[2]))
def test_an_upper_end_is_taken_from_the_data_only_where_they_show_one(columns):
    """Uniform counts, ratings and saturated ones end; Poisson, binomial and geometric tails do not, however
    many rows there are. Where none is shown a greater count later has a finite probability."""
    rng = np.random.default_rng(columns)
    for n in (100, 1000, 10_000):
        for ended in (
            rng.integers(0, 11, (n, columns)),
            rng.choice(6, (n, columns), p=[0.05, 0.05, 0.1, 0.2, 0.3, 0.3]),
            np.minimum(rng.poisson(8, (n, columns)), 12),
        ):
            assert Found.of(ended, missing=False).ended
        for tail in (
            rng.poisson(4, (n, columns)),
            rng.binomial(20, 0.5, (n, columns)),
            np.minimum(rng.geometric(0.3, (n, columns)), 60),
        ):
            assert not Found.of(tail, missing=False).ended
    later = np.full((1, columns), 20)
    model = build(rng.poisson(2, (100, columns)), latent_dim=1, width=4).model
    assert np.isfinite(lb.log_evidence(model, later, method="importance", samples=2).log_prob).all()


def test_grades_of_several_scales_have_each_its_own_end():
    """One number of trials for all of them costs 0.25 nats a column; counts without an end have none, and
    what ends at one number is as it was."""
    rng = np.random.default_rng(0)
    scales = [(0, 4), (1, 5), (1, 5), (0, 20)]
    grades = np.column_stack([rng.integers(low, high + 1, 300) for low, high in scales])
    _, rows = described(grades)
    assert build(rows, latent_dim=1, width=4).words == "columns of several kinds: FreeForm (4)"
    counts = rng.poisson([0.5, 2, 5, 9], (300, 4))
    for alike in (counts, np.minimum(counts, 3), grades % 2):
        schema, rows = described(alike)
        assert not by_columns(rows.x, schema)
    assert not by_columns(grades, replace(schema, image_shape=(2, 2)))
    holes = np.where(rng.random(grades.shape) < 0.2, np.nan, grades)
    assert by_columns(holes, schema, missing=True)


# Data that each likelihood is made for.
SUITED = dict.fromkeys(LIKELIHOODS, COUNTS) | {
    "auto": REAL,
    "bernoulli": BINARY,
    "continuous-bernoulli": SHARES,
    "beta": SHARES,
    "log-normal": POSITIVE,
}


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_likelihood_is_built_and_gives_a_finite_bound_on_log_p(likelihood):
    """Untrained, as the data come; the mean of p(x∣z) exists, a row as long as the data's."""
    x = SUITED[likelihood].astype(np.float32)
    built = build(x, likelihood=likelihood, latent_dim=2, width=8)
    evidence = lb.log_evidence(built.model, x, method="importance", samples=5)
    assert np.isfinite(evidence.log_prob).all()
    mean = lb.reconstruct(built.model, x)
    assert mean.shape == x.shape
    assert np.isfinite(mean).all()


INDEPENDENT = [name for name in LIKELIHOODS if name not in ("full-gaussian", "low-rank-gaussian")]


@pytest.mark.parametrize("likelihood", cases(INDEPENDENT, fast=["diagonal-gaussian", "beta-binomial"]))
def test_missing_values_are_left_out_of_what_is_said_of_the_data(likelihood):
    """The choice is that of the observed values, also where a column has none."""
    x = SUITED[likelihood].astype(np.float32)
    holes = np.concatenate([x, x[:5], np.full((2, 3), np.nan, np.float32)])
    holes[50:55, 1] = np.nan
    holes = np.concatenate([holes, np.full((57, 1), np.nan, np.float32)], axis=1)
    choice, plain = choose(holes, likelihood, missing=True), choose(x, likelihood)
    assert choice.family.missing
    assert type(choice.family) is type(plain.family)
    assert choice.words.removesuffix(" (1 constant column kept)") == plain.words
    seen = transformed(choice.transform, holes)
    np.testing.assert_array_equal(np.isnan(seen), np.isnan(holes))
    assert choice.family.support(seen).all()
    assert np.isfinite(choice.family(np.zeros(choice.family.size, np.float32)).log_prob(seen)).all()


def test_only_families_of_independent_columns_take_missing_values():
    for likelihood in set(LIKELIHOODS) - set(INDEPENDENT):
        with pytest.raises(
            ValueError, match=rf"missing: {likelihood} takes no .* one of diagonal-gaussian, .*bernoulli"
        ):
            choose(REAL, likelihood, missing=True)


def test_binarisation_keeps_what_is_missing():
    x = GREY.astype(np.float32)
    x[0, 0] = np.nan
    choice = choose(x, binarize="threshold", missing=True)
    assert choice.family.missing
    assert choice.transform.threshold == 127.5


def test_a_table_without_a_value_is_refused():
    with pytest.raises(ValueError, match="at least one value that was observed, found NaN alone"):
        choose(np.full((2, 2), np.nan), missing=True)


def test_the_log_density_of_positive_values_is_in_their_own_units():
    """Behind the division by geometric means: SciPy's log-normal of x itself."""
    choice = choose(POSITIVE, "log-normal")
    seen = transformed(choice.transform, POSITIVE.astype(np.float32))
    np.testing.assert_allclose(np.log(seen).mean(0), 0, atol=1e-5)
    log_prob = choice.family(np.zeros(3, np.float32)).log_prob(seen)
    log_prob += jax.vmap(choice.transform.log_jacobian)(POSITIVE.astype(np.float32))
    logs = np.log(POSITIVE)
    expected = stats.lognorm(logs.std(0), scale=np.exp(logs.mean(0))).logpdf(POSITIVE).sum(1)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5)


def test_a_discretized_logistic_starts_at_the_columns_own_spread():
    """Standard deviations of the family's members at the columns' means, within 2% (bins add 1/12)."""
    x = np.clip(RNG.normal(100, [3, 10, 30], (5000, 3)), 0, 255).astype(np.uint8)
    family = choose(x, "discretized-logistic").family
    p = family((x.mean(0) / 127.5 - 1).astype(np.float32))
    np.testing.assert_allclose(np.sqrt(p.variance), x.std(0), rtol=0.02)


@pytest.mark.parametrize(
    ("x", "options", "expected"),
    [
        (BINARY, {}, (BINARY.sum(0) + 0.5) / 51),
        (GREY, {"binarize": "dynamic"}, (GREY.mean(0) / 255 * 50 + 0.5) / 51),
        (np.zeros((50, 3), np.uint8), {"binarize": "threshold"}, np.full(3, 0.5 / 51)),
        (
            np.clip(RNG.normal(100, 20, (500, 3)), 0, 255).astype(np.uint8),
            {"likelihood": "discretized-logistic"},
            None,
        ),
    ],
)
def test_a_decoder_begins_at_the_columns_means(x, options, expected):
    """An MLP whose biases are 0 maps z = 0 to its last biases."""
    model = build(x, **options).model
    mean = model.p_x(np.zeros(10, np.float32)).mean
    np.testing.assert_allclose(mean, x.mean(0) if expected is None else expected, rtol=0.01)


LARGE = RNG.negative_binomial(2, 2 / (2 + np.array([3.0, 400.0, 50_000.0])), (500, 3))


@pytest.mark.parametrize(
    ("likelihood", "x"),
    [
        *((name, SUITED[name]) for name in LIKELIHOODS),
        *((name, LARGE) for name in names("likelihood", over="whole numbers from 0")),
        ("continuous-bernoulli", np.c_[SHARES, np.full(50, 0.5)]),
    ],
)
def test_every_decoder_starts_at_the_columns_own_margins(likelihood, x):
    """An MLP whose biases are 0 maps z = 0 to its last biases: there the mean is the columns', to a fifth of
    their standard deviation."""
    model = build(x.astype(np.float32), likelihood=likelihood, width=4).model
    mean = model.transform.inverse(model.p_x(np.zeros(10)).mean)
    assert (np.abs(mean - x.mean(0)) <= 0.2 * x.std(0) + 1e-3).all()


@pytest.mark.parametrize(
    "likelihood",
    cases(["negative-binomial", "zero-inflated-negative-binomial"], fast=["negative-binomial"]),
)
def test_large_counts_start_where_independent_columns_are(likelihood):
    """Untrained, at the columns' own negative binomials by the method of moments, to half a nat a column."""
    model = build(LARGE, likelihood=likelihood, latent_dim=2, width=16).model
    mean, variance = LARGE.mean(0), LARGE.var(0)
    r = mean**2 / (variance - mean)
    independent = stats.nbinom(r, r / (r + mean)).logpmf(LARGE).sum(1).mean()
    assert abs(lb.log_evidence(model, LARGE, method="importance", samples=10).mean - independent) < 1.5
    assert type(model.posterior.network) is lb.Log1p


@pytest.mark.parametrize("x", [REAL, COUNTS, TABLE])
def test_a_continuous_bernoulli_of_other_numbers_is_refused_with_the_way_out(x):
    with pytest.raises(ValueError, match=r"over numbers from 0 to 1, or 8-bit images; found .*Divide by"):
        choose(x, "continuous-bernoulli")


def test_counts_beyond_the_few_are_told_of_their_family():
    assert choose(TABLE).words.endswith("; for counts take negative-binomial")
    assert "negative-binomial" not in choose(TABLE.astype(float)).words


@pytest.mark.parametrize("value", [0.1, 1e10])
def test_a_constant_column_has_no_spread_whatever_its_value(value):
    """In float64 the mean of 50 numbers 0.1 is not 0.1."""
    choice = choose(np.concatenate([REAL, np.full((50, 1), value)], axis=1))
    assert choice.transform.scale.value[3] == 1


@pytest.mark.thorough
def test_constant_columns_are_kept_and_said():
    x = np.concatenate([REAL, np.full((50, 1), 7.0)], axis=1)
    choice = choose(x)
    assert "1 constant column kept" in choice.words
    built = build(x.astype(np.float32), latent_dim=1, width=8)
    result = lb.fit(built.model, x, epochs=30)
    evidence = lb.log_evidence(result.model, x, method="importance", samples=10)
    assert np.isfinite(evidence.log_prob).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": "bernouli"}, "likelihood: unknown 'bernouli'; the nearest is 'bernoulli'"),
        ({"binarize": "dynamical"}, "binarize: unknown 'dynamical'; the nearest is 'dynamic'"),
        ({"binarize": "dynamic", "likelihood": "binomial"}, "goes with the likelihood bernoulli"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(options, message):
    with pytest.raises(ValueError, match=message):
        choose(GREY, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"posterior": "gaussian"}, "posterior: unknown 'gaussian'"),
        ({"prior": "standard-norml"}, "prior: unknown 'standard-norml'; the nearest is 'standard-normal'"),
        ({"latent_dim": 0}, "latent_dim: expected at least 1, found 0"),
        ({"width": 0}, "MLP.width"),
        ({"activation": "sine"}, "MLP.activation: expected a function"),
    ],
)
def test_a_model_is_refused_where_a_part_is_unknown(options, message):
    with pytest.raises(ValueError, match=message):
        build(BINARY, **options)


def test_a_blank_pixel_is_not_blown_up():
    """The encoder's view has one scale for all columns."""
    x = np.zeros((1000, 4), np.uint8)
    x[0, 0], x[:500, 1] = 1, 1
    network = build(x, latent_dim=1).model.posterior.network
    assert np.asarray(network.scale.value).shape == ()
    seen = (x - np.asarray(network.mean.value)) / np.asarray(network.scale.value)
    assert np.abs(seen).max() < 5
    assert seen.std() == pytest.approx(1, rel=0.01)
