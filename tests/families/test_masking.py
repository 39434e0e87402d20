"""Values that are missing because of what they are, against integrals of one dimension."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pyarrow
import pytest
from scipy import integrate, special, stats

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.data.schema import Schema
from lowerbound.families.cut import with_what_is_cut
from lowerbound.families.fitted import Found

from ..tables import cases

MEAN, SD, SLOPE, CENTRE = 0.4, 0.8, 2.5, 1.0


def family(of="either", slope=SLOPE, inner=None):
    made = lb.SelfMasking(inner or lb.DiagonalGaussian(1, scale=lb.FixedScale(SD)), of=of)
    d = made.event_size
    learned = (jnp.full(d, slope / 10), jnp.full(d, -slope * CENTRE / 10))
    return eqx.tree_at(lambda f: (f.steepness, f.lift), made, learned)


def pi(x):
    return special.expit(SLOPE * (x - CENTRE))


def integral(function):
    density = stats.norm(MEAN, SD).pdf
    return integrate.quad(lambda x: density(x) * function(x), -10, 10)[0]


P = family()(jnp.asarray([MEAN]))
GONE = integral(pi)


def test_a_value_counts_with_what_it_would_be_missed_for():
    for x in (-1.0, 0.4, 2.0):
        expected = stats.norm(MEAN, SD).logpdf(x) + np.log1p(-pi(x))
        assert float(P.log_prob(jnp.asarray([x]))) == pytest.approx(expected, abs=1e-5)


def test_a_hole_counts_the_integral():
    """To 1e-3 by 32 quantiles; with the density of the values it is 1 in all."""
    assert float(jnp.exp(P.log_prob(jnp.asarray([jnp.nan])))) == pytest.approx(GONE, abs=1e-3)
    x = jnp.linspace(-6, 6, 4001)[:, None]
    observed = float(jnp.exp(jax.vmap(P.log_prob)(x)).sum() * 12 / 4000)
    assert observed + float(jnp.exp(P.log_missing[0])) == pytest.approx(1, abs=2e-3)


def test_values_given_that_they_are_missing():
    """Density, mean and draws of p(x) π(x)/E[π]: 20,000 draws within 5 standard errors."""
    hidden = family().given_missing()(jnp.asarray([MEAN]))
    x = 1.3
    expected = stats.norm(MEAN, SD).logpdf(x) + np.log(pi(x) / GONE)
    assert float(hidden.log_prob(jnp.asarray([x]))) == pytest.approx(expected, abs=5e-3)
    mean = integral(lambda x: x * pi(x)) / GONE
    variance = integral(lambda x: x**2 * pi(x)) / GONE - mean**2
    assert float(hidden.mean[0]) == pytest.approx(mean, abs=0.02)
    n = 20_000
    drawn = np.asarray(hidden.sample(jax.random.key(0), (n,)))[:, 0]
    assert abs(drawn.mean() - mean) < 5 * np.sqrt(variance / n)
    assert drawn.var() == pytest.approx(variance, rel=0.05)


N = 4_000
LAWS = np.random.default_rng(0)
GAINS = np.where(LAWS.random(N) < 0.3, 0.0, LAWS.exponential(1, N))
SIZES = LAWS.lognormal(0, 0.5, N)
KIDS = LAWS.poisson(2.0, N)
DOSES = LAWS.normal(1, 0.3, N).round(2)


def of_any_form(columns, steps):
    x = np.stack(columns, 1).astype(float)
    fitted = lb.FreeForm.fitted_by_column(Found.of(x, missing=True), steps)
    return fitted.family, jnp.asarray(fitted.start, float)


FAMILIES = {
    "density with points": lambda: of_any_form([SIZES, GAINS], None),
    "masses": lambda: of_any_form([KIDS, DOSES], (1, 100)),
    "coins": lambda: (lb.Bernoulli(2), jnp.asarray([0.5, -1.0])),
    "counts that end": lambda: (lb.BetaBinomial(2, 9), jnp.asarray([0.3, -0.2, 0.1, 0.4])),
    "Student": lambda: (lb.StudentT(2, df=5.0), jnp.asarray([0.2, 1.0, 0.0, -1.0])),
}
_SUPPORTED = {name: make for name, make in FAMILIES.items() if name != "Student"}


@pytest.mark.thorough
@pytest.mark.parametrize(
    "make", cases(_SUPPORTED, fast=["masses"], slow=["density with points", "counts that end"])
)
def test_of_any_family_what_is_observed_and_what_is_not_make_1(make):
    """Of 60,000 draws the share that the logistic function hides is E[π], the mean of the hidden is that of
    draws given missing, each within 5 standard errors and a quadrature's 0.01; and with them observed values
    make 1."""
    inner, v = make()
    masked = family(inner=inner)
    p, hidden = masked(v), masked.given_missing()(v)
    x = np.asarray(inner.marginals(v).sample(jax.random.key(1), (60_000,)), np.float64)
    share = pi(x)
    expected = share.mean(0)
    gone = np.exp(np.asarray(p.log_missing, np.float64))
    np.testing.assert_allclose(gone, expected, atol=0.01 + 5 * 0.5 / np.sqrt(len(x)))
    kept = np.exp(np.asarray(masked.mask.log_observed(jnp.asarray(x, float)), np.float64)).mean(0)
    np.testing.assert_allclose(gone + kept, 1, atol=0.01)
    mean = (share * x).mean(0) / expected
    spread = np.sqrt((share * (x - mean) ** 2).mean(0) / expected)
    np.testing.assert_allclose(hidden.mean, mean, atol=0.05 * spread.max())
    drawn = np.asarray(hidden.sample(jax.random.key(0), (20_000,)), np.float64)
    error = np.abs(drawn.mean(0) - mean) / spread
    assert error.max() < 5 / np.sqrt(20_000) + 5 / np.sqrt(60_000 * expected.min()) + 0.02
    inside = np.asarray(masked.family.marginals(v).log_prob(jnp.asarray(drawn[:500], float)))
    assert np.isfinite(inside).all()


@pytest.mark.slow
def test_a_whole_number_is_hidden_for_what_it_is():
    """log E[π] of masses is the sum over the numbers, and draws given missing are such numbers."""
    inner, v = of_any_form([KIDS], (1,))
    masked = family(inner=inner)
    k = jnp.arange(30.0)[:, None]
    mass = np.exp(np.asarray(jax.vmap(inner.marginals(v).log_prob)(k), np.float64))
    gone = float(jnp.exp(masked(v).log_missing[0]))
    assert gone == pytest.approx((mass * pi(np.asarray(k))).sum(), abs=0.01)
    drawn = np.asarray(masked.given_missing()(v).sample(jax.random.key(0), (200,)))
    assert (drawn == np.rint(drawn)).all()


def test_a_mask_reaches_no_further_than_values_do():
    """π falls off far out, and 1 − π is its complement to the last digit, also there."""
    column = np.where(X_CUT > 0, np.nan, X_CUT)[:, None]
    inner = lb.DiagonalGaussian(1, scale=lb.FixedScale(SD))
    mask = lb.SelfMasking(inner, of="high", observed=column).mask
    x = jnp.asarray([[-2.0], [0.5], [2.0], [20.0]])
    log_pi, log_rest = mask.log_missing(x), mask.log_observed(x)
    np.testing.assert_allclose(jnp.exp(log_pi) + jnp.exp(log_rest), 1, atol=1e-6)
    assert log_pi[2, 0] > log_pi[0, 0]
    assert log_pi[3, 0] < log_pi[1, 0]
    assert np.isfinite(jax.grad(lambda x: mask.log_observed(x).sum())(x)).all()


X_CUT = np.random.default_rng(3).normal(size=2_000)


@pytest.mark.parametrize("end", ["high", "low"])
def test_a_mask_begins_at_the_end_of_what_was_observed(end):
    """A column without holes begins without any, whatever is known of the direction."""
    side = 1 if end == "high" else -1
    x = np.stack([np.where(side * X_CUT > 0.3, np.nan, X_CUT), X_CUT], 1)
    masked = lb.SelfMasking(lb.DiagonalGaussian(2, scale=lb.FixedScale(1.0)), of=end, observed=x)
    p = masked(jnp.zeros(2))
    share = np.isnan(x[:, 0]).mean()
    np.testing.assert_allclose(jnp.exp(p.log_missing)[0], share, atol=0.05)
    assert float(jnp.exp(p.log_missing)[1]) < 1e-2


def test_what_is_cut_is_put_beyond_the_end():
    """Of a normal column and of the square of one, the mean of what was cut, to a seventh of the spread."""
    rng = np.random.default_rng(1)
    for whole in (10 + 2 * rng.normal(size=4000), (5 + rng.normal(size=4000)) ** 2):
        for end, gone in (("high", whole > np.median(whole)), ("low", whole < np.median(whole))):
            filled = with_what_is_cut(np.where(gone, np.nan, whole), end)
            assert (filled[~gone] == whole[~gone]).all()
            assert abs(filled[gone].mean() - whole[gone].mean()) < 0.15 * whole.std()
    assert np.isnan(with_what_is_cut(np.full(3, np.nan), "high")).all()
    few = with_what_is_cut(np.array([1.0, 1.0, np.nan]), "low")
    assert np.isfinite(few).all()


def test_the_side_may_be_known():
    assert float(family("high", -3.0).slope[0]) > 0 > float(family("low", 3.0).slope[0])


def test_what_is_given_and_what_is_not_asked_for_is_not_masked():
    """A column that is not given was not asked for: it is not missing by itself."""
    plain = family().taking_missing()
    assert float(plain(jnp.asarray([MEAN])).log_prob(jnp.asarray([jnp.nan]))) == 0


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (lambda: lb.SelfMasking(lb.Categorical(2, 3)), TypeError, "that are numbers, found Categorical"),
        (lambda: lb.SelfMasking(lb.Poisson(2)), TypeError, "have a quantile function"),
        (lambda: lb.SelfMasking(lb.FullGaussian(2)), TypeError, "of independent dimensions"),
        (lambda: lb.SelfMasking(lb.DiagonalGaussian(2), of="up"), ValueError, "found 'up'"),
    ],
)
def test_another_family_is_refused(made, error, message):
    with pytest.raises(error, match=message):
        made()


@pytest.mark.slow
def test_training_finds_what_high_values_were_taken_for():
    """Two columns, z + noise each; of the first a value is missing with probability σ(4 (x − ½)). A model for
    which holes say nothing takes its mean for too low; with the mask in it the mean is right, to 0.25, and
    the missing values are put where they were."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1500, 1))
    x = z + 0.5 * rng.normal(size=(1500, 2))
    gone = rng.random(1500) < special.expit(4 * (x[:, 0] - 0.5))
    seen = np.where(np.stack([gone, np.zeros_like(gone)], 1), np.nan, x).astype(np.float32)
    off = {}
    for masked in (False, True):
        columns = lb.DiagonalGaussian(2, scale=lb.LearnedScale(), missing=True)
        columns = lb.SelfMasking(columns, of="high") if masked else columns
        latent, key = lb.DiagonalGaussian(1), jax.random.key(0)
        model = lb.VAE(
            lb.StandardNormal(1),
            lb.Conditional(lb.MLP(2, latent.size, width=16, key=key), latent),
            lb.Conditional(lb.MLP(1, 2, depth=0, key=key), columns),
        )
        fitted = lb.fit(model, seen, objective=lb.IWAE(10), epochs=25, learning_rate=0.02, validation=0).model
        filled = lb.impute(fitted, seen, samples=100, mean=True)
        off[masked] = (filled - x)[gone, 0].mean()
    assert off[False] < -0.3
    assert abs(off[True]) < 0.25


ROWS = np.random.default_rng(0).normal(size=(20, 2))
WHOLE = "a mask is of independent numbers with quantiles, found whole numbers"
HOLED = np.where(ROWS > 1, np.nan, ROWS)
COLORS = pyarrow.table({"color": ["a", "b", "a", "b"], "x": [0.5, None, 1.0, 2.0], "bit": [0, 1, None, 1]})


def self_masking(x, mechanism="self-masking"):
    return build(x, missing=True, missing_mechanism=mechanism, latent_dim=1, width=4)


@pytest.mark.thorough
@pytest.mark.parametrize("end", ["high", "low", "either"])
def test_the_mechanism_is_an_option_of_what_is_built(end):
    mechanism = "self-masking" if end == "either" else f"self-masking-{end}"
    family = self_masking(HOLED, mechanism).model.likelihood.family
    assert isinstance(family, lb.SelfMasking)
    assert family.of == end
    assert isinstance(family.family, lb.DiagonalGaussian)
    assert isinstance(build(HOLED, missing=True).model.likelihood.family, lb.DiagonalGaussian)


@pytest.mark.thorough
def test_of_a_table_each_column_of_numbers_has_its_mask(tmp_path):
    """Rounded and whole numbers and coins too; a level is missing at random."""
    built = self_masking(Schema.of(COLORS).rows(COLORS), "self-masking-high")
    kinds = {type(getattr(f, "family", f)).__name__ for f in built.model.likelihood.family.families}
    masked = [isinstance(f, lb.SelfMasking) for f in built.model.likelihood.family.families]
    assert kinds == {"Categorical", "FreeForm", "Bernoulli"}
    assert sum(masked) == 2
    table = lb.impute(built.model, Schema.of(COLORS).rows(COLORS), mean=True, samples=20)
    assert np.isfinite(table).all()
    lb.save(built.model, tmp_path / "model")
    again = lb.load(tmp_path / "model")
    assert eqx.tree_equal(again.likelihood.family, built.model.likelihood.family)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (ROWS, "self-masking learns from missing values, found none; take at-random"),
        (
            np.floor(9 * np.abs(HOLED)) ** 3,
            "a mask is of independent numbers with quantiles, found whole numbers",
        ),
    ],
)
def test_self_masking_is_refused_where_it_cannot_be(x, message):
    with pytest.raises(ValueError, match=message):
        build(
            x,
            missing=True,
            missing_mechanism="self-masking",
            likelihood="negative-binomial" if message == WHOLE else "auto",
        )
    with pytest.raises(ValueError, match=r"expected at-random or self-masking.*, found 'random'"):
        build(HOLED, missing=True, missing_mechanism="random")
