"""Relaxed codes: their densities, the codes that they relax, and low temperatures."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special

import lowerbound as lb
from lowerbound.distributions.implicit import SMALLEST
from lowerbound.distributions.kinds import Relaxed, made_of
from lowerbound.distributions.support import measure

from ..tables import cases

TEMPERATURES = [0.1, 0.5, 2.0]
LOGITS = np.array([0.7, -1.2, 0.4])
FAMILIES = [lb.Concrete(2, 3), lb.RelaxedBernoulli(3)]
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
each_temperature = pytest.mark.parametrize("temperature", cases(TEMPERATURES, fast=[0.1]))


@partial(jax.jit, static_argnums=(0, 3))
def drawn(family, v, key, n):
    """n samples and their log-densities, compiled once a family."""
    z = family(v).sample(key, (n,))
    return z, family(v).log_prob(z)


@each_temperature
@pytest.mark.parametrize("levels", cases([2, 3], fast=[2]))
def test_concrete_integrates_to_1(levels, temperature):
    """∫ p(z) dz over y = log(z₁…zₙ₋₁/zₙ), with |dz/dy| = Π zₖ, by the midpoint rule in float64, as far as the
    density of the intervals (0, 2⁻¹¹⁰] still counts."""
    with jax.enable_x64(True):
        p = lb.Concrete(1, levels, temperature=temperature)(jnp.asarray(LOGITS[:levels]))
        cells = {2: 20_000, 3: 1200}[levels]
        far = 15 - np.log(SMALLEST)
        y = (2 * (np.arange(cells) + 0.5) / cells - 1) * far
        axes = np.meshgrid(*[y] * (levels - 1), indexing="ij")
        log_z = special.log_softmax(np.stack([*axes, np.zeros_like(axes[0])], -1), axis=-1)
        mass = np.exp(np.asarray(p.log_prob(np.exp(log_z))) + log_z.sum(-1))
        assert mass.sum() * (2 * far / cells) ** (levels - 1) == pytest.approx(1, abs=2e-4)


@each_temperature
def test_relaxed_bernoulli_integrates_to_1(temperature):
    """Over y = log(z/(1 − z)) in float64, where z fills (0, 1) to 1e-16 and the ends add their intervals."""
    with jax.enable_x64(True):
        p = lb.RelaxedBernoulli(1, temperature=temperature)(jnp.asarray(LOGITS[:1]))
        end = 2.0**-53
        y = np.linspace(-special.logit(1 - end), special.logit(1 - end), 20_001)[1:-1]
        z = special.expit(y)
        inside = integrate.trapezoid(np.exp(np.asarray(p.log_prob(z[:, None]))) * z * special.expit(-y), y)
        ends = np.exp(np.asarray(p.log_prob(np.array([[end], [1 - end]])))).sum() * end
        assert inside + ends == pytest.approx(1, abs=2e-3)


@each_temperature
def test_the_largest_coordinate_has_the_probability_of_its_level(temperature):
    """softmax(θ)ₖ at every temperature, each frequency of 50,000 samples within 4.5 standard errors; block v
    has the logits that stand at v, v + 2, v + 4 of the vector, as in Categorical."""
    v = np.random.default_rng(0).normal(size=6).astype(np.float32)
    z, _ = drawn(lb.Concrete(2, 3, temperature=temperature), v, jax.random.key(0), 50_000)
    frequencies = np.stack([(z.reshape(-1, 2, 3).argmax(-1) == k).mean(0) for k in range(3)], -1)
    expected = special.softmax(v.reshape(3, 2).T, axis=-1)
    assert (np.abs(frequencies - expected) < 4.5 * np.sqrt(expected * (1 - expected) / 50_000)).all()
    np.testing.assert_allclose(lb.Concrete(2, 3)(jnp.asarray(v)).mean, expected.ravel(), rtol=1e-5)

    z, _ = drawn(lb.RelaxedBernoulli(3, temperature=temperature), v[:3], jax.random.key(0), 50_000)
    expected = special.expit(v[:3])
    assert (np.abs((z > 0.5).mean(0) - expected) < 4.5 * np.sqrt(expected * (1 - expected) / 50_000)).all()


@pytest.mark.thorough
@each_temperature
def test_log_density_in_one_pass_is_that_at_the_sample(temperature):
    family = lb.Concrete(2, 3, temperature=temperature)
    v = np.random.default_rng(1).normal(size=6) * 2
    for x64, dtype, rtol in ((False, np.float32, 1e-3), (True, np.float64, 1e-9)):
        with jax.enable_x64(x64):
            q = family(jnp.asarray(v, dtype))
            z, log_q = jax.vmap(q.sample_with_log_prob)(jax.random.split(jax.random.key(2), 200))
            assert z.dtype == log_q.dtype == dtype
            np.testing.assert_allclose(log_q, q.log_prob(z), rtol=rtol, atol=rtol)
            np.testing.assert_array_equal(z[0], q.sample(jax.random.split(jax.random.key(2), 200)[0]))


@each_temperature
def test_two_levels_are_a_relaxed_bit(temperature):
    """One density in two families: Concrete's logits (θ, 0) are the bit's θ."""
    with jax.enable_x64(True):
        z = np.linspace(0.01, 0.99, 50)
        bit = lb.RelaxedBernoulli(1, temperature=temperature)(jnp.array([1.3]))
        code = lb.Concrete(1, 2, temperature=temperature)(jnp.array([1.3, 0.0]))
        np.testing.assert_allclose(
            code.log_prob(np.stack([z, 1 - z], -1)), bit.log_prob(z[:, None]), rtol=1e-9
        )


@pytest.mark.slow
@each_family
@pytest.mark.parametrize("x64", [False, True])
def test_at_extreme_logits_and_a_low_temperature_everything_is_finite(family, x64):
    """Logits of ±50 at temperature 0.1: samples in the support, log-densities and gradients without NaN."""
    with jax.enable_x64(x64):
        family = {
            lb.Concrete: lb.Concrete(2, 3, temperature=0.1),
            lb.RelaxedBernoulli: lb.RelaxedBernoulli(3, temperature=0.1),
        }[type(family)]
        V = np.random.default_rng(3).choice([-50.0, 0.0, 50.0], size=(30, family.size))

        def ratio(v, key):
            z = family(v).sample(key)
            return family(v).log_prob(z) - family(-v).log_prob(z), z

        both = jax.jit(jax.vmap(jax.vmap(jax.value_and_grad(ratio, has_aux=True), (None, 0)), (0, None)))
        (values, z), gradients = both(jnp.asarray(V), jax.random.split(jax.random.key(4), 20))
        assert ((z > 0) & (z < 1)).all()
        assert family.support(z).all()
        assert np.isfinite(values).all()
        assert np.isfinite(gradients).all()
        # An exact code, and the corners of the cube, have a density too.
        corner = jnp.zeros(family.event_size).at[::3].set(1.0)
        gradient = jax.grad(lambda v, z: family(v).log_prob(z), (0, 1))
        assert all(np.isfinite(g).all() for v in jnp.asarray(V[:3]) for g in gradient(v, corner))


AT_THE_ENDS = {
    "a bit at 0.1": (lb.RelaxedBernoulli(1, temperature=0.1), [2.0], [0.5]),
    "a bit at 0.5": (lb.RelaxedBernoulli(1, temperature=0.5), [12.0], [11.0]),
    "three levels": (lb.Concrete(1, 3, temperature=0.05), [1.5, 0.0, -1.0], [0.0, 0.0, 0.0]),
    "two levels": (lb.Concrete(1, 2, temperature=0.05), [6.0, 0.0], [5.0, 0.0]),
}


@pytest.mark.parametrize(("family", "q", "p"), cases(AT_THE_ENDS, fast=["a bit at 0.5"]))
def test_importance_weights_have_mean_1_where_float32_ends(family, q, p):
    """E_q[p(z)/q(z)] = 1 within 4.5 standard errors of 100,000 samples, most of which have a coordinate at an
    end; with the densities at the ends themselves it is off by many standard errors."""
    q, p = (np.asarray(v, np.float32) for v in (q, p))
    z, log_q = drawn(family, q, jax.random.key(5), 100_000)
    at_an_end = ((z <= SMALLEST) | (z <= 2.0**-24) | (z >= 1 - 2.0**-24)).any(-1).mean()
    assert at_an_end > 0.1
    weights = np.exp(np.asarray(family(jnp.asarray(p)).log_prob(z) - log_q, np.float64))
    assert abs(weights.mean() - 1) < 4.5 * weights.std() / np.sqrt(weights.size)


@pytest.mark.thorough
def test_a_bound_does_not_rise_where_a_confident_code_meets_a_low_temperature():
    """KL(q ‖ uniform) ≥ 0 has the mean of log q − log p for its estimate. With the densities at the ends
    themselves it would be −34 nats for a code of logits (50, 0) at λ = 0.1."""
    for family, v in (
        (lb.Concrete(1, 2, temperature=0.1), np.array([50.0, 0.0], np.float32)),
        (lb.RelaxedBernoulli(1, temperature=0.1), np.array([10.0], np.float32)),
    ):
        z, log_q = drawn(family, v, jax.random.key(6), 2000)
        assert float((log_q - family(jnp.zeros(family.size)).log_prob(z)).mean()) > 0


@pytest.mark.parametrize("logit", cases([-1.0, 0.5], fast=[0.5]))
def test_gradient_of_an_expectation_is_that_of_quadrature(logit):
    """d/dθ E[tanh 3z] of a relaxed bit, within 4.5 standard errors of 20,000 samples."""
    family = lb.RelaxedBernoulli(1)
    value = lambda v, key: jnp.tanh(3 * family(v).sample(key)[0])  # noqa: E731
    keys = jax.random.split(jax.random.key(7), 20_000)
    gradients = jax.jit(jax.vmap(jax.grad(value), (None, 0)))(jnp.array([logit]), keys)[:, 0]
    u = (np.arange(100_000) + 0.5) / 100_000
    low, high = (
        np.tanh(3 * special.expit((logit + h + special.logit(u)) / family.temperature)).mean()
        for h in (-1e-3, 1e-3)
    )
    standard_error = float(gradients.std()) / np.sqrt(20_000)
    assert abs(float(gradients.mean()) - (high - low) / 2e-3) < 4.5 * standard_error


@each_family
def test_it_says_that_it_is_relaxed_and_that_it_has_no_closed_divergence(family):
    q = family(jnp.zeros(family.size))
    assert made_of(q, Relaxed)
    assert q.has_rsample
    assert q.support == family.support
    assert measure(q.support) == "Lebesgue"
    assert family.codes == ((2, 3) if isinstance(family, lb.Concrete) else (3, 2))
    with pytest.raises(NotImplementedError):
        lb.kl_divergence(q, q)


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, np.inf, True, "warm"])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda t: lb.Concrete(2, 3, temperature=t), "Concrete"),
        (lambda t: lb.RelaxedBernoulli(2, temperature=t), "RelaxedBernoulli"),
    ],
    ids=["Concrete", "RelaxedBernoulli"],
)
def test_a_temperature_that_is_none_is_refused(make, name, temperature):
    with pytest.raises(ValueError, match=rf"{name}\.temperature: expected a positive number, found"):
        make(temperature)


def test_numpys_numbers_are_temperatures_and_sizes_must_be_sizes():
    assert lb.Concrete(2, 3, temperature=np.float32(2)) == lb.Concrete(2, 3, temperature=2)
    with pytest.raises(ValueError, match=r"Concrete\.levels: .* found 0"):
        lb.Concrete(2, 0)
    with pytest.raises(ValueError, match=r"Concrete\.variables: .* found 0"):
        lb.Concrete(0, 2)
