"""What a distribution says of itself is seen through whatever is around it."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from numpyro.distributions.transforms import AffineTransform

import lowerbound as lb
from lowerbound.distributions.kinds import MovingSupport, Relaxed, made_of, sample_with_log_prob

UNIFORM = lb.Uniform(2)
AROUND = {
    "itself": UNIFORM.marginals(jnp.zeros(4)),
    "independent": UNIFORM(jnp.zeros(4)),
    "quantile": lb.InverseCDF(UNIFORM)(jnp.zeros(4)),
    "transformed": lb.Transformed(UNIFORM, AffineTransform(0.0, 2.0))(jnp.zeros(4)),
    "expanded": UNIFORM(jnp.zeros(4)).expand([3]),
    "some columns": lb.MixedColumns([lb.Bernoulli(1), UNIFORM])(jnp.zeros(5)),
    "missing": lb.Uniform(2, missing=True)(jnp.zeros(4)),
}


@pytest.mark.parametrize("q", AROUND.values(), ids=AROUND)
def test_what_is_around_a_distribution_does_not_hide_it(q):
    assert made_of(q, MovingSupport)
    assert not made_of(q, Relaxed)


def test_numpyros_own_are_of_no_kind():
    assert not made_of(dist.Normal(jnp.zeros(2), 1.0).to_event(1), MovingSupport)


def test_a_sample_and_its_log_density_are_one_draw_whether_in_one_pass_or_two():
    for family in (lb.Concrete(2, 3), lb.LogNormal(2), lb.Laplace(2)):
        q = family(jnp.zeros(family.size))
        z, log_q = sample_with_log_prob(q, jax.random.key(0))
        np.testing.assert_array_equal(z, q.sample(jax.random.key(0)))
        np.testing.assert_allclose(log_q, q.log_prob(z), rtol=1e-5)
