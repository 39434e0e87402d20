"""What is trained: the inexact arrays of modules, and nothing inside a `Fixed` or a distribution."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import lowerbound as lb
from lowerbound.leaves import partition
from lowerbound.models.part import Constant

KEY = jax.random.key(0)
NETWORK = lb.MLP(2, 3, width=4, depth=1, key=KEY)


def trained(part):
    return jax.tree.leaves(lb.trainable(part))


def constants():
    """Two of each distribution: the same content built twice."""
    zeros = jnp.zeros(2), np.zeros(2, np.float32)
    return [tuple(Constant(dist.Normal(zero, s).to_event(1)) for zero in zeros) for s in (1.0, 3.0)]


@pytest.mark.parametrize(
    ("part", "shapes"),
    [
        (NETWORK, [(2, 4), (4, 3), (4,), (3,)]),
        (lb.Fixed(NETWORK), []),
        (lb.Fixed(jnp.ones(3)), []),
        (lb.StandardNormal(3), []),
        (Constant(dist.Normal(jnp.zeros(2), 1.0).to_event(1)), []),
        (lb.LearnedPrior(lb.DiagonalGaussian(3)), [(6,)]),
        (lb.DiagonalGaussian(3, scale=lb.FixedScale(jnp.ones(3))), []),
        (lb.DiagonalGaussian(3, scale=lb.LearnedScale()), [()]),
        (lb.DiagonalGaussian(3, scale=lb.LearnedScale(3)), [(3,)]),
        ({"counts": jnp.arange(3), "real": jnp.ones(2), "name": "x"}, [(2,)]),
        ([dist.Normal(jnp.zeros(2), 1.0), np.ones(4, np.float32)], [(4,)]),
    ],
    ids=lambda value: None if isinstance(value, list) else type(value).__name__,
)
def test_trained_leaves(part, shapes):
    assert [leaf.shape for leaf in trained(part)] == shapes


def test_the_two_halves_are_the_model():
    model = {"free": NETWORK, "fixed": lb.Fixed(NETWORK), "prior": dist.Normal(jnp.zeros(2), 1.0)}
    whole = eqx.combine(*partition(model))
    assert jax.tree.structure(whole) == jax.tree.structure(model)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_fixed_is_called_in_the_place_of_its_part():
    np.testing.assert_array_equal(lb.Fixed(NETWORK)(jnp.ones(2)), NETWORK(jnp.ones(2)))


class TestConstant:
    def test_is_equal_by_type_and_content(self):
        (a, same_a), (b, same_b) = constants()
        assert (a.content == same_a.content, b.content == same_b.content) == (True, True)
        assert hash(a.content) == hash(same_a.content)
        assert a.content != b.content
        assert a.content != Constant(dist.Laplace(jnp.zeros(2), 1.0).to_event(1)).content

    def test_a_program_is_compiled_for_each_content_and_no_oftener(self):
        traces = []

        @eqx.filter_jit
        def log_density(constant, z):
            traces.append(constant)
            return constant().log_prob(z)

        for a, same in constants():
            z = jnp.asarray([0.5, 1.0])
            assert log_density(a, z) == log_density(same, z) == pytest.approx(float(a().log_prob(z)))
        assert len(traces) == 2
