"""Values that are missing because of what they are, against integrals of one dimension."""

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow
import pytest
from scipy import integrate, special, stats

import lowerbound as lb
from lowerbound.assembly import build
from lowerbound.data.schema import Schema

MEAN, SD, SLOPE, CENTRE = 0.4, 0.8, 2.5, 1.0


def family(of="either", slope=SLOPE):
    made = lb.SelfMasking(lb.DiagonalGaussian(1, scale=lb.FixedScale(SD)), of=of)
    weights = (jnp.asarray([slope]), jnp.asarray([CENTRE]))
    return _with(made, *weights)


def _with(made, weight, centre):
    import equinox as eqx

    return eqx.tree_at(lambda f: (f.weight, f.centre), made, (weight, centre))


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


def test_the_side_may_be_known():
    assert float(family("high", -3.0).slope[0]) > 0 > float(family("low", 3.0).slope[0])


def test_what_is_given_and_what_is_not_asked_for_is_not_masked():
    """A column that is not given was not asked for: it is not missing by itself."""
    plain = family().taking_missing()
    assert float(plain(jnp.asarray([MEAN])).log_prob(jnp.asarray([jnp.nan]))) == 0


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (lambda: lb.SelfMasking(lb.Bernoulli(2)), TypeError, "expected a continuous family"),
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
HOLED = np.where(ROWS > 1, np.nan, ROWS)
COLORS = pyarrow.table({"color": ["a", "b", "a", "b"], "x": [0.5, None, 1.0, 2.0]})


def self_masking(x):
    return build(x, missing=True, missing_mechanism="self-masking", latent_dim=1, width=4)


@pytest.mark.thorough
def test_the_mechanism_is_an_option_of_what_is_built():
    family = self_masking(HOLED).model.likelihood.family
    assert isinstance(family, lb.SelfMasking)
    assert family.of == "either"
    assert isinstance(family.family, lb.DiagonalGaussian)
    assert isinstance(build(HOLED, missing=True).model.likelihood.family, lb.DiagonalGaussian)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (ROWS, "self-masking learns from missing values, found none; take at-random"),
        (
            np.floor(np.abs(9 * HOLED)),
            "is of real numbers .*, found whole numbers .*diagonal-gaussian, or at-",
        ),
        (np.where(HOLED > 0, 1.0, HOLED * 0), "found values are 0 and 1"),
        (Schema.of(COLORS).rows(COLORS), "found the category 'color'; leave the column out"),
    ],
)
def test_self_masking_is_refused_where_it_cannot_be(x, message):
    with pytest.raises(ValueError, match=message):
        self_masking(x)
    with pytest.raises(ValueError, match="expected at-random or self-masking, found 'random'"):
        build(HOLED, missing=True, missing_mechanism="random")
