"""From options to an objective: what goes with what, and what is taken where nothing is said."""

import jax.numpy as jnp
import numpy as np
import pyarrow
import pytest

import lowerbound as lb
from lowerbound.assembly import build, objective_named, weights_of_columns
from lowerbound.data.schema import Schema

WORDS = pyarrow.table({"word": ["aba", "cab", "bac", "abc"] * 5, "mass": np.linspace(0.5, 2.5, 20).tolist()})
TEXT = Schema.of(WORDS, kinds={"word": "tokens"})


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
        (
            lambda: build(np.eye(3), network="sequence-gru"),
            "network: sequence-gru reads text, found no column of tokens; say which",
        ),
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


@pytest.mark.parametrize("network", ["sequence-conv", "sequence-gru", "sequence-attention"])
def test_a_named_network_reads_the_text(network):
    """What it reads is all that the encoder sees of a text: the model has a code of each row, in which the
    text tells."""
    built = build(TEXT.rows(WORDS), latent_dim=2, width=8, network=network).model
    (reader,) = built.posterior.network.readers
    assert type(reader).__name__.lower() == network.replace("-", "")
    code = lb.encode(built, TEXT.rows(WORDS.slice(0, 2)))
    assert np.abs(code[0] - code[1]).max() > 1e-3
    assert built.posterior.network.network.in_size == 8 + lb.Features.inputs(
        levels=(0,), margins=built.posterior.network.margins
    )


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:the bound still rose")
def test_a_property_that_counts_more_is_known_better():
    """An estimator whose code has one dimension for two columns gives it to the one that counts."""
    random = np.random.default_rng(0)
    table = pyarrow.table({name: random.normal(size=400) for name in ("a", "b")})
    off = {}
    for name in ("a", "b"):
        vae = lb.VariationalAutoencoder(
            1, prior="standard-normal", width=16, depth=1, epochs=150, batch_size=32, objective="elbo",
            column_weights={name: 20}, evidence_method="importance", evidence_samples=10, random_state=0,
        ).fit(table)  # fmt: skip
        again = vae.inverse_transform(vae.transform(table))
        off[name] = np.mean((np.asarray(again) - np.column_stack([table["a"], table["b"]])) ** 2, axis=0)
    assert off["a"][0] < 0.5 * off["b"][0]
    assert off["b"][1] < 0.5 * off["a"][1]
