"""What annealed importance sampling takes and refuses, and what a chain depends on."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints
from scipy import special

import lowerbound as lb
from lowerbound.distributions.support import Stacked
from lowerbound.evidence.annealing import annealed
from lowerbound.evidence.coordinates import bijection
from lowerbound.evidence.sandwich import evidence_sandwich

# For programs that run once: their compilation is what a test would wait for.
BRIEFLY = {"xla_backend_optimization_level": 0}
KEY = jax.random.key(0)
X = jnp.ones(3)


def with_latents(family, prior=None):
    """A model of 3 binary pixels whose latents are of `family`."""
    pixels = lb.Bernoulli(3)
    return lb.VAE(
        prior or lb.StandardPrior(family),
        lb.Conditional(lb.MLP(3, family.size, depth=0, key=KEY), family),
        lb.Conditional(lb.MLP(family.event_size, pixels.size, depth=0, key=KEY), pixels),
    )


@pytest.fixture(scope="module")
def model():
    return with_latents(lb.DiagonalGaussian(2))


def drawn(model, chains):
    program = jax.jit(lambda key: annealed(model, X, key, chains=chains, steps=20), compiler_options=BRIEFLY)
    return program(KEY)


@pytest.fixture(scope="module")
def draw(model):
    return drawn(model, 5)


def test_a_chain_depends_on_the_key_and_its_number_only(model, draw):
    few = drawn(model, 2)
    np.testing.assert_allclose(few.log_weight, draw.log_weight[:2], rtol=1e-5)
    np.testing.assert_allclose(few.z, draw.z[:2], rtol=1e-4, atol=1e-5)
    assert len(set(np.asarray(draw.log_weight).tolist())) == 5


def test_what_a_draw_says_of_its_end_is_so(model, draw):
    expected = [model.p_x(z).log_prob(X) for z in draw.z]
    np.testing.assert_allclose(draw.log_likelihood, expected, rtol=1e-5)
    assert draw.z.shape == (5, 2)
    assert ((draw.acceptance > 0) & (draw.acceptance <= 1 + 1e-6)).all()
    assert draw.log_prob == pytest.approx(float(jnp.log(jnp.exp(draw.log_weight).mean())), abs=1e-5)


def test_a_condition_reaches_the_parts():
    pixels, latent = lb.Bernoulli(3), lb.DiagonalGaussian(2)
    model = lb.VAE(
        lb.StandardNormal(2),
        lb.Conditional(lb.MLP(4, latent.size, key=KEY), latent, given=True),
        lb.Conditional(lb.MLP(3, pixels.size, key=KEY), pixels, given=True),
    )
    assert jax.eval_shape(lambda y: annealed(model, X, KEY, y), jnp.ones(1)).z.shape == (16, 2)
    with pytest.raises(ValueError, match="need a condition"):
        annealed(model, X, KEY)
    with pytest.raises(ValueError, match="expected a condition for each of 4 rows, found 3"):
        evidence_sandwich(model, 4, given=np.ones((3, 1)))


@pytest.mark.parametrize(
    ("family", "prior", "message"),
    [
        (
            lb.Bernoulli(2),
            None,
            r"follow gradients in z, and z is values in \{0, 1\}; use method=\"importance",
        ),
        (lb.Categorical(2, 3), None, "z is whole numbers from 0 to 2"),
        (lb.PowerSpherical(2), lb.UniformSphere(2), "no bijection from them is known for unit vectors"),
        (
            lb.Concrete(2, 3),
            lb.UniformCodes(2, 3),
            "no bijection from them is known for blocks that sum to 1",
        ),
    ],
    ids=["bits", "categories", "sphere", "relaxed"],
)
def test_latents_that_cannot_be_moved_are_refused(family, prior, message):
    with pytest.raises(TypeError, match=message):
        annealed(with_latents(family, prior), X, KEY)


def test_a_posterior_whose_support_moves_is_no_start():
    moving = with_latents(lb.Uniform(2), lb.StandardNormal(2))
    with pytest.raises(TypeError, match=r'support moves with its parameters.* use start="prior"'):
        annealed(moving, X, KEY, start="posterior")


def test_another_start_is_refused(model):
    with pytest.raises(ValueError, match='expected "prior" or "posterior", found \'encoder\''):
        annealed(model, X, KEY, start="encoder")


@pytest.mark.parametrize("wrong", [{"n": 1}, {"steps": 0}, {"chains": 0}], ids=str)
def test_too_small_numbers_are_refused(model, wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"expected {name} of at least"):
        evidence_sandwich(model, **{"n": 4, **wrong})


def test_chains_of_latents_are_moved_block_by_block():
    """(z₁ ∈ R², z₂ > 0): log ∣∂z/∂u∣ against the determinant."""
    positive = constraints.independent(constraints.positive, 1)
    transform = bijection(Stacked((constraints.real_vector, 2), (positive, 2)))
    u = jnp.array([0.3, -1.0, 0.5, -2.0])
    z = transform(u)
    np.testing.assert_allclose(z, [0.3, -1.0, *-special.log_ndtr([-0.5, 2.0])], rtol=1e-6)
    np.testing.assert_allclose(transform.inv(z), u, rtol=1e-5)
    determinant = np.linalg.slogdet(jax.jacobian(transform)(u))[1]
    assert jnp.sum(transform.log_abs_det_jacobian(u, z)) == pytest.approx(determinant, rel=1e-5)


def test_a_simplex_in_a_chain_of_latents_is_refused():
    """Its coordinates are one fewer than its numbers."""
    with pytest.raises(TypeError, match="no bijection"):
        bijection(Stacked((constraints.real_vector, 2), (dist.constraints.simplex, 3)))
