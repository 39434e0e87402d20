"""KL(q ‖ p) in closed form is the mean of log q(z) − log p(z) over z ~ q."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb
from lowerbound.families.divergence import kl_divergence

D = 3
DIAGONAL, FULL, BERNOULLI, CATEGORICAL = (
    lb.DiagonalGaussian(D),
    lb.FullGaussian(D),
    lb.Bernoulli(D),
    lb.Categorical(D, 4),
)
PAIRS = {
    "diagonal-diagonal": (DIAGONAL, DIAGONAL),
    "diagonal-full": (DIAGONAL, FULL),
    "full-diagonal": (FULL, DIAGONAL),
    "full-full": (FULL, FULL),
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


@pytest.mark.parametrize(("family_q", "family_p"), PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("seed", [1, 2])
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
