"""What a program is traced for, in words."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.data.spelled import spelled
from lowerbound.evidence.rungs import RUNGS, Budget


def model_of(width=8, seed=0, family=lb.Bernoulli):
    latent, pixels, key = lb.DiagonalGaussian(2), family(4), jax.random.key(seed)
    return lb.VAE(
        lb.StandardNormal(2),
        lb.Conditional(lb.MLP(4, latent.size, width=width, key=key), latent),
        lb.Conditional(lb.MLP(2, pixels.size, width=width, key=key), pixels),
    )


def test_models_that_differ_in_their_weights_alone_are_spelled_alike():
    assert spelled(model_of(seed=0)) == spelled(model_of(seed=1))


@pytest.mark.parametrize("other", [{"width": 9}, {"family": lb.DiagonalGaussian}])
def test_models_that_differ_in_more_are_not(other):
    assert spelled(model_of()) != spelled(model_of(**other))


def test_what_a_rung_needs_is_json():
    def words(samples):
        budget = Budget(samples, None, 64, 100, 80)
        constants = RUNGS["refined"].constants(model_of(), jax.random.key(0), budget)
        return json.dumps(spelled(constants))

    assert words(1000) == words(1000)
    assert words(1000) != words(5000)  # another tail is kept


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0.1 + 0.2, 0.3),
        ((1, 2), [1, 2]),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(2, np.float32), jnp.zeros(2, jnp.int32)),
        (jax.random.key(0), jax.random.key(0, impl="rbg")),
        (lb.encode, lb.decode),
        (lb.Bernoulli, lb.Bernoulli(4)),
    ],
)
def test_what_differs_is_spelled_differently(one, other):
    assert json.dumps(spelled(one)) != json.dumps(spelled(other))


def function_of_a_test():
    pass


@pytest.mark.parametrize(
    "nameless",
    [lambda x: x, partial(lb.encode, key=1), function_of_a_test, object(), model_of, {1, 2}, b"bytes"],
    ids=lambda nameless: type(nameless).__name__,
)
def test_what_has_no_lasting_words_is_refused(nameless):
    with pytest.raises(TypeError, match="expected"):
        spelled((nameless,))
