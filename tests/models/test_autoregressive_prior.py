"""A prior whose dimensions follow one another: where it begins, what of it is trained, and what it is for."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import lowerbound as lb
from lowerbound.assembly import build

KEY = jax.random.key(1)
X = jnp.asarray([1.0, 0.0, 1.0])


def prior(d=2, seed=0, **options):
    return lb.AutoregressivePrior(
        d, **{"components": 3, "width": 6, "depth": 1, **options}, key=jax.random.key(seed)
    )


def vae(prior):
    latent, pixels = lb.DiagonalGaussian(2), lb.Bernoulli(3)
    return lb.VAE(
        prior,
        lb.Conditional(lb.MLP(3, latent.size, depth=0, key=jax.random.key(2)), latent),
        lb.Conditional(lb.MLP(2, pixels.size, depth=0, key=jax.random.key(3)), pixels),
    )


def test_begins_near_the_standard_normal():
    """KL(N(0, I) ‖ p) of four dimensions, by 500 draws, is below a tenth of a nat."""
    z = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32)
    log_p = jax.jit(lambda z: prior(4, components=10, width=32)().log_prob(z))(z)
    assert abs((stats.norm.logpdf(z).sum(1) - np.asarray(log_p)).mean()) < 0.1


def test_a_code_that_has_run_away_has_a_density_and_a_gradient():
    """As has every posterior: σ is within e^±40."""
    z = jnp.asarray([1e17, -1e17])
    narrow = eqx.tree_at(lambda p: p.network.biases[-1], prior(), replace_fn=lambda b: b - 80.0)
    for p in (prior(), narrow):
        log_p, slope = jax.value_and_grad(lambda z, p=p: p().log_prob(z))(z)
        assert log_p < -1e29
        assert jnp.isfinite(log_p)
        assert jnp.isfinite(slope).all()


def test_is_over_real_vectors_of_its_size():
    assert (prior(5).event_size, prior(5)().event_shape) == (5, (5,))
    assert prior().support == lb.StandardNormal(2).support


def test_the_bound_has_its_density():
    """log w = log p(x∣z) + log p(z) − log q(z∣x) of the model's draw, the ELBO its mean."""
    model = vae(prior())

    @jax.jit
    def both():
        z, q = model.draw(X, KEY, 3).z, model.q_z(X)
        log_likelihood = jax.vmap(lambda z: model.p_x(z).log_prob(X))(z)
        return lb.ELBO(3)(model, X, KEY), log_likelihood + model.prior().log_prob(z) - q.log_prob(z)

    value, log_w = both()
    np.testing.assert_allclose(value, log_w.mean(), rtol=1e-5)


def test_is_trained_in_all_weights_that_are_not_left_out():
    """A gradient of the bound that is not 0 of each weight that may tell an input of those before it, and of
    each bias."""
    begun = prior()
    numbers = jax.tree.map(lambda leaf: leaf + 0.1, begun)
    gradient = eqx.filter_jit(eqx.filter_grad(lambda model: lb.ELBO(4)(model, X, KEY)))(vae(numbers))
    network = gradient.prior.network
    for W, slope in zip(begun.network.weights, network.weights, strict=True):
        np.testing.assert_array_equal(slope != 0, W != 0)
    assert all((slope != 0).all() for slope in network.biases)


def test_goes_by_its_name_and_is_refused_beside_a_posterior_over_another_set():
    rows = np.random.default_rng(0).normal(size=(20, 3))
    built = build(rows, prior="autoregressive-prior", latent_dim=4, width=8).model
    assert type(built.prior) is lb.AutoregressivePrior
    assert built.prior.event_size == 4
    with pytest.raises(ValueError, match="over numbers from 0 to 1 and the prior over real numbers"):
        build(rows, prior="autoregressive-prior", posterior="beta", latent_dim=4, width=8)


@pytest.mark.parametrize(("options", "name"), [({"d": 0}, ""), ({"components": 0}, r"\.components")])
def test_a_size_that_is_none_is_refused(options, name):
    with pytest.raises(ValueError, match=rf"AutoregressivePrior{name}: .* of at least 1, found 0"):
        prior(**options)


@pytest.mark.thorough
def test_it_follows_a_posterior_of_pieces_apart():
    """Of four points in the plane, of a twentieth of a unit each, as many rows: E KL(q(z∣x) ‖ p(z)) is log 4
    where p is their mixture, and 6.0 under N(0, I)."""
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32).repeat(100, 0)
    near, pixels = lb.DiagonalGaussian(2, scale=lb.FixedScale(0.05)), lb.DiagonalGaussian(2)

    def rate(prior):
        model = lb.VAE(prior, lambda x: near(x), lb.Conditional(lambda z: jnp.zeros(4), pixels))
        fitted = lb.fit(model, corners, epochs=400, batch_size=100, validation=0, learning_rate=0.01)
        return fitted.history[-1]["kl"]

    assert rate(prior(width=16)) == pytest.approx(np.log(4), abs=0.15)
