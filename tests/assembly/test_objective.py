"""From options to an objective: what goes with what, and what is taken where nothing is said."""

import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.assembly import build, objective_named, weights_of_columns

from .words import TEXT, WORDS


@pytest.fixture(scope="module")
def model():
    return build(TEXT.rows(WORDS), latent_dim=2, width=8).model


def test_beta_rises_where_a_row_has_text(model):
    """In half of the steps, at most 4,000; and not where it is said, or another objective is."""
    assert objective_named(model=model, steps=100).beta == lb.WarmUp(50)
    assert objective_named("elbo", 0.5, model=model, steps=10**6).beta == lb.WarmUp(4000, end=0.5)
    assert objective_named(model=model, steps=100, warm_up=0) == lb.ELBO()
    assert objective_named("iwae", model=model, steps=100) == lb.IWAE()
    numbers = build(np.linspace(0, 1, 12).reshape(6, 2), latent_dim=2, width=8).model
    assert objective_named(model=numbers, steps=100) == lb.ELBO()
    assert objective_named(model=numbers, steps=100, warm_up=30).beta == lb.WarmUp(30)
    assert objective_named(model=numbers, steps=100, free_nats=2.5) == lb.ELBO(free_nats=2.5)


def test_each_place_of_a_column_has_its_weight():
    weights = weights_of_columns({"mass": 10}, TEXT)
    np.testing.assert_array_equal(weights, [1, 1, 1, 10])
    assert weights_of_columns({}, TEXT) is None
    objective = objective_named(column_weights=weights)
    np.testing.assert_array_equal(objective.column_weights, jnp.asarray(weights))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: weights_of_columns({"mas": 2}, TEXT),
            "column_weights: no column is called 'mas'; the nearest is 'mass'",
        ),
        (lambda: weights_of_columns({"mass": 2}, None), "column_weights: are of columns by name"),
        (lambda: objective_named("iwae", free_nats=3), "free_nats: goes with the objective elbo, found iwae"),
        (lambda: objective_named("iwae", warm_up=3), "warm_up: goes with the objective elbo, found iwae"),
        (
            lambda: objective_named(lb.ELBO(), column_weights=np.ones(2)),
            r"column_weights: goes with the objective elbo, found ELBO\(…\), which has its own",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
