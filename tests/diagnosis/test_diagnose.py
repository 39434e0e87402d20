"""Why a model is bad: each fault is planted in a model whose every number is known, and found by its name."""

import math
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb
from lowerbound.diagnosis.judges import LOSS

from ..closed_form.discrete_codes import CODES, IMAGES, codes_model, log_p, log_q
from ..closed_form.linear_gaussian import LinearGaussian, affine

D, K, N, SIGMA = 200, 2, 300, 0.5
rng = np.random.default_rng(0)
BASIS, _ = np.linalg.qr(rng.normal(size=(D, K)))
# The posterior's precision I + WᵀW/σ² is 9 I, its covariance I/9, and I(x; z) = log 9.
TRUTH = LinearGaussian(W=SIGMA * math.sqrt(8) * BASIS, b=rng.normal(size=D), sigma=SIGMA)


def drawn(n, *, mean=0.0, truth=TRUTH, seed=1):
    """n rows of the model, z ~ N(mean, I)."""
    rng = np.random.default_rng(seed)
    z = mean + rng.normal(size=(n, K))
    return (z @ truth.W.T + truth.b + truth.sigma * rng.normal(size=(n, D))).astype(np.float32)


def diagnosed(model, x=None, **options):
    x = drawn(N) if x is None else x
    return lb.diagnose(model, x, gap_rows=60, samples=500, **options)


def faults(diagnosis):
    return [verdict.name for verdict in diagnosis.verdicts if not verdict.healthy]


def close(estimate, expected, errors=4, rounding=2e-3):
    return abs(estimate.mean - expected) < errors * estimate.standard_error + rounding


WARM = [{"step": 200, "best_step": 180}]
SCHEDULE = lb.ELBO(beta=lb.WarmUp(100))


@pytest.fixture(scope="module")
def healthy():
    return diagnosed(TRUTH.model(), train=drawn(N, seed=2), history=WARM, objective=SCHEDULE)


@pytest.mark.slow
def test_the_exact_model_is_healthy_in_every_respect(healthy):
    assert [verdict.name for verdict in healthy.verdicts] == [
        "collapsed dimensions",
        "weak posterior",
        "amortisation gap",
        "prior mismatch",
        "memorised rows",
        "decoder scale",
        "unfinished warm-up",
    ]
    assert faults(healthy) == []
    assert healthy.healthy
    assert all(verdict.advice == () for verdict in healthy.verdicts)


@pytest.mark.thorough
def test_the_exact_models_numbers_are_the_closed_forms(healthy):
    """I(x; z) = log 9 between its two bounds, KL(q(z) ‖ p(z)) = 0, −E log p(x) the entropy of a Gaussian, and
    no gap: within 4 standard errors."""
    entropy = 0.5 * (D * (1 + math.log(2 * math.pi * SIGMA**2)) + K * math.log(9))
    assert close(healthy.rate, math.log(9))
    assert close(healthy.elbo, -entropy)
    assert close(healthy.log_evidence, -entropy)
    assert healthy.mutual_information.mean < math.log(9) < healthy.mutual_information_upper.mean + 0.1
    assert healthy.mutual_information.mean == pytest.approx(math.log(9), abs=0.3)
    assert close(healthy.marginal_kl_lower, 0)
    for gap in (healthy.inference_gap, healthy.approximation_gap, healthy.amortization_gap):
        assert gap.mean == pytest.approx(0, abs=0.01)
    np.testing.assert_allclose(healthy.posterior_mean_variance, 8 / 9, atol=0.25)
    np.testing.assert_allclose(np.nanmedian(healthy.decoder_scale.residual), 1, atol=0.01)


@pytest.mark.thorough
def test_the_rate_is_split_without_a_remainder(healthy):
    """Both ways, to rounding; and the bound is what rate and distortion leave."""
    rate = healthy.rate.mean
    assert healthy.mutual_information.mean + healthy.marginal_kl.mean == pytest.approx(rate, abs=1e-9)
    assert healthy.mutual_information_upper.mean + healthy.marginal_kl_lower.mean == pytest.approx(
        rate, abs=1e-9
    )
    assert healthy.elbo.mean == pytest.approx(-rate - healthy.distortion.mean, abs=1e-9)
    assert healthy.inference_gap.mean == pytest.approx(
        healthy.approximation_gap.mean + healthy.amortization_gap.mean, abs=1e-9
    )


@pytest.mark.thorough
@pytest.mark.parametrize(("used", "fault"), [((1.0, 0.0), []), ((0.0, 0.0), ["collapsed dimensions"])])
def test_collapsed_dimensions(used, fault):
    """A column of W is 0, and the exact posterior of its z its prior: no fault of one, one of both."""
    truth = LinearGaussian(TRUTH.W * np.array(used), TRUTH.b, SIGMA)
    diagnosis = diagnosed(truth.model(), drawn(N, truth=truth))
    assert faults(diagnosis) == fault
    assert diagnosis.active.tolist() == [share > 0 for share in used]
    said = f"{used.count(0.0)} of 2 dimensions of z ({'0, ' if fault else ''}1, counted from 0) say nothing"
    assert said in diagnosis.verdicts[0].finding


def correlated():
    """The exact posterior has precision I + WᵀW/σ² with eigenvalues 500 along (1, 1) and 5 along (1, −1); the
    posterior is diagonal: the best of its family has the exact mean and the precision's diagonal."""
    turned = np.array([[1.0, 1.0], [1.0, -1.0]]) / math.sqrt(2)
    truth = LinearGaussian(SIGMA * BASIS @ np.diag(np.sqrt([499.0, 4.0])) @ turned, TRUTH.b, SIGMA)
    latent = lb.DiagonalGaussian(K)
    precision = np.diag(np.linalg.inv(truth.posterior_covariance))
    gain = truth.posterior_gain
    weight = np.concatenate([gain.T, np.zeros((D, K))], axis=1)
    bias = np.concatenate([-gain @ truth.b, -np.log(precision)])
    posterior = lb.Conditional(affine(weight, bias), latent)
    return truth, eqx.tree_at(lambda model: model.posterior, truth.model(), posterior)


@pytest.mark.slow
def test_a_posterior_whose_family_cannot_be_right():
    """½ [Σ log Λᵢᵢ − log det Λ] = 1.62 nats lie between the best diagonal Gaussian and log p(x): found within
    4 standard errors, and 0.05 for an optimiser that stops."""
    truth, model = correlated()
    precision = np.linalg.inv(truth.posterior_covariance)
    gap = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    assert gap > 1.5 * LOSS
    diagnosis = diagnosed(model, drawn(N, truth=truth))
    assert faults(diagnosis) == ["weak posterior"]
    assert close(diagnosis.approximation_gap, gap, rounding=0.05)
    assert close(diagnosis.amortization_gap, 0, rounding=0.05)
    assert "DiagonalGaussian" in diagnosis.verdicts[1].finding
    assert ("posterior", "full-gaussian") in {(a.argument, a.value) for a in diagnosis.verdicts[1].advice}


@pytest.mark.thorough
def test_an_encoder_that_misses_the_best_of_its_family():
    """All posterior means are off by 0.45: ½ δᵀΛδ = 1.82 nats that the family could have."""
    model = TRUTH.model(shift=0.45)
    diagnosis = diagnosed(model)
    assert faults(diagnosis) == ["amortisation gap"]
    assert TRUTH.gap(shift=0.45) > 1.5 * LOSS
    assert close(diagnosis.amortization_gap, TRUTH.gap(shift=0.45))
    assert close(diagnosis.inference_gap, TRUTH.gap(shift=0.45))
    assert diagnosis.approximation_gap.mean == pytest.approx(0, abs=0.01)
    assert close(diagnosis.marginal_kl_lower, 0.45**2)


@pytest.mark.thorough
def test_codes_that_are_not_where_the_prior_is():
    """Of z ~ N(m, I) the exact posterior makes q(z) = N(8/9 m, I): KL(q(z) ‖ p(z)) = ½ |8/9 m|² = 1.98."""
    mean = np.array([2.0, 1.0])
    exact = 0.5 * ((8 / 9 * mean) ** 2).sum()
    diagnosis = diagnosed(TRUTH.model(), drawn(N, mean=mean))
    assert faults(diagnosis) == ["prior mismatch"]
    assert diagnosis.marginal_kl_lower.mean - 0.1 < exact < diagnosis.marginal_kl.mean + 0.1
    assert close(diagnosis.marginal_kl_lower, exact)


@pytest.mark.thorough
def test_training_rows_that_were_memorised():
    """b is the mean of ten training rows, so that their bounds are higher, by about D/10 nats: the squared
    distance from it is σ² D (1 − 1/10) for those and σ² D (1 + 1/10) for others, but for K directions."""
    train = drawn(10, seed=3)
    model = LinearGaussian(TRUTH.W, train.mean(0), SIGMA).model()
    diagnosis = diagnosed(model, train=train)
    assert faults(diagnosis) == ["memorised rows"]
    assert close(diagnosis.generalization_gap, D / 10, rounding=1.0)


@pytest.mark.thorough
@pytest.mark.parametrize(("factor", "side"), [(0.2, "too sure"), (5, "wider than the data")])
def test_a_decoder_scale_that_is_wrong(factor, side):
    """σ is that many times the data's, and the posterior exact for it: residuals are 1/factor of it."""
    sharp = LinearGaussian(TRUTH.W, TRUTH.b, factor * SIGMA)
    diagnosis = diagnosed(sharp.model())
    assert faults(diagnosis) == ["decoder scale"]
    (verdict,) = (verdict for verdict in diagnosis.verdicts if not verdict.healthy)
    assert side in verdict.finding
    scale = diagnosis.decoder_scale
    np.testing.assert_allclose(np.median(scale.residual), 1 / factor, rtol=0.05)
    np.testing.assert_allclose(scale.median * drawn(N).std(0), factor * SIGMA, rtol=1e-3)


@pytest.mark.thorough
def test_a_warm_up_that_had_not_ended():
    """The model is that of the best step, whose β was 0.3, whatever the last step's."""
    diagnosis = diagnosed(TRUTH.model(), history=[{"step": 200, "best_step": 31}], objective=SCHEDULE)
    assert faults(diagnosis) == ["unfinished warm-up"]
    assert "beta stood at 0.3" in diagnosis.verdicts[-1].finding


@pytest.mark.thorough
def test_a_bound_that_is_not_finite():
    nowhere = jnp.asarray(np.full(D, np.nan, np.float32))
    model = eqx.tree_at(lambda model: model.likelihood.network.biases[0], TRUTH.model(), nowhere)
    diagnosis = diagnosed(model, train=drawn(N, seed=2))
    assert faults(diagnosis) == ["not finite"]
    assert diagnosis.verdicts[0].finding == "The bound of 300 of 300 rows is not a finite number."


@pytest.mark.slow
def test_codes_are_split_as_the_sums_over_all_of_them():
    """Three bits, sixteen images: over the rows themselves I(x; z), KL(q(z) ‖ p(z)), rate and gap are finite
    sums. Within 4 standard errors; KL of each bit to 1e-5. The posterior has no path, so the gap is one."""
    model, x = codes_model(), np.asarray(IMAGES)

    @jax.jit
    def exact(x):
        of_row = jax.vmap(lambda x: (log_q(model, x), log_p(model, x)))
        return *of_row(x), jax.vmap(model.p_z().log_prob)(jnp.asarray(CODES))

    log_posterior, log_evidence, log_prior = (np.asarray(a, np.float64) for a in exact(jnp.asarray(x)))
    q = np.exp(log_posterior)
    rate = (q * (log_posterior - log_prior)).sum(1).mean()
    information = (q * (log_posterior - np.log(q.mean(0)))).sum(1).mean()
    diagnosis = lb.diagnose(model, x, samples=500)
    assert close(diagnosis.rate, rate)
    assert close(diagnosis.mutual_information, information)
    assert close(diagnosis.marginal_kl, rate - information)
    assert diagnosis.kl_per_dimension.sum() == pytest.approx(rate, abs=1e-5)
    assert close(diagnosis.log_evidence, log_evidence.mean(), errors=1)
    assert diagnosis.approximation_gap is None
    assert diagnosis.amortization_gap is None
    assert any("has no differentiable samples" in note for note in diagnosis.notes)
    assert "inference gap" in [verdict.name for verdict in diagnosis.verdicts]


def test_an_error_needs_two_rows():
    with pytest.raises(ValueError, match="needs at least 2 rows and samples; found 1 rows"):
        diagnosed(TRUTH.model(), drawn(1))


PIXELS, KEYS = lb.Bernoulli(6), jax.random.split(jax.random.key(0), 4)
BINARY = (rng.random((60, 6)) < 0.5).astype(np.uint8)
HALVES = np.eye(2)[np.arange(60) % 2]


def small(latent, prior=None, likelihood=PIXELS, given=0):
    """A model of little networks, with `given` conditions."""

    def part(size, family, key):
        network = lb.MLP(size + given, family.size, width=8, depth=1, key=key)
        return lb.Conditional(network, family, given=given > 0)

    encoder, decoder = part(6, latent, KEYS[0]), part(latent.event_size, likelihood, KEYS[1])
    return lb.VAE(prior or lb.StandardPrior(latent), encoder, decoder)


def of_chains():
    lower, upper = lb.DiagonalGaussian(3), lb.DiagonalGaussian(2)
    affine = lambda family, size, key: lb.Conditional(lb.MLP(size, family.size, depth=0, key=key), family)  # noqa: E731
    return lb.VAE(
        lb.ChainPrior(lb.StandardNormal(2), affine(lower, 2, KEYS[0])),
        lb.ChainPosterior(affine(lower, 6, KEYS[1]), affine(upper, 3, KEYS[2])),
        lb.Conditional(lb.Leading(3, lb.MLP(3, 6, depth=0, key=KEYS[3])), PIXELS),
    )


def by_hand():
    normal = lambda loc: dist.Normal(loc, 1.0).to_event(1)  # noqa: E731
    return lb.VAE(
        normal(np.zeros(3)),
        lambda x: normal(x[:3]),
        lambda z: dist.BernoulliLogits(jnp.tile(z, 2)).to_event(1),
    )


GAUSSIAN = lb.DiagonalGaussian(3)
# A model, its rows and options, and what is not defined for it.
SCALED = lb.Standardization(mean=jnp.full(6, 3.0), scale=jnp.full(6, 2.0))
KINDS = {
    "full gaussian": (lambda: small(lb.FullGaussian(3), lb.StandardNormal(3)), {}, {"kl_per_dimension"}),
    "flow": (
        lambda: small(lb.AutoregressiveFlow(3, width=8, layers=2, key=KEYS[2]), lb.StandardNormal(3)),
        {},
        {"kl_per_dimension"},
    ),
    "vamp prior": (lambda: small(GAUSSIAN, lb.VampPrior(BINARY[:9])), {}, {"kl_per_dimension"}),
    "mixture prior": (
        lambda: small(GAUSSIAN, lb.MixturePrior(GAUSSIAN, 4, key=KEYS[2])),
        {},
        {"kl_per_dimension"},
    ),
    "chain": (of_chains, {}, {"kl_per_dimension", "approximation_gap", "amortization_gap"}),
    "categorical": (lambda: small(lb.Categorical(3, 4)), {}, {"approximation_gap", "amortization_gap"}),
    "concrete": (lambda: small(lb.Concrete(2, 3), lb.UniformCodes(2, 3)), {}, {"kl_per_dimension"}),
    "uniform": (lambda: small(lb.Uniform(3), lb.StandardNormal(3)), {}, set()),
    "cauchy": (lambda: small(lb.Cauchy(3)), {}, {"posterior_mean_variance", "active"}),
    "by hand": (by_hand, {}, {"approximation_gap", "amortization_gap"}),
    "given": (
        lambda: small(GAUSSIAN, given=2),
        {"given": HALVES, "train": BINARY[:30], "train_given": HALVES[:30]},
        set(),
    ),
    "prior of a condition": (
        lambda: small(
            GAUSSIAN, lambda given: dist.Normal(given.sum() * jnp.ones(3), 1.0).to_event(1), given=2
        ),
        {"given": HALVES},
        {"mutual_information", "mutual_information_upper", "marginal_kl", "marginal_kl_lower"},
    ),
    "missing": (
        lambda: small(GAUSSIAN, likelihood=lb.DiagonalGaussian(6, missing=True)),
        {"x": np.where(BINARY == 0, np.nan, rng.normal(size=BINARY.shape))},
        set(),
    ),
    "standardized": (
        lambda: replace(small(GAUSSIAN, likelihood=lb.DiagonalGaussian(6)), transform=SCALED),
        {"x": rng.normal(3, 2, size=(60, 6))},
        set(),
    ),
    "binarized": (
        lambda: replace(small(GAUSSIAN), transform=lb.DynamicBinarization()),
        {"x": rng.integers(0, 256, (60, 6)).astype(np.uint8)},
        set(),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_model_does_not_define_is_none_and_the_rest_is_that_of_the_evidence(kind):
    """Bound, rate and distortion are `log_evidence`'s of the same four samples; and no verdict is given on
    what is not there, but a note."""
    build, options, absent = KINDS[kind]
    model, options = build(), dict(options)
    x = options.pop("x", BINARY)
    diagnosis = lb.diagnose(model, x, gap_rows=10, samples=50, **options)
    named = {name: options[name] for name in ("given",) if name in options}
    evidence = lb.log_evidence(model, x, method="importance", samples=4, **named)
    for name in ("elbo", "rate", "distortion"):
        assert getattr(diagnosis, name).mean == pytest.approx(getattr(evidence, name).mean(), rel=1e-4)
    may_be = {"generalization_gap": "train" in options, "decoder_scale": kind in ("missing", "standardized")}
    absent = absent | {name for name, there in may_be.items() if not there}
    assert {name for name, value in vars(diagnosis).items() if value is None} == absent
    assert len(diagnosis.notes) >= 1
