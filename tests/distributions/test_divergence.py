"""KL(q ‖ p) in closed form is the mean of log q(z) − log p(z) over z ~ q."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions.transforms import AffineTransform, ExpTransform, SigmoidTransform

import lowerbound as lb
from lowerbound.distributions.divergence import kl_divergence

from ..tables import cases

D = 3
DIAGONAL, FULL, LOW_RANK, BERNOULLI, CATEGORICAL = (
    lb.DiagonalGaussian(D),
    lb.FullGaussian(D),
    lb.LowRankGaussian(D, 2),
    lb.Bernoulli(D),
    lb.Categorical(D, 4),
)
PAIRS = {
    "diagonal-diagonal": (DIAGONAL, DIAGONAL),
    "diagonal-full": (DIAGONAL, FULL),
    "full-diagonal": (FULL, DIAGONAL),
    "full-full": (FULL, FULL),
    "low-rank-diagonal": (LOW_RANK, DIAGONAL),
    "low-rank-full": (LOW_RANK, FULL),
    "low-rank-low-rank": (LOW_RANK, LOW_RANK),
    "diagonal-low-rank": (DIAGONAL, LOW_RANK),
    "full-low-rank": (FULL, LOW_RANK),
    "exp of full-exp of full": (lb.Transformed(FULL, ExpTransform()), lb.Transformed(FULL, ExpTransform())),
    "bernoulli": (BERNOULLI, BERNOULLI),
    "categorical": (CATEGORICAL, CATEGORICAL),
}


def member(family, seed):
    return family(0.7 * jax.random.normal(jax.random.key(seed), (family.size,)))


def monte_carlo(q, p, n=20_000):
    """The mean of log q − log p over n samples of q, and its standard error."""
    z = q.sample(jax.random.key(7), (n,))
    log_ratio = np.asarray(q.log_prob(z) - p.log_prob(z), np.float64)
    return log_ratio.mean(), log_ratio.std() / np.sqrt(n)


def assert_within(standard_errors, value, estimate):
    mean, standard_error = estimate
    assert abs(float(value) - mean) < standard_errors * standard_error


@pytest.mark.parametrize(
    ("family_q", "family_p"), cases(PAIRS, fast=["diagonal-diagonal", "full-diagonal", "bernoulli"])
)
@pytest.mark.parametrize("seed", cases([1, 2], fast=[1]))
def test_closed_form_is_the_mean_of_the_log_ratio(family_q, family_p, seed):
    q, p = member(family_q, seed), member(family_p, seed + 10)
    kl = kl_divergence(q, p)
    assert kl.shape == ()
    assert kl > 0
    assert_within(4, kl, monte_carlo(q, p))


@pytest.mark.parametrize("family", [DIAGONAL, FULL, BERNOULLI, CATEGORICAL], ids=lambda f: type(f).__name__)
def test_divergence_from_itself_is_zero(family):
    q = member(family, 3)
    assert float(kl_divergence(q, q)) == pytest.approx(0, abs=1e-6)


def as_full(q):
    return dist.MultivariateNormal(q.mean, scale_tril=jnp.diag(jnp.sqrt(q.variance)))


def test_diagonal_and_full_forms_agree_where_the_covariance_is_diagonal():
    """One number, by all four formulas."""
    q, p = member(DIAGONAL, 4), member(DIAGONAL, 5)
    forms = [kl_divergence(a, b) for a in (q, as_full(q)) for b in (p, as_full(p))]
    np.testing.assert_allclose(forms, forms[0], rtol=1e-5)


@pytest.mark.parametrize(
    "prior",
    [
        dist.Normal(0.0, 1.0).expand([D]).to_event(1),
        dist.Normal(0.0, jnp.ones(D)).to_event(1),
        dist.Normal(jnp.zeros(D), 1.0).to_event(1),
        dist.MultivariateNormal(jnp.zeros(D), jnp.eye(D)),
        lb.StandardNormal(D)(),
        lb.LearnedPrior(FULL)(),
    ],
    ids=["expanded", "scalar-mean", "scalar-scale", "full", "StandardNormal", "LearnedPrior"],
)
@pytest.mark.parametrize("family", [DIAGONAL, FULL], ids=["diagonal", "full"])
def test_a_standard_normal_is_one_prior_however_it_is_written(family, prior):
    """½ [tr Σ + μᵀμ − d − log det Σ]."""
    q = member(family, 6)
    Sigma = np.asarray(as_full(q).covariance_matrix if family is DIAGONAL else q.covariance_matrix, float)
    mean = np.asarray(q.mean, float)
    expected = 0.5 * (np.trace(Sigma) + mean @ mean - D - np.linalg.slogdet(Sigma)[1])
    np.testing.assert_allclose(kl_divergence(q, prior), expected, rtol=1e-5)


@pytest.mark.parametrize("prior", [lb.StandardNormal(D)(), lb.LearnedPrior(FULL)()], ids=["diagonal", "full"])
@pytest.mark.parametrize(
    "q",
    [
        dist.Normal(1.0, 2.0).expand([D]).to_event(1),
        dist.Normal(1.0, jnp.full(D, 2.0)).to_event(1),
        dist.Normal(jnp.ones(D), 2.0).to_event(1),
    ],
    ids=["expanded", "scalar-mean", "scalar-scale"],
)
def test_a_posterior_that_repeats_a_number_counts_every_dimension(q, prior):
    """Each of D equal dimensions adds KL(N(1, 2²) ‖ N(0, 1)) = ½ (2² + 1 − 1) − log 2."""
    assert float(kl_divergence(q, prior)) == pytest.approx(D * (2 - np.log(2)), rel=1e-5)


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_saturated_probabilities_cost_no_nan(logit):
    """KL(Bernoulli(π) ‖ Bernoulli(½)) → log 2 as π → 0 or 1, with gradient → 0."""
    fair = BERNOULLI(jnp.zeros(D))
    value, gradient = jax.value_and_grad(lambda v: kl_divergence(BERNOULLI(v), fair))(jnp.full(D, logit))
    assert float(value) == pytest.approx(D * np.log(2), rel=1e-5)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("q", "p"),
    [
        (dist.Logistic(jnp.zeros(D), 1.0).to_event(1), lb.StandardNormal(D)()),
        (member(BERNOULLI, 1), member(CATEGORICAL, 1)),
        (dist.Gumbel(jnp.zeros(D), 1.0).to_event(1), member(FULL, 1)),
        (member(FULL, 1), dist.Laplace(jnp.zeros(D), 1.0).to_event(1)),
    ],
    ids=["logistic-normal", "bernoulli-categorical", "gumbel-full", "full-laplace"],
)
def test_a_pair_without_a_closed_form_is_refused(q, p):
    with pytest.raises(NotImplementedError):
        kl_divergence(q, p)


# Families of independent dimensions: q's family and p's, made in float64.
ONE_DIMENSIONAL = {
    "laplace-laplace": (lb.Laplace, lb.Laplace),
    "laplace-normal": (lb.Laplace, lb.DiagonalGaussian),
    "uniform-normal": (lb.Uniform, lb.DiagonalGaussian),
    "cauchy-cauchy": (lb.Cauchy, lb.Cauchy),
    "gumbel-gumbel": (lb.Gumbel, lb.Gumbel),
    "exponential-exponential": (lb.Exponential, lb.Exponential),
    "weibull-weibull": (lb.Weibull, lb.Weibull),
    "rayleigh-rayleigh": (lb.Rayleigh, lb.Rayleigh),
    "exponential-weibull": (lb.Exponential, lb.Weibull),
    "weibull-rayleigh": (lb.Weibull, lb.Rayleigh),
    "weibull-gamma": (lb.Weibull, lb.Gamma),
    "pareto-pareto": (lb.Pareto, lb.Pareto),
    "log-normal-log-normal": (lb.LogNormal, lb.LogNormal),
    "logit-normal-logit-normal": (lb.LogitNormal, lb.LogitNormal),
    "quantile normal-normal": (lambda d: lb.InverseCDF(lb.DiagonalGaussian(d)), lb.DiagonalGaussian),
}


@pytest.mark.parametrize(
    ("family_q", "family_p"), cases(ONE_DIMENSIONAL, fast=["laplace-normal", "weibull-weibull"])
)
def test_closed_form_is_the_integral_over_quantiles(family_q, family_p):
    """∫ (log q − log p)(F⁻¹(u)) du by the trapezium rule in t, u = 1/(1 + e⁻ᵗ)."""
    with jax.enable_x64(True):
        family_q, family_p = family_q(D), family_p(D)
        # Near each other: the far quantiles, which u cannot tell from 1, then count for nothing.
        v, w = (
            0.4 * jax.random.normal(jax.random.key(i), (f.size,)) for i, f in ((1, family_q), (11, family_p))
        )
        q, p = family_q(v), family_p(w)
        t = jnp.linspace(-34, 34, 20_001)
        u = jax.nn.sigmoid(t)[:, None]
        z = family_q.marginals(v).icdf(jnp.broadcast_to(u, (u.size, D)))
        weights = jax.nn.sigmoid(t) * jax.nn.sigmoid(-t) * (t[1] - t[0])
        # Each dimension at its u, the log-ratio being their sum.
        np.testing.assert_allclose(kl_divergence(q, p), weights @ (q.log_prob(z) - p.log_prob(z)), rtol=1e-5)


@pytest.mark.parametrize(
    "make",
    cases(
        [lb.Laplace, lb.Cauchy, lb.Gumbel, lb.LogNormal, lb.LogitNormal, lb.Uniform],
        fast=[lb.Laplace, lb.LogNormal],
    ),
)
def test_a_shared_scale_counts_in_every_dimension(make):
    """D equal dimensions have D times the divergence of one, whichever way their scale is held."""
    q = lambda d: make(d, scale=lb.FixedScale(0.5))(jnp.zeros(d))  # noqa: E731
    p = lambda d: make(d, scale=lb.LearnedScale(initial=2.0))(jnp.full(d, 0.1))  # noqa: E731
    assert float(kl_divergence(q(D), p(D))) == pytest.approx(D * float(kl_divergence(q(1), p(1))), rel=1e-5)


@pytest.mark.parametrize(
    "kind",
    cases(
        [dist.Laplace, dist.Cauchy, dist.Gumbel, dist.LogNormal, dist.Weibull, dist.Pareto, dist.Uniform],
        fast=[dist.Laplace],
    ),
)
def test_numpyros_own_distributions_with_a_number_for_an_array_count_every_dimension(kind):
    q = kind(jnp.full(D, 0.6), 0.9).to_event(1)
    p = kind(0.5, jnp.full(1, 1.1)).expand([D]).to_event(1)
    one = kl_divergence(kind(0.6, 0.9), kind(0.5, 1.1))
    np.testing.assert_allclose(kl_divergence(q, p), D * one, rtol=1e-4)


def test_mass_where_p_has_none_makes_the_divergence_infinite():
    wide, narrow = (lb.Uniform(1)(jnp.array([0.0, log_variance])) for log_variance in (0.0, -1.0))
    assert float(kl_divergence(narrow, wide)) == pytest.approx(0.5)
    assert float(kl_divergence(wide, narrow)) == np.inf
    low, high = (lb.Pareto(1, minimum=m)(jnp.zeros(1)) for m in (1.0, 2.0))
    assert float(kl_divergence(high, low)) == pytest.approx(np.log(2))
    assert float(kl_divergence(low, high)) == np.inf


@pytest.mark.parametrize(
    ("q", "p"),
    [
        (lb.Kumaraswamy(D)(jnp.ones(2 * D)), lb.Beta(D)(jnp.ones(2 * D))),
        (dist.HalfNormal(jnp.ones(D)), dist.HalfNormal(2 * jnp.ones(D))),
        (lb.LogNormal(D)(jnp.zeros(2 * D)), lb.LogitNormal(D)(jnp.zeros(2 * D))),
        (
            lb.Transformed(DIAGONAL, AffineTransform(0.0, 1.0))(jnp.zeros(2 * D)),
            lb.Transformed(DIAGONAL, AffineTransform(0.0, 2.0))(jnp.zeros(2 * D)),
        ),
        (lb.Cauchy(D)(jnp.zeros(2 * D)), lb.StandardNormal(D)()),
        (lb.Uniform(D)(jnp.zeros(2 * D)), member(FULL, 1)),
        (lb.Laplace(D)(jnp.zeros(2 * D)), member(LOW_RANK, 1)),
    ],
    ids=["series", "folded", "other-map", "other-scale", "cauchy-normal", "uniform-full", "laplace-low-rank"],
)
def test_a_pair_that_only_looks_alike_is_refused(q, p):
    """NumPyro's Kumaraswamy-Beta is ten terms of a series, and folding is no bijection."""
    with pytest.raises(NotImplementedError):
        kl_divergence(q, p)


def test_one_bijection_is_one_however_it_is_written():
    v, u = jnp.arange(6) / 6, jnp.zeros(6)
    plain = kl_divergence(DIAGONAL(v), DIAGONAL(u))
    for made, transform, numpyros in (
        (lb.LogNormal(D), ExpTransform(), dist.LogNormal(jnp.zeros(D), 1.0).to_event(1)),
        (lb.LogitNormal(D), SigmoidTransform(), None),
    ):
        general = lb.Transformed(DIAGONAL, transform)
        forms = [made, general]
        pairs = [kl_divergence(a(v), b(u)) for a in forms for b in forms]
        pairs += [] if numpyros is None else [kl_divergence(made(v), numpyros)]
        np.testing.assert_allclose(pairs, plain, rtol=1e-6)
