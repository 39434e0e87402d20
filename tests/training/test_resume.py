"""A run goes on from a state of its own, and from no other; what is another is named."""

import jax
import numpy as np
import optax
import pytest

import lowerbound as lb

from .conftest import small_model

OPTIONS = {"epochs": 1, "batch_size": 32, "optimizer": lb.NAdam()}


@pytest.fixture(scope="module")
def state(rows):
    return lb.fit(small_model(), rows, **OPTIONS).state


def flipped(rows):
    other = rows.copy()
    other[17, 3] ^= 1
    return other


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda rows: {"x": flipped(rows)}, "expected the x of the call"),
        (lambda rows: {"x": rows[::-1]}, "expected the x of the call"),
        (lambda rows: {"key": 1}, "expected the key of the call"),
        (lambda rows: {"validation": 0.2}, "expected the validation of the call"),
        (lambda rows: {"batch_size": 33}, "found another batch_size"),
        (lambda rows: {"objective": lb.ELBO(beta=2.0)}, "found another objective"),
        (lambda rows: {"objective": lb.IWAE(5)}, "found another objective"),
        (lambda rows: {"optimizer": lb.NAdam(learning_rate=1e-3)}, "found another optimizer"),
        (
            lambda rows: {"optimizer": optax.sgd(1e-3)},
            r"of another optimizer: .* in the state, none in this call",
        ),
        (lambda rows: {"optimizer": lb.NAdam(averaging=None)}, "of another optimizer"),
        (lambda rows: {"weight_prior": 1.0}, "found another weight_prior"),
        (
            lambda rows: {"model": small_model(width=8)},
            r"of another model: posterior.network.weights.0 is float32\[6,16\] in the",
        ),
    ],
)
def test_what_is_another_is_named(rows, state, change, what):
    with pytest.raises(ValueError, match=f"resume: .*{what}"):
        lb.fit(**{"model": small_model(), "x": rows, **OPTIONS, "resume": state, **change(rows)})


def test_validation_rows_are_held_against_it(rows):
    options = {**OPTIONS, "validation": rows[:40]}
    state = lb.fit(small_model(), rows, **options).state
    lb.fit(small_model(), rows, **options, resume=state)
    with pytest.raises(ValueError, match="found another validation"):
        lb.fit(small_model(), rows, **{**options, "validation": rows[1:41]}, resume=state)


def test_more_epochs_and_what_watches_a_run_may_change(rows, state):
    changes = {"epochs": 3, "patience": 7, "precision": "bfloat16", "callbacks": [print]}
    result = lb.fit(small_model(), rows, **{**OPTIONS, **changes}, resume=state)
    assert int(result.state.step) > int(state.step)


def test_the_state_stays_the_callers(rows, state):
    before = [np.array(leaf) for leaf in jax.tree.leaves(state)]
    lb.fit(small_model(), rows, **{**OPTIONS, "epochs": 2}, resume=state)
    for was, leaf in zip(before, jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(was, leaf)


def test_afresh_another_run_begins_on_any_rows(rows, state):
    begun = state.afresh(jax.random.key(3))
    result = lb.fit(small_model(), 1 - rows[:200], **{**OPTIONS, "batch_size": 20}, resume=begun)
    assert result.history[0]["step"] == int(result.state.step)
    assert result.state.origin
