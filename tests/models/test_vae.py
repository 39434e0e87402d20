"""A VAE is three parts and what is drawn from them; a wrong part is named."""

import subprocess
import sys
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb
from lowerbound.randomness.keys import RowKeys

KEY, X, Y = jax.random.key(1), jnp.asarray([1.0, 0.0, 1.0]), jnp.asarray([0.5, -0.5])
LATENT, PIXELS = lb.DiagonalGaussian(2), lb.Bernoulli(3)


def part(in_size, family, *, given=False):
    network = lb.MLP(in_size + 2 * given, family.size, width=8, depth=1, key=jax.random.key(2))
    return lb.Conditional(network, family, given=given)


def vae(**parts):
    standard = {"prior": lb.StandardNormal(2), "posterior": part(3, LATENT), "likelihood": part(2, PIXELS)}
    return lb.VAE(**{**standard, **parts})


KEYS = RowKeys.of(KEY)


@eqx.filter_jit
def drawn(model, samples=1, given=None):
    return model.draw(X, KEY, samples, given=given)


def prior_of(given):
    return dist.Normal(given, 1.0).to_event(1)


class TestDraw:
    @pytest.mark.thorough
    def test_sample_j_depends_on_the_key_and_j_only(self):
        """Three samples are the first three of eight, and the sampler finds any of them by its number."""
        model = vae()
        few, many = drawn(model, 3), drawn(model, 8)
        one = eqx.filter_jit(lambda model: model.sampler(X, KEYS.transform)(KEYS.draws, jnp.asarray([5])))(
            model
        )
        for name in ("z", "log_likelihood", "log_prior", "log_posterior", "log_weight"):
            np.testing.assert_allclose(getattr(few, name), getattr(many, name)[:3], rtol=1e-5)
            np.testing.assert_allclose(getattr(one, name), getattr(many, name)[5:6], rtol=1e-5)
        assert len(np.unique(many.z, axis=0)) == 8

    def test_densities_are_those_of_the_parts_at_z(self):
        model = vae()
        draw = drawn(model, 4)
        for j, z in enumerate(draw.z):
            np.testing.assert_allclose(draw.log_prior[j], model.p_z().log_prob(z), rtol=1e-5)
            np.testing.assert_allclose(draw.log_posterior[j], model.q_z(X).log_prob(z), rtol=1e-5)
            np.testing.assert_allclose(draw.log_likelihood[j], model.p_x(z).log_prob(X), rtol=1e-5)
        log_w = draw.log_likelihood + draw.log_prior - draw.log_posterior
        np.testing.assert_allclose(draw.log_weight, log_w, rtol=1e-6)

    @pytest.mark.thorough
    def test_the_log_likelihood_is_in_the_units_of_x(self):
        """y = (x − m)/s: log p(x∣z) = log p(y∣z) − Σ log s, and so is a bound; q(z∣y) is what it was."""
        T = lb.Standardization(mean=jnp.array([1.0, 2.0, 3.0]), scale=jnp.array([0.5, 2.0, 12.0]))
        plain = vae(likelihood=part(2, lb.DiagonalGaussian(len(X))))
        behind = replace(plain, transform=T)
        x = X * T.scale.value + T.mean.value
        a, b = plain.draw(X, KEY, 3), behind.draw(x, KEY, 3)
        np.testing.assert_allclose(b.z, a.z, rtol=1e-5)
        np.testing.assert_allclose(b.log_likelihood, a.log_likelihood - np.log(12), rtol=1e-4)
        bound = lb.ELBO(kl="monte_carlo")
        np.testing.assert_allclose(bound(behind, x, KEY), bound(plain, X, KEY) - np.log(12), rtol=1e-4)

    def test_kl_is_the_closed_form_or_none(self):
        model = vae()
        kl = lb.kl_divergence(model.q_z(X), model.p_z())
        np.testing.assert_allclose(drawn(model).kl, kl, rtol=1e-6)
        assert drawn(vae(prior=dist.Laplace(jnp.zeros(2), 1.0).to_event(1))).kl is None

    def test_says_whether_samples_are_differentiable(self):
        coins = {
            "prior": dist.BernoulliLogits(jnp.zeros(2)).to_event(1),
            "posterior": lambda x: dist.BernoulliLogits(x[:2]).to_event(1),
        }
        assert drawn(vae()).reparameterized
        assert not drawn(vae(**coins)).reparameterized


class TestGiven:
    parts = (
        {"prior": prior_of},
        {"posterior": part(3, LATENT, given=True)},
        {"likelihood": part(2, PIXELS, given=True)},
        {"likelihood": lb.Fixed(part(2, PIXELS, given=True))},
        {"posterior": lambda x, given: dist.Normal(given, 1.0).to_event(1)},
    )

    @pytest.mark.parametrize("parts", parts, ids=["prior", "posterior", "likelihood", "fixed", "lambda"])
    def test_goes_to_the_part_that_names_it_and_to_no_other(self, parts):
        model = vae(**parts)
        draws = [drawn(model, 3, given) for given in (Y, -Y)]
        moved = {
            term: not np.array_equal(getattr(draws[0], term), getattr(draws[1], term))
            for term in ("z", "log_prior", "log_likelihood")
        }
        (name,) = parts
        through_z = name == "posterior"
        assert moved == {
            "z": through_z,
            "log_prior": through_z or name == "prior",
            "log_likelihood": through_z or name == "likelihood",
        }

    @pytest.mark.parametrize("parts", parts[:4], ids=["prior", "posterior", "likelihood", "fixed"])
    def test_missing_is_refused_by_the_name_of_the_part(self, parts):
        with pytest.raises(ValueError, match=f"the {next(iter(parts))} needs a condition: pass given="):
            vae(**parts).draw(X, KEY)

    def test_unused_is_refused(self):
        with pytest.raises(ValueError, match="a condition was given that no part uses"):
            vae().draw(X, KEY, given=Y)


class TestBareDistribution:
    def test_is_the_prior_and_is_not_trained(self):
        prior = dist.Normal(jnp.asarray([1.0, 2.0]), 0.5).to_event(1)
        model = vae(prior=prior)
        np.testing.assert_array_equal(model.p_z().mean, [1.0, 2.0])
        assert jax.tree.leaves(lb.trainable(model.prior)) == []
        assert len(jax.tree.leaves(lb.trainable(model))) == len(jax.tree.leaves(lb.trainable(vae())))

    def test_of_a_batch_is_refused_with_what_to_write(self):
        with pytest.raises(ValueError, match=r"batch of shape \(2,\); end it with \.to_event\(1\)"):
            vae(prior=dist.Normal(jnp.zeros(2), 1.0)).p_z()
        with pytest.raises(ValueError, match=r"VAE\.likelihood: .*\.to_event\(2\)"):
            vae(likelihood=lambda z: dist.Normal(jnp.zeros((2, 3)), 1.0)).p_x(Y)

    @pytest.mark.parametrize("name", ["posterior", "likelihood"])
    def test_stands_for_the_prior_only(self, name):
        with pytest.raises(TypeError, match=rf"VAE\.{name}: expected a callable .* found Independent"):
            vae(**{name: dist.Normal(jnp.zeros(2), 1.0).to_event(1)})


class TestRefusals:
    def test_a_part_that_cannot_be_called(self):
        with pytest.raises(TypeError, match=r"VAE\.prior: expected a callable .* found int"):
            vae(prior=3)

    def test_a_part_that_returns_no_distribution(self):
        with pytest.raises(TypeError, match=r"VAE\.likelihood: .* it returned tuple"):
            vae(likelihood=lambda z: (z, 1.0)).draw(X, KEY)

    def test_a_prior_of_another_size(self):
        with pytest.raises(ValueError, match="over 2 latent dimensions and the prior over 4"):
            vae(prior=lb.StandardNormal(4)).draw(X, KEY)

    def test_rows_of_another_width(self):
        with pytest.raises(ValueError, match=r"expected rows of 3 values, .* found 5"):
            lb.encode(vae(), np.zeros((2, 5)))


class TestEvent:
    def test_says_shape_support_and_measure(self):
        event = vae().event()
        assert event.shape == (3,)
        assert event.support == PIXELS.support
        assert event.measure == "counting measure"

    def test_of_parts_that_say_nothing_before_they_are_called(self):
        plain = vae(likelihood=lambda z, given: dist.Normal(jnp.tile(z[0], 3), 1.0).to_event(1))
        event = plain.event(Y)
        assert (event.shape, event.measure) == ((3,), "Lebesgue measure")

    def test_is_found_once_for_a_structure(self):
        """Distributions are not built at a second call, nor for other weights of the same shapes."""
        built = []

        def likelihood(z):
            built.append(z)
            return dist.Normal(jnp.tile(z[0], 3), 1.0).to_event(1)

        model = vae(likelihood=likelihood)
        first = model.event()
        assert model.event() is first
        assert jax.tree.map(lambda leaf: 2 * leaf if eqx.is_array(leaf) else leaf, model).event() is first
        assert len(built) == 1


@pytest.mark.slow
def test_nothing_changes_the_configuration_of_jax_or_a_global_random_state():
    """Not an import, not a call: in a fresh interpreter, where the import is the first."""
    script = """
import jax, numpy as np, random
before = dict(jax.config.values), np.random.get_state()[1].tobytes(), random.getstate()
import lowerbound as lb
names = [getattr(lb, name) for name in lb.__all__]
k, latent, pixels = jax.random.key(0), lb.DiagonalGaussian(2), lb.Bernoulli(3)
model = lb.VAE(lb.StandardNormal(2), lb.Conditional(lb.MLP(3, 4, key=k), latent),
               lb.Conditional(lb.MLP(2, 3, key=k), pixels))
x = np.eye(3)
lb.ELBO()(model, x[0], k), lb.IWAE(3)(model, x[0], k)
lb.log_evidence(model, x, samples=10), lb.reconstruct(model, x), lb.sample(model, 2, key=0)
after = dict(jax.config.values), np.random.get_state()[1].tobytes(), random.getstate()
assert before == after, {n: (v, after[0].get(n)) for n, v in before[0].items() if v != after[0].get(n)}
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


@pytest.mark.thorough
def test_a_category_beside_a_number_leaves_it_its_fraction():
    """log p(x∣z) of a draw is the likelihood's own: x = (1, 0.75) is not (1, 0)."""
    family = lb.MixedColumns([lb.Categorical(1, 3), lb.DiagonalGaussian(1)])
    likelihood = lb.Conditional(lb.MLP(1, family.size, width=4, key=jax.random.key(0)), family)
    posterior = lambda x: dist.Normal(jnp.zeros(1), 1.0).to_event(1)  # noqa: E731
    model, x = lb.VAE(lb.StandardNormal(1), posterior, likelihood), jnp.array([1.0, 0.75])
    draw = model.draw(x, jax.random.key(1), samples=3)
    expected = jax.vmap(lambda z: model.p_x(z).log_prob(x))(draw.z)
    np.testing.assert_allclose(draw.log_likelihood, expected, rtol=1e-6)
