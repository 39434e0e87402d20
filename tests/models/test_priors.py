"""Priors are distributions over z; a learned one begins as N(0, I)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import lowerbound as lb

Z = np.asarray([[0.3, -1.0], [2.0, 0.5]], np.float32)
GAUSSIANS = [lb.DiagonalGaussian(2), lb.FullGaussian(2), lb.DiagonalGaussian(2, scale=lb.LearnedScale())]


@pytest.mark.parametrize("prior", [lb.StandardNormal(2), *map(lb.LearnedPrior, GAUSSIANS)], ids=str)
def test_begins_as_the_standard_normal(prior):
    expected = stats.norm.logpdf(Z).sum(axis=1)
    np.testing.assert_allclose(prior().log_prob(Z), expected, rtol=1e-5)


@pytest.mark.parametrize("family", GAUSSIANS, ids=str)
def test_a_learned_prior_is_the_family_at_its_parameters(family):
    parameters = jax.random.normal(jax.random.key(0), (family.size,))
    prior = eqx.tree_at(lambda prior: prior.parameters, lb.LearnedPrior(family), parameters)
    np.testing.assert_array_equal(prior().log_prob(Z), family(parameters).log_prob(Z))


def test_the_bound_pulls_a_learned_prior_towards_the_posterior():
    """∂ELBO/∂μ = (m − μ)/τ²: for q = N(m, I) and p = N(0, I) the gradient with respect to μ is m."""
    m, pixels = jnp.asarray([1.0, -2.0]), lb.Bernoulli(1)
    model = lb.VAE(
        lb.LearnedPrior(lb.DiagonalGaussian(2)),
        lambda x: lb.DiagonalGaussian(2)(jnp.concatenate([m, jnp.zeros(2)])),
        lb.Conditional(lambda z: z[:1], pixels),
    )
    elbo = lb.ELBO(kl="analytic")
    gradient = eqx.filter_jit(eqx.filter_grad(lambda model: elbo(model, jnp.ones(1), jax.random.key(0))))(
        model
    )
    np.testing.assert_allclose(gradient.prior.parameters[:2], m, rtol=1e-6)


KEY, X = jax.random.key(1), jnp.asarray([1.0, 0.0, 1.0])


def vae(prior, posterior=None, likelihood=None):
    latent, pixels = GAUSSIANS[0], lb.Bernoulli(3)
    return lb.VAE(
        prior,
        posterior or lb.Conditional(lb.MLP(3, latent.size, depth=0, key=jax.random.key(2)), latent),
        likelihood or lb.Conditional(lb.MLP(2, pixels.size, depth=0, key=jax.random.key(3)), pixels),
    )


class TestStandardPrior:
    @pytest.mark.parametrize(
        ("family", "log_density", "at"),
        [
            (lb.DiagonalGaussian(2), stats.norm.logpdf, [0.3, -1.0]),
            (lb.Exponential(2), stats.expon.logpdf, [0.3, 2.0]),
            (lb.Beta(2), stats.uniform.logpdf, [0.3, 0.9]),
            (lb.Bernoulli(2), stats.bernoulli(0.5).logpmf, [0.0, 1.0]),
        ],
        ids=["Gaussian", "Exponential", "Beta", "Bernoulli"],
    )
    def test_is_the_family_s_standard_member_and_not_trained(self, family, log_density, at):
        """Against SciPy, to 1e-5."""
        prior = lb.StandardPrior(family)
        np.testing.assert_allclose(prior().log_prob(jnp.asarray(at)), log_density(at).sum(), atol=1e-5)
        assert jax.tree.leaves(lb.trainable(prior)) == []
        assert (prior.event_size, prior.support) == (2, family.support)


class TestMixturePrior:
    @pytest.fixture(scope="class")
    @staticmethod
    def prior():
        prior = lb.MixturePrior(lb.DiagonalGaussian(2), 3, spread=1.0, key=KEY)
        return eqx.tree_at(lambda prior: prior.logits, prior, jnp.asarray([0.0, 1.0, -1.0]))

    def test_is_the_weighted_sum_of_its_members(self, prior):
        """Against SciPy at two values, to 1e-5."""
        weight = np.exp(np.asarray(prior.logits, np.float64))
        mean, log_variance = np.split(np.asarray(prior.parameters, np.float64), 2, axis=1)
        members = stats.norm.pdf(Z[:, None], mean, np.exp(log_variance / 2)).prod(axis=-1)
        expected = np.log(members @ (weight / weight.sum()))
        np.testing.assert_allclose(jax.jit(lambda z: prior().log_prob(z))(Z), expected, rtol=1e-5)

    def test_samples_have_its_moments(self, prior):
        """10,000 samples: mean and variance within 5 standard errors."""
        z = np.asarray(jax.jit(lambda: prior().sample(KEY, (10_000,)))(), np.float64)
        mean, variance = np.asarray(prior().mean), np.asarray(prior().variance)
        for drawn, expected in ((z, mean), ((z - mean) ** 2, variance)):
            assert (np.abs(drawn.mean(axis=0) - expected) < 5 * drawn.std(axis=0) / 100).all()

    def test_begins_with_members_that_differ_about_the_standard_one(self):
        """The standard deviation of 400 numbers is `spread`, to 5/√800; spread 0 is N(0, I)."""
        prior = lb.MixturePrior(lb.DiagonalGaussian(2), 100, spread=0.5, key=KEY)
        assert float(prior.parameters.std()) == pytest.approx(0.5, rel=5 / np.sqrt(800))
        assert (prior.logits == 0).all()
        still = lb.MixturePrior(lb.DiagonalGaussian(2), 3, spread=0.0, key=KEY)
        np.testing.assert_allclose(still().log_prob(Z), stats.norm.logpdf(Z).sum(axis=1), rtol=1e-5)

    def test_is_trained_in_all_its_parts(self, prior):
        """Every logit and parameter has a gradient."""
        model = vae(prior)
        gradient = eqx.filter_jit(eqx.filter_grad(lambda model: lb.ELBO(4)(model, X, KEY)))(model)
        assert all((leaf != 0).all() for leaf in jax.tree.leaves(gradient.prior))

    def test_without_members_is_refused(self):
        with pytest.raises(ValueError, match=r"MixturePrior\.components: .* found 0"):
            lb.MixturePrior(lb.DiagonalGaussian(2), 0, key=KEY)


INPUTS = jnp.asarray([[1.0, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 0]])


class TestVampPrior:
    def test_is_the_mean_of_the_posteriors_at_its_inputs(self):
        """(1/K) Σ q(z∣uₖ), of the model's posterior as it now is; to 1e-5."""
        model = vae(lb.VampPrior(INPUTS))
        moved = eqx.tree_at(lambda model: model.posterior.network.biases, model, (jnp.ones(4),))
        for current in (model, moved):
            log_q = np.stack([current.q_z(u).log_prob(Z) for u in INPUTS]).astype(np.float64)
            expected = np.log(np.exp(log_q).mean(axis=0))
            np.testing.assert_allclose(
                jax.jit(lambda z, m=current: m.p_z().log_prob(z))(Z), expected, rtol=1e-5
            )

    def test_the_posterior_s_gradient_through_it_counts(self):
        """∇φ log p(z) at fixed z is that of the log mean of q(z∣uₖ) written out; to 1e-5, and not 0."""
        model = vae(lb.VampPrior(INPUTS))

        def of_prior(posterior):
            return lb.VAE(model.prior, posterior, model.likelihood).p_z().log_prob(Z[0])

        def written_out(posterior):
            return jax.nn.logsumexp(jnp.stack([posterior(u).log_prob(Z[0]) for u in INPUTS]))

        found, expected = (
            jax.tree.leaves(eqx.filter_jit(eqx.filter_grad(function))(model.posterior))
            for function in (of_prior, written_out)
        )
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
            assert jnp.abs(b).max() > 0.01

    def test_its_conditions_are_not_trained(self):
        """The inputs are learned, the conditions given."""
        prior = lb.VampPrior(INPUTS, given=jnp.ones((4, 1)))
        assert [leaf.shape for leaf in jax.tree.leaves(lb.trainable(prior))] == [(4, 3)]

    def test_holds_its_inputs_alone_and_trains_them(self):
        prior = lb.VampPrior(INPUTS)
        assert [leaf.shape for leaf in jax.tree.leaves(lb.trainable(prior))] == [(4, 3)]
        gradient = eqx.filter_jit(eqx.filter_grad(lambda model: lb.ELBO(4)(model, X, KEY)))(vae(prior))
        assert (jnp.abs(gradient.prior.pseudo_inputs) > 0).all()

    def test_its_inputs_have_conditions_where_the_posterior_takes_one(self):
        """q(z∣uₖ, yₖ); a condition that the prior's own row has is not the data's."""
        latent = GAUSSIANS[0]
        posterior = lb.Conditional(lb.MLP(4, latent.size, depth=0, key=KEY), latent, given=True)
        y = jnp.asarray([[0.0], [1.0], [2.0], [3.0]])
        model = vae(lb.VampPrior(INPUTS, given=y), posterior)
        log_q = np.stack([model.q_z(u, c).log_prob(Z) for u, c in zip(INPUTS, y, strict=True)]).astype(
            np.float64
        )
        found = model.p_z(jnp.asarray([9.0])).log_prob(Z)
        np.testing.assert_allclose(found, np.log(np.exp(log_q).mean(axis=0)), rtol=1e-5)
        with pytest.raises(ValueError, match="condition"):
            jax.eval_shape(lambda: lb.ELBO()(vae(lb.VampPrior(INPUTS), posterior), X, KEY, jnp.ones(1)))

    def test_needs_no_conditions_where_only_the_likelihood_takes_one(self):
        """p(x∣z, y) with q(z∣x): the prior is that of the posterior."""
        pixels = lb.Bernoulli(3)
        likelihood = lb.Conditional(lb.MLP(3, pixels.size, depth=0, key=KEY), pixels, given=True)
        model = vae(lb.VampPrior(INPUTS), likelihood=likelihood)
        assert jnp.isfinite(jax.jit(lambda x: lb.ELBO()(model, x, KEY, jnp.ones(1)))(X))

    @pytest.mark.parametrize(
        ("inputs", "given"),
        [
            (jnp.ones(3), None),
            (jnp.ones((2, 3, 1)), None),
            (jnp.ones((0, 3)), None),
            (INPUTS, jnp.ones((3, 1))),
        ],
        ids=["a row", "a box", "none", "conditions of other rows"],
    )
    def test_inputs_of_a_wrong_shape_are_refused(self, inputs, given):
        with pytest.raises(ValueError, match=r"VampPrior.*: expected"):
            lb.VampPrior(inputs, given=given)


class TestUniformCodes:
    @staticmethod
    def model(family, prior):
        pixels = lb.Bernoulli(3)
        return lb.VAE(
            prior,
            lb.Conditional(lb.MLP(3, family.size, depth=0, key=KEY), family),
            lb.Conditional(lambda z: jnp.zeros(3), pixels),
        )

    @pytest.mark.parametrize(("family", "levels"), [(lb.Bernoulli(3), 2), (lb.Categorical(3, 4), 4)], ids=str)
    def test_gives_every_code_one_probability(self, family, levels):
        """levels^−variables, and the bound with them is exact; to 1e-5."""
        model = self.model(family, lb.UniformCodes(3, levels))
        z = jnp.stack(jnp.meshgrid(*[jnp.arange(float(levels))] * 3), axis=-1).reshape(-1, 3)

        @jax.jit
        def of_all(z):
            elbo = lb.ELBO(gradient="enumeration").with_terms(model, X, KEY)[1]
            return jax.vmap(model.p_z().log_prob)(z), jax.vmap(model.q_z(X).log_prob)(z), elbo["kl"]

        log_p, log_q, kl = of_all(z)
        np.testing.assert_allclose(log_p, -3 * np.log(levels), rtol=1e-5)
        negative_entropy = (np.exp(log_q) * log_q).sum()
        np.testing.assert_allclose(kl, 3 * np.log(levels) + negative_entropy, rtol=1e-4)

    @pytest.mark.parametrize("family", [lb.Concrete(3, 4), lb.RelaxedBernoulli(3)], ids=str)
    def test_is_relaxed_with_the_posterior(self, family):
        """At its temperature: the standard member of its family, so that both are over one set."""
        model = self.model(family, lb.UniformCodes(*family.codes))

        @jax.jit
        def densities():
            z, standard = model.q_z(X).sample(KEY), family(jnp.zeros(family.size))
            return model.p_z().log_prob(z), standard.log_prob(z), lb.ELBO()(model, X, KEY)

        found, expected, elbo = densities()
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert jnp.isfinite(elbo)

    def test_is_refused_beside_a_posterior_over_other_codes(self):
        for prior, family, found in (
            (lb.UniformCodes(2), lb.Bernoulli(3), "found 3 codes of 2 levels"),
            (lb.UniformCodes(3, 3), lb.Bernoulli(3), "found 3 codes of 2 levels"),
            (lb.UniformCodes(3), lb.DiagonalGaussian(3), "found DiagonalGaussian"),
        ):
            with pytest.raises(ValueError, match=f"UniformCodes: expected .*{found}"):
                self.model(family, prior).draw(X, KEY)


def test_a_size_that_is_none_is_refused():
    with pytest.raises(ValueError, match="StandardNormal: expected a whole number of at least 1, found 0"):
        lb.StandardNormal(0)
