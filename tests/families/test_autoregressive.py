"""Sequences: one pass and token by token are one density, which sums to 1 and which draws follow."""

from itertools import product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lowerbound as lb
from lowerbound.distributions.sequences import Sequences

from ..tables import cases

VOCABULARY, LENGTH, CONTEXT = 4, 3, 2
# All sequences of at most three of the tokens 1, 2, 3.
EVERY = np.array([x for x in product(range(VOCABULARY), repeat=LENGTH) if Sequences(VOCABULARY)(np.array(x))])
H = jnp.array([0.5, -1.0])


def context_of(network):
    """H, or as many of its multiples as the network has places."""
    return jnp.concatenate([H * k for k in range(1, 1 + network.context_size // CONTEXT)])


def gru(key):
    return lb.GRU(VOCABULARY, CONTEXT, width=8, key=key)


def window(key):
    return lb.CausalWindow(VOCABULARY, CONTEXT, window=2, width=8, key=key)


def placed(key):
    return lb.CausalWindow(VOCABULARY, LENGTH * CONTEXT, window=2, length=LENGTH, width=8, key=key)


def transformer(key):
    return lb.CausalTransformer(VOCABULARY, CONTEXT, length=LENGTH, width=8, depth=2, heads=2, key=key)


NETWORKS = {"GRU": gru, "CausalWindow": window, "places": placed, "CausalTransformer": transformer}


@pytest.fixture(params=cases(NETWORKS, fast=["GRU", "CausalTransformer"]))
def p(request):
    """Weights large enough for tokens to matter."""
    network = jax.tree.map(lambda a: 1.5 * a + 0.1, request.param(jax.random.key(0)))
    return lb.Autoregressive(network, LENGTH)(context_of(network))


def test_there_are_as_many_sequences_as_there_are_ways_to_end():
    assert len(EVERY) == 1 + 3 + 3**2 + 3**3


def test_it_sums_to_1_over_all_sequences(p):
    np.testing.assert_allclose(jnp.exp(p.log_prob(EVERY)).sum(), 1, atol=1e-5)


def test_one_pass_is_token_by_token(p):
    """To 1e-5 at each place of every sequence."""

    @jax.jit
    @jax.vmap
    def token_by_token(x):
        state, last, logits = p.network.start(p.context), jnp.asarray(0), []
        for token in x:
            state, of_next = p.network.step(state, last)
            logits.append(of_next)
            last = token
        return jnp.stack(logits)

    x = jnp.asarray(EVERY)
    at_once = jax.vmap(lambda x: p.network(x, p.context))(x)
    np.testing.assert_allclose(at_once, token_by_token(x), atol=1e-5)


def test_a_place_sees_nothing_from_itself_on(p):
    one, other = (p.network(jnp.array(x), p.context) for x in ([1, 2, 3], [1, 2, 1]))
    np.testing.assert_array_equal(one, other)
    assert (p.network(jnp.array([2, 2, 3]), p.context)[1:] != one[1:]).all()


def test_a_window_knows_its_place_where_it_is_told():
    """After the same token the next is as probable at each place, or not."""
    x = jnp.array([1, 1, 1])
    nowhere, knows = window(jax.random.key(0)), placed(jax.random.key(0))
    one, other = nowhere(jnp.array([1, 1, 1, 1]), H), knows(x, context_of(knows))
    np.testing.assert_array_equal(one[2], one[3])
    assert not np.allclose(other[1], other[2], atol=0.01)


def test_what_is_behind_an_end_is_no_sequence(p):
    wrong = np.array([[1, 0, 2], [0, 0, 1], [4, 0, 0], [-1, 0, 0], [1.5, 0, 0]])
    assert np.isneginf(p.log_prob(wrong)).all()
    assert not p.support(wrong).any()


def test_draws_follow_the_density(p):
    """Of 20,000 each sequence within 5 standard errors of as often as it is probable."""
    n = 20_000
    drawn = np.asarray(p.sample(jax.random.key(1), (n,)))
    codes, of_each = ((x @ VOCABULARY ** np.arange(LENGTH)).astype(int) for x in (drawn, EVERY))
    share = np.bincount(codes, minlength=VOCABULARY**LENGTH)[of_each] / n
    probable = np.exp(p.log_prob(EVERY))
    assert np.isin(codes, of_each).all()
    assert (np.abs(share - probable) < 5 * np.sqrt(probable * (1 - probable) / n) + 1e-4).all()


@pytest.mark.thorough
def test_a_draw_is_the_same_alone_and_among_others(p):
    """Of a row that ends early nothing more is drawn while others go on."""
    keys = jax.random.split(jax.random.key(2), 50)
    together = jax.jit(jax.vmap(p.sample))(keys)
    one = jax.jit(p.sample)
    alone = jnp.stack([one(key) for key in keys])
    np.testing.assert_array_equal(together, alone)


def test_of_a_place_behind_the_last_a_transformer_says_nothing():
    """Token by token, where an error would be too late: NaN, and a number at each place before."""
    network = transformer(jax.random.key(0))
    state, finite = network.start(H), []
    for _ in range(LENGTH + 1):
        state, logits = network.step(state, jnp.asarray(1))
        finite.append(bool(jnp.isfinite(logits).all()))
    assert finite == [True] * LENGTH + [False]


def test_the_point_takes_the_most_probable_token_each_time(p):
    family = lb.Autoregressive(p.network, LENGTH)
    x = np.zeros(LENGTH, int)
    for place in range(LENGTH):
        x[place] = p.network(jnp.asarray(x), p.context)[place].argmax()
        if not x[place]:
            break
    np.testing.assert_array_equal(family.point(p.context), x)


def test_gradients_are_those_of_differences(p):
    """∂/∂h, and along one direction of all weights, of the log-density of every sequence; in float64."""
    with jax.enable_x64(True):
        network = jax.tree.map(lambda a: jnp.asarray(np.asarray(a), float), p.network)
        random = np.random.default_rng(0)
        along = jax.tree.map(lambda a: jnp.asarray(random.normal(size=a.shape)), network)
        h = jnp.asarray(np.asarray(p.context), float)

        @jax.jit
        def log_p(t, h):
            moved = jax.tree.map(lambda a, b: a + t * b, network, along)
            return lb.Autoregressive(moved, LENGTH)(h).log_prob(EVERY)

        step = 1e-5
        of_weights = jax.jacfwd(log_p)(0.0, h)
        np.testing.assert_allclose(
            of_weights, (log_p(step, h) - log_p(-step, h)) / (2 * step), rtol=1e-5, atol=1e-6
        )
        of_h = jax.jacrev(log_p, 1)(0.0, h)
        for i, e in enumerate(step * np.eye(len(h))):
            np.testing.assert_allclose(
                of_h[:, i], (log_p(0.0, h + e) - log_p(0.0, h - e)) / (2 * step), rtol=1e-5, atol=1e-6
            )


def codes_of_sequences(make):
    """Two bits z behind sequences: log p(x) is a sum over four codes."""
    keys = jax.random.split(jax.random.key(3), 3)
    family = lb.Autoregressive(jax.tree.map(lambda a: 2 * a, make(keys[0])), LENGTH)
    bits = lb.Bernoulli(2)
    encoder = lb.OneHot(VOCABULARY, lb.MLP(LENGTH * VOCABULARY, 2, depth=0, key=keys[1]))
    decoder = lb.MLP(2, family.size, width=8, depth=1, key=keys[2])
    model = lb.VAE(lb.UniformCodes(2, 2), lb.Conditional(encoder, bits), lb.Conditional(decoder, family))
    codes = jnp.array([*product([0.0, 1.0], repeat=2)])
    exact = jax.nn.logsumexp(jnp.stack([model.p_x(z).log_prob(EVERY) for z in codes]), 0) - np.log(4)
    return model, np.asarray(exact)


@pytest.mark.parametrize("make", cases([gru, window, placed, transformer], fast=[gru]))
def test_the_evidence_is_the_sum_over_the_codes(make):
    """Every sequence's log p̂(x) of 4,000 samples within 5 of its errors (and 1e-4) of the exact one, and the
    exact ones sum to 1."""
    model, exact = codes_of_sequences(make)
    np.testing.assert_allclose(np.exp(exact).sum(), 1, atol=1e-5)
    found = lb.log_evidence(model, EVERY, samples=4000, method="importance")
    assert (np.abs(found.log_prob - exact) < 5 * found.standard_error + 1e-4).all()
    assert (found.standard_error < 0.1).all()


@pytest.mark.parametrize("make", cases([gru, transformer], fast=[gru]))
def test_a_model_of_sequences_is_saved_and_loaded(make, tmp_path):
    model, _ = codes_of_sequences(make)
    lb.save(model, tmp_path)
    loaded = lb.load(tmp_path)
    assert eqx.tree_equal(loaded, model)
    assert loaded.event().measure == "counting measure"
    np.testing.assert_array_equal(lb.sample(loaded, 20, key=1), lb.sample(model, 20, key=1))


@pytest.mark.thorough
def test_training_raises_the_bound_of_sequences():
    model, _ = codes_of_sequences(window)
    x = EVERY[np.random.default_rng(0).integers(0, len(EVERY), 300)]
    objective = lb.IWAE(samples=5, gradient="vimco")
    result = lb.fit(model, x, objective=objective, epochs=20, batch_size=50, validation=0)
    assert result.history[-1]["bound"] > result.history[0]["bound"] + 0.1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lb.GRU(0, 2, key=jax.random.key(0)), r"GRU\.vocabulary: .* found 0"),
        (lambda: lb.CausalWindow(3, 2, length=-1, key=jax.random.key(0)), r"CausalWindow\.length: .* -1"),
        (
            lambda: lb.CausalWindow(3, 4, length=3, key=jax.random.key(0)),
            r"CausalWindow\.context_size: expected a multiple of length=3, .* found 4",
        ),
        (lambda: lb.CausalWindow(3, 2, window=0, key=jax.random.key(0)), r"CausalWindow\.window: .* found 0"),
        (
            lambda: lb.CausalTransformer(3, 2, length=3, width=9, key=jax.random.key(0)),
            r"AttentionBlock\.heads: .* the width, 9, found 4",
        ),
        (
            lambda: placed(jax.random.key(0))(jnp.zeros(LENGTH + 1, int), jnp.zeros(LENGTH * CONTEXT)),
            r"CausalWindow: expected at most length=3 tokens, found 4",
        ),
        (
            lambda: transformer(jax.random.key(0))(jnp.zeros(LENGTH + 1, int), H),
            r"CausalTransformer: expected at most length=3 tokens, found 4",
        ),
        (lambda: lb.Autoregressive(gru(jax.random.key(0)), 0), r"Autoregressive\.length: .* found 0"),
    ],
)
def test_a_size_that_is_none_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
